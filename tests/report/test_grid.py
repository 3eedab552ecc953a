from __future__ import annotations

import io

import pytest
from rich.console import Console

from clbench.report.grid import Column, Grid, fold

NAMES = ("naive", "er(memory=400, replay_batch=10)", "er+ewc(strength=0.1)")
NUMBERS = ("19.4 ± 0.5", "96.3 ± 0.4", "-")
LONG = ("0.08056 ± 0.00087", "0.1090 ± 0.0002", "12,345,678,901")


def drawn(grid: Grid, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(grid)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def wide() -> Grid:
    """Two columns of names and eight of numbers."""
    names = [Column("scenario", ("class", "", "domain"), "name"), Column("strategy", NAMES, "name")]
    numbers = [Column(f"average_accuracy_{k}\n% ↑", NUMBERS) for k in range(4)]
    longs = [Column(f"weight_magnitude_{k}\n↓", LONG) for k in range(4)]
    return Grid([*names, *numbers, *longs])


def test_with_room_for_everything_nothing_is_folded() -> None:
    lines = drawn(wide(), 400).splitlines()
    assert len(lines) == 6  # two of headers, a rule, three rows
    assert "er(memory=400, replay_batch=10)" in lines[4]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 200])
def test_names_are_there_and_numbers_are_whole_at_every_width(width: int) -> None:
    text = drawn(wide(), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("19.4 ± 0.5") == 4
    assert text.count("0.08056 ± 0.00087") == 4
    assert text.count("12,345,678,901") == 4
    blocks = text.split("\n\n")
    assert all("naive" in block and "class" in block for block in blocks)


def test_a_name_is_broken_after_commas_and_brackets_never_within_a_number() -> None:
    assert fold("er(memory=400, replay_batch=10)", 16, "name") == [
        "er(memory=400,",
        "replay_batch=10)",
    ]
    assert fold("er(memory=400, x=1)", 12, "name") == ["er(memory=", "400, x=1)"]


def test_what_has_no_end_is_broken_somewhere() -> None:
    assert fold("a" * 10, 4, "name") == ["aaaa", "aaaa", "aa"]
    assert fold("average_incremental_accuracy", 16, "prose") == [
        "average_",
        "incremental_",
        "accuracy",
    ]


def test_columns_that_can_be_spared_go_first_and_are_named() -> None:
    grid = Grid(
        [
            Column("strategy", NAMES, "name"),
            Column("mean", NUMBERS),
            Column("smallest p", ("0.000488",) * 3, spare=1),
            Column("p", ("0.000488",) * 3, spare=2),
        ]
    )
    assert "no room" not in drawn(grid, 80)
    assert "no room here for smallest p; a wider" in drawn(grid, 40).replace("\n", " ")
    assert "\n\n" not in drawn(grid, 40)


def test_names_give_way_before_a_number_is_cut() -> None:
    text = drawn(Grid([Column("a", NAMES, "name"), Column("b", LONG)]), 26)
    assert "0.08056 ± 0.00087" in text
    assert max(map(len, text.splitlines())) <= 26


def test_prose_takes_the_room_that_is_left() -> None:
    prose = ("one two three four five six seven",)
    text = drawn(Grid([Column("name", ("x",), "name"), Column("what", prose, "prose")]), 20)
    assert text.splitlines()[2:] == ["x     one two three", "      four five six", "      seven"]


def test_wide_letters_are_counted_as_they_are_shown() -> None:
    grid = Grid([Column("name", ("漢字", "ab"), "name"), Column("n", ("1", "2"))])
    assert drawn(grid, 80).splitlines()[2:] == ["漢字  1", "ab    2"]


def test_a_cell_cannot_steer_the_terminal_or_begin_a_row() -> None:
    text = drawn(Grid([Column("name", ("a\x1b[31m\nb", "\u202ec"), "name")]), 80)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 4


def test_room_widens_a_column_of_numbers_only_where_its_header_unfolds() -> None:
    names = Column("strategy", ("naive", "joint", "er"), "name")
    grid = Grid([names, *(Column(f"a_long_metric_{k}", ("1.0", "2.0", "3.0")) for k in range(4))])
    rule = {width: drawn(grid, width).splitlines()[3] for width in (44, 48, 52, 54, 60)}
    assert {width: len(line) for width, line in rule.items()} == {
        44: 44,
        48: 44,
        52: 52,  # the first header stands in one line
        54: 52,
        60: 60,  # the second, too
    }
