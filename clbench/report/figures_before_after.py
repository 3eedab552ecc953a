"""Boxes of accuracy before and after: on a task just after it was learnt, and after all tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clbench.errors import UserError
from clbench.report.compared import Comparison
from clbench.report.curves import ACCURACIES, FINAL, LEARNT, course_by_seed, finished
from clbench.report.drawing import COLOURS, box_with_points, headed, panels, within
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEFORE, AFTER = COLOURS[0], COLOURS[1]
APART = 0.2  # how far the two boxes of a strategy are from its line


@dataclass(frozen=True)
class Panel:
    """By strategy, a number a seed: `[seeds]` before, and after; NaN where it was not measured."""

    heading: str
    pairs: Mapping[str, tuple[Array, Array]]


def before_after(comparison: Comparison) -> Figure:
    """Two boxes a strategy: accuracy on a task just after it was learnt, and after all tasks.

    On the first task, and as the mean over all tasks but the last, behind which nothing comes.
    """
    found: list[Panel] = []
    for scenario in comparison.scenarios:
        found += _panels(comparison, scenario)
    if not found:
        raise UserError(
            "no task was tested both when it was learnt and after all tasks;"
            " `evaluate: seen` does that"
        )
    most = max(len(panel.pairs) for panel in found)
    names = [name for panel in found for name in panel.pairs]
    width = 3.4 + 0.075 * max(map(len, names))  # inches; a letter takes about 0.075
    figure, axes = panels(len(found), width, 1.1 + 0.46 * most)
    for ax, panel in zip(axes, found, strict=True):
        _boxes(ax, panel.pairs)
        headed(ax, panel.heading, 3.0)
    _key(figure)
    return figure


def _panels(comparison: Comparison, scenario: str) -> list[Panel]:
    """The first task and the mean of all but the last; with two tasks they are the same."""
    results = comparison.results
    learnt: dict[str, Array] = {}  # by strategy, [seeds, tasks but the last]
    kept: dict[str, Array] = {}
    for cell in results.cells:
        if cell.scenario == scenario and finished(cell) and cell.tasks > 1:
            learnt[cell.label] = course_by_seed(results, cell, LEARNT)[:, :-1]
            kept[cell.label] = course_by_seed(results, cell, FINAL)[:, :-1]
    earlier = max((values.shape[1] for values in learnt.values()), default=0)
    asked = {f"{scenario}: first task": slice(0, 1)}
    if earlier > 1:
        asked[f"{scenario}: mean of tasks 1 to {earlier}"] = slice(None)
    found = []
    for heading, tasks in asked.items():
        pairs = {}
        for label in learnt:
            before, after = learnt[label][:, tasks], kept[label][:, tasks]
            pairs[label] = before.mean(axis=1), after.mean(axis=1)
        if any(np.isfinite(before + after).any() for before, after in pairs.values()):
            found.append(Panel(heading, pairs))
    return found


def _boxes(ax: Axes, pairs: Mapping[str, tuple[Array, Array]]) -> None:
    for line, (before, after) in enumerate(pairs.values()):
        _box(ax, line - APART, before, BEFORE)
        _box(ax, line + APART, after, AFTER)
    ax.set_yticks(range(len(pairs)), list(pairs))
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlabel("accuracy (%)")
    within(ax, "x", ACCURACIES, "fraction")
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)


def _box(ax: Axes, height: float, values: Array, colour: str) -> None:
    known = 100 * values[np.isfinite(values)]
    box_with_points(ax, height, known, width=0.3, colour=colour)


def _key(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    said = {"just after the task was learnt": BEFORE, "after all tasks": AFTER}
    handles = [
        Line2D([], [], linestyle="none", marker="o", color=colour, label=words)
        for words, colour in said.items()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))
