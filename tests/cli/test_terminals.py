"""Tables in a real terminal of several widths: a pipe has no width, and hides what is cut."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_commands import PLUGIN

WIDTHS = (80, 100, 120, 160)
RECORD = Path(__file__).parents[2] / "leaderboard" / "records" / "split_digits.h5"
NAMES = ("naive", "joint", "cumulative", "er", "ewc", "online_ewc", "l1_activity", "er+ewc")
METRICS = ("average", "accuracy", "forgetting", "sparsity", "magnitude", "seconds", "seeds")

# A program that gives its terminal each width, and runs the command lines there.
CHILD = """
import fcntl, json, struct, sys, termios
from clbench.cli import main

widths, lines = json.loads(sys.argv[1])
for width in widths:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    for line in lines:
        print(f"#### {width} {line[0]}", flush=True)
        try:
            main(line)
        except SystemExit as leaving:
            print(f"#### left with {leaving.code}", flush=True)
"""


def in_a_terminal(folder: Path, *lines: list[str]) -> dict[tuple[int, str], str]:
    """What each command printed at each width, without colours."""
    import json

    parent, child = pty.openpty()
    environment = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")
    }
    environment |= {"TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps([WIDTHS, lines])],
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=folder,
        env=environment,
    )
    os.close(child)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", _read(parent)).replace("\r\n", "\n")
    assert process.wait() == 0, text
    printed = re.findall(r"#### (\d+) (\w+)\n(.*?)#### left with 0\n", text, re.DOTALL)
    assert len(printed) == len(WIDTHS) * len(lines), text
    return {(int(width), command): shown for width, command, shown in printed}


def _read(terminal: int) -> str:
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            piece = b""
        if not piece:
            os.close(terminal)
            return b"".join(pieces).decode()
        pieces.append(piece)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], str]:
    folder = tmp_path_factory.mktemp("terminal")
    # A copy: a comparison is noted in the record.
    (folder / "r.h5").write_bytes(RECORD.read_bytes())
    lines = ["show", "r.h5"], ["compare", "r.h5", "--baseline", "naive"]
    describe = ["describe", "split_digits"]
    return in_a_terminal(folder, *lines, describe)


@pytest.mark.parametrize("width", WIDTHS)
def test_show_keeps_every_name_and_every_number_whole(printed, width: int) -> None:
    text = printed[width, "show"]
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    tables = [
        part for part in re.split(r"\n\n(?=.*\n.*\n─|.*\n─|.*\n.*\n.*\n─)", text) if "─" in part
    ]
    assert len(tables) == (2 if width <= 100 else 1)
    for table in tables:
        words = table.split()
        assert {"class", "domain", "scenario", "strategy", *NAMES} <= set(words)
    assert all(metric in text for metric in METRICS)
    assert "19.4 ± 0.5" in text
    assert "0.0806 ± 0.0009" in text


@pytest.mark.parametrize("width", WIDTHS)
def test_compare_keeps_every_name_and_every_number_whole(printed, width: int) -> None:
    text = printed[width, "compare"]
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    summary = text.split("\n\n")[0]
    assert {"class", "domain", *NAMES} <= set(summary.split())
    assert re.search(r"-75\.8 \[-\d\d\.\d, -\d\d\.\d\]", text)


def test_run_ends_with_a_table_that_has_every_name(tmp_path: Path) -> None:
    import textwrap

    (tmp_path / "mine.py").write_text(textwrap.dedent(PLUGIN))
    line = ["run", "split_digits", "--smoke", "--seeds", "2", "--only", "naive,er+ewc"]
    line += ["--plugin", "mine.py", "--launcher", "inline", "--quiet"]
    for (width, _), text in in_a_terminal(tmp_path, line).items():
        table = text.split("\n\nmean ±")[0]
        assert max(map(len, table.splitlines())) <= width
        assert {"class", "domain", "naive", "er+ewc"} <= set(table.split())
        assert "…" not in table


@pytest.mark.parametrize("width", WIDTHS)
def test_what_describe_says_is_broken_between_words(printed, width: int) -> None:
    prose = printed[width, "describe"].split("\n\n")[1]
    assert max(map(len, prose.splitlines())) <= width
    assert "nothing to download." in " ".join(prose.split())
