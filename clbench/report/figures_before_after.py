"""Boxes of accuracy before and after: on a task just after it was learnt, and after all tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clbench.errors import UserError
from clbench.report.compared import Comparison
from clbench.report.curves import ACCURACIES, FINAL, LEARNT, course_by_seed, finished
from clbench.report.drawing import (
    COLOURS,
    box_with_points,
    grid_behind,
    headed,
    lines_key,
    panels,
    width_beside,
    within,
)
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEFORE, AFTER = COLOURS[0], COLOURS[1]
APART = 0.2  # how far the two boxes of a strategy are from its line
LOOKS = {
    "just after the task was learnt": {"linestyle": "none", "marker": "o", "color": BEFORE},
    "after all tasks": {"linestyle": "none", "marker": "o", "color": AFTER},
}
Pair = tuple[Array, Array]  # before and after


@dataclass(frozen=True)
class Panel:
    """By strategy, a number a seed: `[seeds]` before, and after; NaN where it was not measured."""

    heading: str
    pairs: Mapping[str, Pair]


def before_after(comparison: Comparison) -> Figure:
    """Two boxes a strategy: accuracy on a task just after it was learnt, and after all tasks.

    On the first task, and as the mean over all tasks but the last, behind which nothing comes.
    """
    found = _every_panel(comparison)
    most = max(len(panel.pairs) for panel in found)
    width = width_beside(name for panel in found for name in panel.pairs)
    figure, axes = panels(len(found), width, 1.1 + 0.46 * most)
    for ax, panel in zip(axes, found, strict=True):
        _boxes(ax, panel.pairs)
        headed(ax, panel.heading, 3.0)
    lines_key(figure, LOOKS)
    return figure


def _every_panel(comparison: Comparison) -> list[Panel]:
    """Scenario by scenario."""
    found: list[Panel] = []
    for scenario in comparison.scenarios:
        found += _panels(comparison, scenario)
    if not found:
        raise UserError(
            "no task was tested both when it was learnt and after all tasks;"
            " `evaluate: seen` does that"
        )
    return found


def _panels(comparison: Comparison, scenario: str) -> list[Panel]:
    """The first task and the mean of all but the last; with two tasks they are the same."""
    courses = _courses(comparison, scenario)
    earlier = max((learnt.shape[1] for learnt, _ in courses.values()), default=0)
    asked = {f"{scenario}: first task": slice(0, 1)}
    if earlier > 1:
        asked[f"{scenario}: mean of tasks 1 to {earlier}"] = slice(None)
    found = []
    for heading, tasks in asked.items():
        pairs = _means(courses, tasks)
        if any(map(_is_known, pairs.values())):
            found.append(Panel(heading, pairs))
    return found


def _courses(comparison: Comparison, scenario: str) -> dict[str, Pair]:
    """By strategy, `[seeds, tasks but the last]` when learnt, and at the end."""
    results = comparison.results
    found = {}
    for cell in results.cells:
        if cell.scenario == scenario and finished(cell) and cell.tasks > 1:
            learnt = course_by_seed(results, cell, LEARNT)
            kept = course_by_seed(results, cell, FINAL)
            found[cell.label] = learnt[:, :-1], kept[:, :-1]
    return found


def _means(courses: Mapping[str, Pair], tasks: slice) -> dict[str, Pair]:
    """By strategy, the means over these tasks, `[seeds]` each."""
    pairs = {}
    for label, (learnt, kept) in courses.items():
        pairs[label] = learnt[:, tasks].mean(axis=1), kept[:, tasks].mean(axis=1)
    return pairs


def _is_known(pair: Pair) -> bool:
    """Whether some seed has both."""
    before, after = pair
    return bool(np.isfinite(before + after).any())


def _boxes(ax: Axes, pairs: Mapping[str, Pair]) -> None:
    for line, (before, after) in enumerate(pairs.values()):
        _box(ax, line - APART, before, BEFORE)
        _box(ax, line + APART, after, AFTER)
    ax.set_yticks(range(len(pairs)), list(pairs))
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlabel("accuracy (%)")
    within(ax, "x", ACCURACIES, "fraction")
    grid_behind(ax)


def _box(ax: Axes, height: float, values: Array, colour: str) -> None:
    known = 100 * values[np.isfinite(values)]
    box_with_points(ax, height, known, width=0.3, colour=colour)
