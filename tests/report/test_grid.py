from __future__ import annotations

import io

import pytest
from rich.console import Console

from clbench.report.grid import Column, Grid, Kind, Placed, arrange, fold

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


# ---------------------------------------------------------------------- the steps, one by one


def widths(blocks: list[list[Placed]]) -> list[list[int]]:
    found = []
    for block in blocks:
        found.append([one.width for one in block])
    return found


def test_with_room_columns_are_as_wide_as_their_longest_line() -> None:
    columns = [Column("a\nlonger", ("x",), "name"), Column("n", ("1.25", "3"))]
    blocks, spared = arrange(columns, 80)
    assert (widths(blocks), spared) == ([[6, 4]], [])
    # 6 + a gap of 2 + 4 fit into 12 exactly.
    assert widths(arrange(columns, 12)[0]) == [[6, 4]]


def test_columns_are_spared_in_their_order_and_no_more_than_need_be() -> None:
    columns = [
        Column("name", ("x",), "name"),
        Column("late", ("1234567890",), spare=2),
        Column("early", ("1234567890",), spare=1),
        Column("kept", ("1234567890",)),
    ]
    # 4 + 10 + 10 + 10 and three gaps of 2 are 40; without one number 28; without both 16.
    for width, names in ((40, []), (39, ["early"]), (28, ["early"]), (27, ["early", "late"])):
        _, spared = arrange(columns, width)
        assert [column.header for column in spared] == names


def test_what_is_too_wide_goes_on_below_with_the_names_repeated() -> None:
    numbers = [Column(f"n{k}", ("1234567890",)) for k in range(3)]
    blocks, _ = arrange([Column("name", ("x",), "name"), *numbers], 28)
    first, second = blocks
    assert [one.header for one in first] == [["name"], ["n0"], ["n1"]]
    assert [one.header for one in second] == [["name"], ["n2"]]


def test_names_in_the_middle_are_not_repeated() -> None:
    columns = [
        Column("name", ("x",), "name"),
        Column("n", ("1234567890",)),
        Column("other", ("y",), "name"),
    ]
    blocks, _ = arrange(columns, 16)
    first, second = blocks
    assert [one.header for one in first] == [["name"], ["n"]]
    assert [one.header for one in second] == [["name"], ["other"]]


def test_rows_of_a_block_are_as_high_as_their_highest_cell() -> None:
    grid = Grid([Column("name", ("er(a=1, b=2, c=3)",), "name"), Column("n", ("1",))])
    text = drawn(grid, 16).splitlines()
    # The number stands beside the first line of the name.
    assert text[-2:] == ["er(a=1, b=2,   1", "c=3)"]


def test_headers_stand_on_the_rule() -> None:
    grid = Grid([Column("two words", ("1",)), Column("b", ("2",))])
    assert drawn(grid, 8).splitlines() == ["  two", "words  b", "────────", "    1  2"]


def test_a_section_begins_with_a_blank_line() -> None:
    column = Column("name", ("a", "b", "c"), "name")
    assert drawn(Grid([column], sections=frozenset({2})), 80).splitlines() == [
        *("name", "────"),
        *("a", "b", "", "c"),
    ]


def test_a_table_may_go_without_headers_and_rule() -> None:
    grid = Grid([Column("", ("a", "b"), "name"), Column("", ("1", "22"))], ruled=False)
    assert drawn(grid, 80).splitlines() == ["a   1", "b  22"]


@pytest.mark.parametrize(
    ("text", "width", "kind", "lines"),
    [
        ("", 5, "prose", [""]),
        ("a b", 3, "prose", ["a b"]),
        ("a b", 2, "prose", ["a", "b"]),
        ("one\ntwo", 9, "prose", ["one", "two"]),
        ("train_seconds", 8, "number", ["train_", "seconds"]),
        ("a/b|c:d", 2, "name", ["a/", "b|", "c:", "d"]),
    ],
)
def test_text_is_folded_where_its_kind_may_be(
    text: str, width: int, kind: Kind, lines: list[str]
) -> None:
    assert fold(text, width, kind) == lines


@pytest.mark.parametrize("width", [1, 3, 7, 20])
def test_folding_loses_no_letter(width: int) -> None:
    text = "er(memory=400, replay_batch=10)"
    assert "".join(fold(text, width, "name")).replace(" ", "") == text.replace(" ", "")
