"""Drawing in a terminal: shades, bars, curves in one line."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from clbench.report.bins import bin_names
from clbench.report.plots import BEST, WORST, Matrix, bars, shade, sparkline

NAN = np.nan


def printed(matrix: Matrix, width: int = 200) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(matrix)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def background(value: float) -> tuple[int, ...]:
    style = shade(value).style
    assert not isinstance(style, str)
    assert style.bgcolor is not None
    return tuple(style.bgcolor.get_truecolor())


# ---------------------------------------------------------------------- one accuracy


@pytest.mark.parametrize(
    ("value", "text"), [(0.931, "93.1"), (1.0, "100.0"), (0.0, "0.0"), (NAN, "·")]
)
def test_an_accuracy_in_percent(value: float, text: str) -> None:
    assert shade(value).plain.strip() == text


def test_fields_are_as_wide_as_one_another() -> None:
    assert len(shade(0.05).plain) == len(shade(1.0).plain) == len(" 100.0 ")


def test_shades_go_from_the_worst_colour_to_the_best() -> None:
    assert background(0.0) == WORST
    assert background(1.0) == BEST
    # Half way between each of the three.
    assert background(0.5) == tuple(round((a + b) / 2) for a, b in zip(WORST, BEST, strict=True))


def test_beyond_what_is_possible_the_shade_stays() -> None:
    assert background(1.5) == BEST
    assert background(-0.5) == WORST


@pytest.mark.parametrize(("value", "colour"), [(0.5, "black"), (0.51, "white")])
def test_letters_are_light_on_a_dark_shade(value: float, colour: str) -> None:
    style = shade(value).style
    assert not isinstance(style, str)
    assert style.color is not None
    assert style.color.name == colour


# ---------------------------------------------------------------------- the matrix


def test_a_row_for_each_task_learnt_below_that_of_nothing() -> None:
    accuracy = np.array([[0.1, 0.2], [0.9, 0.3], [0.5, 0.8]])
    lines = printed(Matrix(accuracy, ["1", "2"]))
    head, _, *rows = [line for line in lines if line]
    assert head.split() == ["after", "training", "task", "1", "task", "2"]
    assert [row.split() for row in rows] == [
        ["nothing", "10.0", "20.0"],
        ["task", "1", "90.0", "30.0"],
        ["task", "2", "50.0", "80.0"],
    ]


def test_blocks_of_tasks_are_named_as_they_are() -> None:
    lines = printed(Matrix(np.full((2, 1), 0.5), ["1-50"]))
    assert "1-50" in lines[0]
    assert "task" not in lines[0]


def test_many_tasks_are_thinned_out() -> None:
    lines = printed(Matrix(np.full((2001, 2000), 0.5), bin_names(2000, 1)))
    assert "task 2000" in lines[0]
    assert len(lines) < 20
    assert str(bars(np.full(2000, 0.5))).splitlines()[-1].split() == ["1", "2000"]


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_a_matrix_shows_as_many_tasks_as_there_is_room_for_and_cuts_no_number(width: int) -> None:
    lines = printed(Matrix(np.full((21, 20), 0.5), bin_names(20, 1)), width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    head, last = lines[0].split("task")[1:], lines[-1].split()[2:]
    assert len(head) == len(last) == min(12, (width - 14) // 9)
    assert set(last) == {"50.0"}
    assert (head[0].strip(), head[-1].strip()) == ("1", "20")


# ---------------------------------------------------------------------- bars


def test_a_bar_is_as_high_as_its_fraction() -> None:
    lines = bars(np.array([1.0, 0.5, 0.25]), height=4).plain.splitlines()
    # Of 4 lines the first bar fills all, the second two, the third one.
    assert [line.count("█") // 3 for line in lines[:4]] == [1, 1, 2, 3]
    assert lines[0].startswith("100 % │")
    assert lines[2].startswith(" 50 % │")
    assert lines[4].startswith("  0 % └")
    assert lines[5].split() == ["1", "2", "3"]


def test_eighths_of_a_line_are_seen() -> None:
    lines = bars(np.array([1 / 16]), height=2).plain.splitlines()
    assert lines[0] == "100 % │"
    # 1/16 of two lines of eight eighths is one of them.
    assert lines[1] == " 50 % │▁▁▁"


@pytest.mark.parametrize("value", [NAN, -0.5, 0.0])
def test_nothing_is_drawn_without_a_value_above_0(value: float) -> None:
    lines = bars(np.array([value]), height=2).plain.splitlines()
    assert lines[:2] == ["100 % │", " 50 % │"]


def test_no_bar_is_higher_than_100_percent() -> None:
    assert bars(np.array([7.0]), height=2).plain == bars(np.array([1.0]), height=2).plain


@pytest.mark.parametrize(("count", "width"), [(15, 60), (16, 16), (60, 60)])
def test_many_bars_are_a_letter_wide(count: int, width: int) -> None:
    axis = bars(np.ones(count)).plain.splitlines()[-2]
    assert axis == "  0 % └" + "─" * width


def test_of_many_values_a_bar_is_the_mean_of_a_bin() -> None:
    values = np.tile([0.0, 1.0], 60)  # 120 values in 60 bins of two: half each
    lines = bars(values, height=2).plain.splitlines()
    assert lines[0] == "100 % │"
    assert lines[1] == " 50 % │" + "█" * 60
    assert lines[-1].split() == ["1", "120"]
    assert len(lines[-1]) == len(lines[-2])


# ---------------------------------------------------------------------- curves in a line


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0.0, 1.0], "▁█"),
        ([5.0, 3.0, 4.0], "█▁▅"),  # in the middle 1 + round(7 / 2) = 5 eighths
        ([2.0, 2.0, 2.0], "▅▅▅"),  # what never changes lies in the middle
        ([0.0, NAN, 7.0], "▁ █"),
        ([NAN, NAN], ""),
        ([], ""),
    ],
)
def test_a_curve_between_its_own_ends(values: list[float], drawn: str) -> None:
    assert sparkline(np.array(values)) == drawn


def test_the_scale_of_a_curve_does_not_matter() -> None:
    values = np.random.default_rng(0).random(20)
    assert sparkline(1000 * values - 7) == sparkline(values)


@pytest.mark.parametrize(("count", "letters"), [(60, 60), (61, 31), (120, 60), (121, 41)])
def test_a_long_curve_is_drawn_in_means(count: int, letters: int) -> None:
    assert len(sparkline(np.arange(count, dtype=float), 60)) == letters


def test_a_rising_curve_never_falls() -> None:
    drawn = sparkline(np.arange(8.0))
    assert drawn == "▁▂▃▄▅▆▇█"
