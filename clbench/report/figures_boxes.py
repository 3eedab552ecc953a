"""Boxes: every finished run of every strategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clbench.errors import UserError
from clbench.report.compared import Comparison
from clbench.report.drawing import (
    axis_label,
    box_with_points,
    grid_behind,
    headed,
    panels,
    shown,
    width_beside,
    within,
)
from clbench.report.runs import Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def boxes(comparison: Comparison) -> Figure:
    """Every finished run as a point over its strategy's box: median, quartiles, and the farthest
    runs within 1.5 times their distance.
    """
    if not comparison.runs:
        raise UserError(f"no run has a value of {comparison.metric}")
    ordered = _in_order(comparison)
    width = width_beside(row.strategy for row in comparison.summary)
    most = max(map(len, ordered.values()))
    figure, axes = panels(len(ordered), width, 1.1 + 0.3 * most)
    for ax, (scenario, runs) in zip(axes, ordered.items(), strict=True):
        _boxes_axis(ax, runs, comparison)
        headed(ax, scenario, 3.0)
    return figure


def _in_order(comparison: Comparison) -> dict[str, list[Runs]]:
    """By scenario, the runs of its strategies in the order of the summary."""
    known = {(one.scenario, one.strategy): one for one in comparison.runs}
    ordered: dict[str, list[Runs]] = {name: [] for name in comparison.scenarios}
    for row in comparison.summary:
        ordered[row.scenario].append(known[row.scenario, row.strategy])
    return ordered


def _boxes_axis(ax: Axes, runs: Sequence[Runs], comparison: Comparison) -> None:
    for place, one in enumerate(runs):
        box_with_points(ax, place, shown(one.finished, comparison.unit))
    ax.set_yticks(range(len(runs)), [_with_failures(one) for one in runs])
    ax.invert_yaxis()
    ax.set_xlabel(axis_label(comparison))
    within(ax, "x", comparison.limits, comparison.unit)
    grid_behind(ax)


def _with_failures(runs: Runs) -> str:
    failed = int(runs.failed.sum())
    return f"{runs.strategy} ({failed} failed)" if failed else runs.strategy
