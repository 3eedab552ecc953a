"""Without POSIX file locks, as on Windows: what still works, and what is said of the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RECORD = Path(__file__).parents[2] / "leaderboard" / "records" / "split_digits.h5"
# A process without locks that runs the command lines it is given, and says how each of them ended.
WITHOUT = """
import sys
sys.modules["fcntl"] = None
sys.modules["resource"] = None
sys.modules["termios"] = None
import contextlib, io, json
from clbench.cli import main

ends = []
for line in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(line)
        except SystemExit as leaving:
            ends.append([leaving.code or 0, out.getvalue(), err.getvalue()])
print(json.dumps(ends))
"""
LOOKS = {
    "show": ["r.h5"],
    "compare": ["r.h5"],
    "export": ["r.h5", "--to", "csv", "--out", "r.csv"],
    "validate": ["split_digits"],
}
WRITES = {"run": ["split_digits"], "drop": ["r.h5", "er"]}


@pytest.fixture(scope="module")
def without_locks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder, and by command its exit code, what it printed and what it complained of."""
    folder = tmp_path_factory.mktemp("without_locks")
    (folder / "r.h5").write_bytes(RECORD.read_bytes())
    commands = LOOKS | WRITES
    lines = json.dumps([[command, *arguments] for command, arguments in commands.items()])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, lines], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder, dict(zip(commands, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("command", LOOKS)
def test_records_can_be_looked_at_and_nothing_is_left_out(without_locks, command: str) -> None:
    code, printed, complaints = without_locks[1][command]
    assert code == 0, complaints
    assert "warning" not in complaints
    assert "average_accuracy" in printed or command in ("export", "validate")


@pytest.mark.parametrize("command", WRITES)
def test_what_writes_records_is_refused_in_a_sentence(without_locks, command: str) -> None:
    folder, ends = without_locks
    code, _, complaints = ends[command]
    assert code == 2, complaints
    assert "run it in WSL" in complaints
    assert "internal error" not in complaints
    assert not (folder / "results").exists()
