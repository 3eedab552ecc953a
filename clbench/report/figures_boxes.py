"""Boxes: every finished run of every strategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clbench.errors import UserError
from clbench.report.compared import Comparison
from clbench.report.drawing import axis_label, box_with_points, headed, panels, shown, within
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
    order: dict[str, list[str]] = {name: [] for name in comparison.scenarios}
    for row in comparison.summary:
        order[row.scenario].append(row.strategy)
    most = max(map(len, order.values()))
    longest = max(len(row.strategy) for row in comparison.summary)
    width = 3.4 + 0.075 * longest  # inches; a letter takes about 0.075
    figure, axes = panels(len(order), width, 1.1 + 0.3 * most)
    for ax, (scenario, names) in zip(axes, order.items(), strict=True):
        known = {one.strategy: one for one in comparison.runs if one.scenario == scenario}
        _boxes_axis(ax, [known[name] for name in names], comparison)
        headed(ax, scenario, 3.0)
    return figure


def _boxes_axis(ax: Axes, runs: Sequence[Runs], comparison: Comparison) -> None:
    for place, one in enumerate(runs):
        box_with_points(ax, place, shown(one.finished, comparison.unit))
    ax.set_yticks(range(len(runs)), [_with_failures(one) for one in runs])
    ax.invert_yaxis()
    ax.set_xlabel(axis_label(comparison))
    within(ax, "x", comparison.limits, comparison.unit)
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)


def _with_failures(runs: Runs) -> str:
    failed = int(runs.failed.sum())
    return f"{runs.strategy} ({failed} failed)" if failed else runs.strategy
