"""Critical-difference diagrams (Demsar 2006): average ranks, and who cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import UserError
from clbench.report.compared import Comparison
from clbench.report.rank_diagrams import RankDiagram, rank_diagrams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_TICKS = 15
# Heights on the axis of a diagram, which runs downward from the line of ranks at 0.
TICK = -0.16
TICK_LABEL = -0.28
RULER = -1.3  # the critical difference as a length, above the line
RULER_ENDS = (-1.15, -1.45)
RULER_LABEL = -1.55
TOP_WITH_RULER, TOP = -2.2, -0.9
FIRST_BAR, BAR_STEP = 0.4, 0.45
BELOW_BARS = 0.5
NAME_STEP = 0.62
BLACK_LINE: dict[str, Any] = {"color": "black", "linewidth": 1.2, "clip_on": False}

NAME: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}


def critical_difference_diagram(comparison: Comparison) -> Figure:
    """Average ranks on a line; bars join strategies that cannot be told apart.

    Over scenarios where there are several.
    """
    diagrams = rank_diagrams(comparison)
    if not diagrams:
        raise UserError("a critical-difference diagram needs two strategies with seeds in common")
    drawn = diagrams[:1] if comparison.overall is not None else diagrams
    figure, axes = _rank_figure(drawn)
    for ax, diagram in zip(axes, drawn, strict=True):
        _rank_axis(ax, diagram, _title(comparison, diagram))
    return figure


def _title(comparison: Comparison, diagram: RankDiagram) -> str:
    if diagram.scenario is None:
        return f"{comparison.metric}: average ranks over {len(comparison.scenarios)} scenarios"
    return f"{comparison.metric} on {diagram.scenario}: average ranks over seeds"


def _rank_figure(diagrams: Sequence[RankDiagram]) -> tuple[Figure, list[Axes]]:
    """Room for a line of ranks with names at both ends."""
    from clbench.report.figure_class import NotebookFigure

    heights = list(map(_height, diagrams))
    longest = max(len(name) for diagram in diagrams for name in diagram.ranks)
    size = (5.4 + 0.13 * longest, sum(heights))  # inches; a letter takes about 0.13 of both ends
    figure = NotebookFigure(figsize=size, layout="constrained")
    axes = figure.subplots(len(diagrams), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    return figure, list(axes[:, 0])


def _height(diagram: RankDiagram) -> float:
    """In inches."""
    return 1.2 + 0.16 * len(diagram.bars) + 0.14 * len(diagram.ranks)


def _rank_axis(ax: Axes, diagram: RankDiagram, title: str) -> None:
    """From above: the critical difference as a length, the line of ranks, bars, and a name at
    either end for every strategy.
    """
    count = len(diagram.ranks)
    ax.set_title(title, loc="left")
    ax.set_axis_off()
    ax.set_xlim(1, count)
    _rank_line(ax, count)
    _bars(ax, diagram)
    below_bars = BAR_STEP * len(diagram.bars) + BELOW_BARS
    _names(ax, diagram, below_bars)
    top = TOP
    if np.isfinite(diagram.critical):
        top = TOP_WITH_RULER
        _ruler(ax, diagram.critical, count)
    ax.set_ylim(below_bars + NAME_STEP * _half(count) + 0.2, top)


def _half(count: int) -> int:
    """How many names stand on the left, the better half."""
    return -(-count // 2)


def _rank_line(ax: Axes, count: int) -> None:
    """The line, with a tick for each rank where there are few."""
    ax.plot([1, count], [0, 0], **BLACK_LINE)
    step = -(-count // MAX_TICKS)
    for tick in range(1, count + 1, step):
        ax.plot([tick, tick], [0, TICK], **BLACK_LINE)
        ax.text(tick, TICK_LABEL, str(tick), ha="center", va="bottom")


def _bars(ax: Axes, diagram: RankDiagram) -> None:
    """A bar for each group that cannot be told apart, side by side where they do not overlap."""
    # A dot for each member: who lies between and has none may differ.
    style = {**BLACK_LINE, "linewidth": 2.5, "marker": "o", "markersize": 4.5}
    for level, row in enumerate(diagram.bars):
        height = FIRST_BAR + BAR_STEP * level
        for members in row:
            ax.plot(members, [height] * len(members), **style)


def _names(ax: Axes, diagram: RankDiagram, below_bars: float) -> None:
    """The better half on the left, best on top; the others on the right, worst on top."""
    count = len(diagram.ranks)
    for position, (name, rank) in enumerate(diagram.ranks.items()):
        on_left = position < _half(count)
        line = position if on_left else count - 1 - position
        depth = below_bars + NAME_STEP * (line + 0.5)
        _name_line(ax, rank, depth, end=1 if on_left else count)
        if on_left:
            ax.annotate(f"{name}  {rank:.2f}", (1, depth), (-4, 0), ha="right", **NAME)
        else:
            ax.annotate(f"{rank:.2f}  {name}", (count, depth), (4, 0), ha="left", **NAME)


def _name_line(ax: Axes, rank: float, depth: float, end: float) -> None:
    """A strategy's line down from its rank and out to its name, at the end of the axis."""
    how: dict[str, Any] = {"color": "0.25", "linewidth": 0.9, "clip_on": False}
    ax.plot([rank, rank, end], [0, depth, depth], **how)


def _ruler(ax: Axes, critical: float, count: int) -> None:
    """The critical difference, as far as the line goes."""
    end = min(1 + critical, count)
    ax.plot([1, end], [RULER, RULER], **BLACK_LINE)
    for x in (1, end):
        ax.plot([x, x], RULER_ENDS, **BLACK_LINE)
    label = f"critical difference {critical:.2f}"
    if 1 + critical > count:
        label += " (more than the line is long)"
    ax.text(1, RULER_LABEL, label, va="bottom")
