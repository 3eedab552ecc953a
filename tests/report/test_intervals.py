"""One interval for a mean of runs, whoever shows it, and none beyond what is possible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

import clbench
from clbench.report.compared import Comparison
from clbench.report.curves import AVERAGE, accuracy_intervals, course_by_seed
from clbench.report.figures_boxes import boxes
from clbench.report.figures_runs import (
    accuracy_over_tasks,
    cost_against_accuracy,
    forgetting_curves,
)
from clbench.report.leaderboard import leaderboard
from clbench.report.numbers import estimate
from clbench.report.page_data import page_data

RUNS = (0.598, 0.66, 0.71, 0.73, 0.747)
NEAR_ONE = (0.93, 0.99, 1.0, 1.0, 1.0)


def students(values: tuple[float, ...]) -> tuple[float, float]:
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return float(low), float(high)


def test_show_compare_the_page_and_the_figures_have_one_interval(made, tmp_path: Path) -> None:
    cells = made.cells({"a": RUNS, "b": RUNS[::-1]})
    path = made.save(tmp_path / "r.h5", *cells)
    results = clbench.load(path)
    shown = estimate(results.cells[0], np.array(RUNS))
    assert shown is not None
    row = next(row for row in clbench.compare(path).summary if row.strategy == "a")
    (section,) = page_data(leaderboard([path], tmp_path / "board"))["sections"]
    on_page = next(one for one in section["rankings"][0]["summary"] if one["strategy"] == "a")
    _, _, low, high = section["entries"][0]["curves"]["average"]["points"][-1]
    drawn = accuracy_intervals(course_by_seed(results, results.cells[0], AVERAGE))[-1]
    for ends in (
        (shown.mean - shown.half, shown.mean + shown.half),
        (row.ci_low, row.ci_high),
        (on_page["ci_low"], on_page["ci_high"]),
        (low, high),
        (drawn.low, drawn.high),
    ):
        assert ends == pytest.approx(students(RUNS), rel=1e-5)


def test_differences_have_students_interval_too(made) -> None:
    other = (0.61, 0.62, 0.70, 0.74, 0.76)
    found = made.compared(*made.cells({"a": RUNS, "b": other})).pairs[0]
    expected = students(tuple(np.subtract(RUNS, other)))
    assert (found.ci_low, found.ci_high) == pytest.approx(expected)


@pytest.fixture
def near_one(made) -> Comparison:
    table = {"a": NEAR_ONE, "b": 1 - np.array(NEAR_ONE)}
    cells = []
    for scenario in ("one", "two", "three"):
        cells += made.cells(table, scenario)
    for cell in cells:
        cell.cost["train_seconds"] = np.full(cell.members, 2.0)
    return made.compared(*cells)


def test_no_accuracy_is_said_to_lie_beyond_0_or_100_percent(near_one: Comparison) -> None:
    assert students(NEAR_ONE)[1] > 1
    for row in (*near_one.summary, *near_one.overall.ranks):
        assert 0 <= row.ci_low <= row.mean <= row.ci_high <= 1
    assert {row.ci_high for row in near_one.summary if row.strategy == "a"} == {1.0}
    assert near_one.pairs[0].difference == pytest.approx(0.968)
    assert near_one.pairs[0].ci_high > 1  # of a difference, which is cut nowhere


def test_what_may_be_negative_is_not_cut(made) -> None:
    found = made.compared(*made.cells({"a": NEAR_ONE, "b": NEAR_ONE}), metric="backward_transfer")
    assert found.limits is None


@pytest.mark.parametrize(
    ("draw", "side"),
    [
        (accuracy_over_tasks, "y"),
        (forgetting_curves, "y"),
        (cost_against_accuracy, "y"),
        (boxes, "x"),
    ],
)
def test_no_axis_has_ticks_beyond_0_or_100_percent(near_one: Comparison, draw, side: str) -> None:
    figure: Figure = draw(near_one)
    figure.canvas.draw()
    for ax in figure.axes[:3]:
        axis = getattr(ax, f"{side}axis")
        ticks = axis.get_majorticklocs()
        assert len(ticks) > 2
        assert ticks.min() >= 0
        assert ticks.max() <= 100
        low, high = axis.get_view_interval()
        assert -5 <= low < high <= 105
