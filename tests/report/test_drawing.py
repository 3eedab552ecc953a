"""What all figures share: panels, titles, colours, and where axes end."""

from __future__ import annotations

import re

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clbench.report.drawing import (
    AIR,
    COLOURS,
    LINES,
    MARKERS,
    STYLE,
    axis_label,
    box_with_points,
    headed,
    heading,
    lines_key,
    look,
    panels,
    run_words,
    shown,
    styled,
    width_beside,
    within,
    write_percentages,
)


@pytest.fixture
def ax() -> Axes:
    axes: Axes = Figure().subplots()
    return axes


# ---------------------------------------------------------------------- the style


def test_our_style_ends_with_the_drawing() -> None:
    before = matplotlib.rcParams["font.size"]
    with styled():
        assert matplotlib.rcParams["font.size"] == STYLE["font.size"]
    assert matplotlib.rcParams["font.size"] == before


@pytest.mark.parametrize(
    ("count", "columns", "shape"), [(1, 2, (1, 1)), (2, 2, (2, 1)), (3, 2, (2, 2)), (7, 3, (3, 3))]
)
def test_panels_stand_in_rows_of_their_size(
    count: int, columns: int, shape: tuple[int, int]
) -> None:
    figure, axes = panels(count, 3.0, 2.0, columns)
    assert len(axes) == count
    across, down = shape
    assert figure.get_size_inches().tolist() == [3.0 * across, 2.0 * down]


def test_places_without_a_panel_are_empty() -> None:
    figure, axes = panels(3, 3.0, 2.0)
    assert [ax in axes for ax in figure.axes] == [True, True, True, False]
    assert not figure.axes[-1].axison


def test_no_two_of_32_strategies_look_alike() -> None:
    looks = look([f"m{number}" for number in range(32)])
    assert len({tuple(one.values()) for one in looks.values()}) == 32
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in COLOURS)


def test_the_first_strategies_have_the_first_colours_on_whole_lines() -> None:
    looks = list(look("abcdefgh").values())
    assert [one["color"] for one in looks] == list(COLOURS)
    assert {one["linestyle"] for one in looks} == {LINES[0]}
    assert [one["marker"] for one in looks] == list(MARKERS)


# ---------------------------------------------------------------------- words


def test_a_title_is_wrapped_to_the_width_of_its_axis(ax) -> None:
    headed(ax, "a title that is too long for one inch", 1.0)
    title = ax.get_title(loc="left")
    # 110 letters of size 1 an inch, so 11 of size 10.
    assert max(map(len, title.split("\n"))) <= 11
    assert title.replace("\n", " ") == "a title that is too long for one inch"


def test_lines_of_a_title_stay_lines_and_names_are_not_broken_at_hyphens(ax) -> None:
    headed(ax, "seq-mnist-long-name\non two", 2.0)
    assert ax.get_title(loc="left") == "seq-mnist-long-name\non two"


def test_a_narrow_axis_has_room_for_eight_letters(ax) -> None:
    headed(ax, "eighteen", 0.1)
    assert ax.get_title(loc="left") == "eighteen"


@pytest.mark.parametrize(("several", "words"), [(False, "er"), (True, "er\non split")])
def test_a_panel_of_a_cell_names_its_scenario_where_there_are_several(
    made, several: bool, words: str
) -> None:
    assert heading(made.cell("er", [0.5]), several=several) == words


def test_a_run_is_named_by_its_seed(made) -> None:
    cell = made.cell("er", [0.5, 0.6], seed=np.array([3, 8]))
    assert run_words(cell, 1, several=False) == "er, seed 8"
    assert run_words(cell, 0, several=True) == "er on split, seed 3"


def test_panels_are_wide_enough_for_the_longest_name() -> None:
    letter = width_beside(["ab"]) - width_beside(["a"])
    assert width_beside(["a", "a" * 11, "aaa"]) - width_beside(["a"]) == pytest.approx(10 * letter)


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("average_accuracy", "average_accuracy (%)"),
        ("train_seconds", "train_seconds (seconds)"),
    ],
)
def test_an_axis_has_the_metric_and_its_unit(made, metric: str, label: str) -> None:
    cells = made.cells({"a": [0.5, 0.6]}, cost={"train_seconds": np.array([1.0, 2.0])})
    assert axis_label(made.compared(*cells, metric=metric)) == label


def test_fractions_are_shown_in_percent() -> None:
    assert shown(0.25, "fraction") == 25
    assert shown(np.array([0.25]), "seconds").tolist() == [0.25]


# ---------------------------------------------------------------------- limits


def test_an_axis_ends_a_little_beyond_what_is_possible(ax) -> None:
    ax.set_ylim(-50, 150)
    within(ax, "y", (0.0, 1.0), "fraction")
    air = AIR * 200
    assert ax.get_ylim() == (pytest.approx(-air), pytest.approx(100 + air))
    ticks = ax.get_yticks()
    assert (min(ticks), max(ticks)) == (0, 100)


def test_an_axis_within_what_is_possible_stays(ax) -> None:
    ax.set_xlim(40, 60)
    within(ax, "x", (0.0, 1.0), "fraction")
    assert ax.get_xlim() == (40, 60)
    assert all(40 <= tick <= 60 for tick in ax.get_xticks())


def test_without_limits_nothing_is_cut(ax) -> None:
    ax.set_xlim(-5, 500)
    before = ax.get_xticks().tolist()
    within(ax, "x", None, "fraction")
    assert ax.get_xlim() == (-5, 500)
    assert ax.get_xticks().tolist() == before


# ---------------------------------------------------------------------- fields, boxes, keys


def test_numbers_of_fields_can_be_read_on_their_shade(ax) -> None:
    write_percentages(ax, np.array([[54.4, np.nan], [55.0, 99.6]]))
    told = {text.get_position(): (text.get_text(), text.get_color()) for text in ax.texts}
    # A field is at (column, row); nothing is written where nothing was measured.
    assert told == {
        (0, 0): ("54", "white"),
        (0, 1): ("55", "black"),
        (1, 1): ("100", "black"),
    }


def test_a_box_has_a_point_for_each_value(ax) -> None:
    values = np.array([1.0, 2.0, 2.0, 9.0])
    box_with_points(ax, 3.0, values, width=0.5)
    (points,) = ax.collections
    places = np.asarray(points.get_offsets())
    assert places[:, 0].tolist() == values.tolist()
    assert (np.abs(places[:, 1] - 3.0) <= 0.5 * 0.3).all()
    assert len(set(places[:, 1])) == 4  # equal values are seen apart


def test_the_median_is_a_line_of_the_box(ax) -> None:
    box_with_points(ax, 0.0, np.array([1.0, 2.0, 4.0]))
    medians = [line for line in ax.lines if line.get_color() == "black"]
    assert [list(line.get_xdata()) for line in medians] == [[2.0, 2.0]]


def test_the_same_number_of_values_is_spread_in_the_same_way() -> None:
    heights = []
    for _ in range(2):
        ax = Figure().subplots()
        box_with_points(ax, 0.0, np.arange(5.0))
        heights.append(np.asarray(ax.collections[0].get_offsets())[:, 1].tolist())
    assert heights[0] == heights[1]


def test_a_key_says_what_lines_mean() -> None:
    figure = Figure()
    lines_key(figure, {"thin": {"linewidth": 0.5}, "red": {"color": "red"}})
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["thin", "red"]
    thin, red = legend.get_lines()
    assert (thin.get_linewidth(), red.get_color()) == (0.5, "red")
