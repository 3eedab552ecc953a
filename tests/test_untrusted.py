"""Text from files of strangers: in terminals and in spreadsheets."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from clbench.cli.output import say, tell
from clbench.cli.terminal import SafeConsole
from clbench.records import CellRecord, write_record
from clbench.untrusted import inert, printable

ESCAPE = "\x1b]52;c;aGk=\x07"  # would write to the clipboard
TURNED = "\u202etxt"


def test_what_is_no_letter_is_replaced() -> None:
    assert printable(f"er{ESCAPE}") == "er?]52;c;aGk=?"
    assert printable(TURNED) == "?txt"
    assert printable("two\nlines\tand é 漢字 ±") == "two\nlines\tand é 漢字 ±"


def test_everything_that_a_command_prints_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"a{ESCAPE}")
    tell(f"b{ESCAPE}")
    written = capsys.readouterr()
    assert "\x1b" not in written.out + written.err


def test_a_console_has_its_own_colours_and_lets_no_others_through() -> None:
    file = io.StringIO()
    SafeConsole(file=file, force_terminal=True, color_system="standard", highlight=False).print(
        f"[red]{ESCAPE}[/red]"
    )
    assert file.getvalue() == "\x1b[31m?]52;c;aGk=\x1b[0m\n"  # rich itself takes the bell away


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@a", "\t=1"])
def test_a_formula_is_no_formula_any_more(text: str) -> None:
    assert inert(text) == f"'{text}"
    assert inert("er(memory=5)") == "er(memory=5)"


@pytest.fixture
def hostile(project):
    """A record whose names, options and metrics steer terminals and are formulas."""
    accuracy = np.full((6, 3, 2), 0.5)
    labels = "=cmd", "er"  # a record whose names hold control characters is not read at all
    cells = [
        CellRecord(
            f"k{place}",
            "split",
            label,
            label,
            np.arange(6),
            accuracy * (1 - place / 10),
            options={f"memory{ESCAPE}": 5, "place": ESCAPE},
        )
        for place, label in enumerate(labels)
    ]
    metrics = [("average_accuracy", {}), (f"unknown{ESCAPE}", {})]
    path = project.folder / "r.h5"
    write_record(path, cells, suite="s", suite_text="name: s", environment={}, metrics=metrics)
    return project


@pytest.mark.parametrize(
    "line",
    [
        ["show", "r.h5"],
        ["show", "r.h5", "=cmd"],
        ["show", "r.h5", ESCAPE],
        ["compare", "r.h5"],
        ["compare", "r.h5", "--format", "markdown"],
        ["compare", "r.h5", "--format", "csv"],
    ],
)
def test_no_command_prints_what_steers_a_terminal(hostile, line: list[str]) -> None:
    answer = hostile.clbench(*line)
    text = answer.stdout + answer.stderr
    assert "\x1b" not in text
    assert "\x07" not in text
    assert len(text) > 20


def test_no_csv_file_has_a_cell_that_is_computed(hostile) -> None:
    folder = hostile.folder
    assert hostile.clbench("export", "r.h5", "--to", "csv").code == 0
    assert hostile.clbench("leaderboard", "r.h5", "--out", "board").code == 0
    compared = hostile.clbench("compare", "r.h5", "--format", "csv").stdout
    files = (folder / "r.csv", folder / "board" / "leaderboard.csv")
    for text in (*(file.read_text() for file in files), compared):
        rows = list(csv.DictReader(io.StringIO(text)))
        names = {row[key] for row in rows for key in ("strategy", "a", "b") if row.get(key)}
        assert "'=cmd" in names
        assert "=cmd" not in names
