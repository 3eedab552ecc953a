from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TORTURE = Path(__file__).parents[2] / "benchmarks" / "torture.py"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["group", "worker", "interrupt", "disk"])
def test_whatever_befalls_a_run_its_record_is_that_of_an_undisturbed_one(
    tmp_path: Path, how: str
) -> None:
    command = [
        sys.executable,
        str(TORTURE),
        "--kills",
        "4",
        "--epochs",
        "2",
        "--only",
        how,
        "--folder",
        str(tmp_path / "runs"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{how}: " in done.stdout
