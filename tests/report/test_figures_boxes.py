"""Boxes: a line a strategy in the order of the summary, a point a finished run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from clbench.errors import UserError
from clbench.report.figures_boxes import boxes

VALUES = np.array([0.5, 0.55, 0.6, 0.65])


def names(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def points(ax: Axes) -> list[list[float]]:
    """The values of the runs in each line."""
    found = []
    for collection in ax.collections:
        places = np.asarray(collection.get_offsets())
        found.append(np.round(places[:, 0], 6).tolist())
    return found


def test_a_point_a_run_in_percent_best_strategy_first(made) -> None:
    (ax,) = boxes(made.compared(*made.cells({"worse": VALUES, "best": VALUES + 0.3}))).axes
    assert names(ax) == ["best", "worse"]
    assert points(ax) == [[80, 85, 90, 95], [50, 55, 60, 65]]
    low, high = ax.get_ylim()
    assert low > high  # the first line is on top
    assert ax.get_xlabel() == "average_accuracy (%)"


def test_the_median_of_each_strategy_is_marked(made) -> None:
    (ax,) = boxes(made.compared(*made.cells({"a": VALUES, "b": VALUES + 0.3}))).axes
    medians = [line.get_xdata()[0] for line in ax.lines if line.get_color() == "black"]
    np.testing.assert_allclose(medians, [87.5, 57.5])


def test_a_panel_a_scenario(made) -> None:
    figure = boxes(made.compared(*made.three("one"), *made.three("two")))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one", "two"]


def test_each_scenario_has_its_own_order(made) -> None:
    one = made.cells({"a": VALUES, "b": VALUES + 0.3}, "one")
    two = made.cells({"a": VALUES + 0.3, "b": VALUES}, "two")
    first, second = boxes(made.compared(*one, *two)).axes
    assert (names(first), names(second)) == (["b", "a"], ["a", "b"])


@pytest.mark.parametrize(("lost", "name"), [(0, "a"), (1, "a (1 failed)"), (3, "a (3 failed)")])
def test_failed_runs_are_counted_and_not_drawn(made, lost: int, name: str) -> None:
    status = np.repeat(np.array(["diverged", "done"], dtype=object), [lost, 4 - lost])
    cell = made.cell("a", VALUES, member_status=status)
    (ax,) = boxes(made.compared(cell)).axes
    assert names(ax) == [name]
    assert points(ax) == [np.round(100 * VALUES[lost:], 6).tolist()]


def test_no_accuracy_is_beyond_100_percent(made) -> None:
    cell = made.cell("a", [0.99, 1.0, 1.0, 0.98])
    (ax,) = boxes(made.compared(cell)).axes
    assert max(ax.get_xticks()) <= 100
    assert ax.get_xlim()[1] < 101


def test_costs_are_in_their_own_unit(made) -> None:
    cost: dict[str, Any] = {"train_seconds": np.array([1.0, 2.0, 3.0, 4.0])}
    comparison = made.compared(made.cell("a", VALUES, cost=cost), metric="train_seconds")
    (ax,) = boxes(comparison).axes
    assert points(ax) == [[1, 2, 3, 4]]
    assert ax.get_xlabel() == "train_seconds (seconds)"


def test_without_values_there_is_nothing_to_draw(made) -> None:
    with pytest.raises(UserError, match="no run has a value of average_accuracy"):
        boxes(made.compared())
