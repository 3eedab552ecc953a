"""Without POSIX file locks, as on Windows: what still works, and what is said of the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RECORD = Path(__file__).parents[2] / "leaderboard" / "records" / "split_digits.h5"
WITHOUT = """
import sys
sys.modules["fcntl"] = None
sys.modules["resource"] = None
sys.modules["termios"] = None
from clbench.cli import main
main(sys.argv[1:])
"""


def without_locks(*line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *line], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "line",
    [
        ["show", str(RECORD)],
        ["compare", str(RECORD)],
        ["export", str(RECORD), "--to", "csv", "--out", "r.csv"],
        ["validate", "split_digits"],
    ],
)
def test_records_can_be_looked_at_and_nothing_is_left_out(line: list[str], tmp_path: Path) -> None:
    done = without_locks(*line, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert "average_accuracy" in done.stdout or line[0] in ("export", "validate")


@pytest.mark.parametrize("line", [["run", "split_digits"], ["drop", "r.h5", "er"]])
def test_what_writes_records_is_refused_in_a_sentence(line: list[str], tmp_path: Path) -> None:
    (tmp_path / "r.h5").write_bytes(RECORD.read_bytes())
    done = without_locks(*line, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "run it in WSL" in done.stderr
    assert "internal error" not in done.stderr
    assert not (tmp_path / "results").exists()
