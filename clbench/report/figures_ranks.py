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

MOST_TICKS = 15


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
        over = f"{len(comparison.scenarios)} scenarios" if diagram.scenario is None else "seeds"
        where = "" if diagram.scenario is None else f" on {diagram.scenario}"
        _rank_axis(ax, diagram, f"{comparison.metric}{where}: average ranks over {over}")
    return figure


def _rank_figure(diagrams: Sequence[RankDiagram]) -> tuple[Figure, list[Axes]]:
    """Room for a line of ranks with names at both ends."""
    from clbench.report.figure_class import NotebookFigure

    heights = [1.2 + 0.16 * len(diagram.bars) + 0.14 * len(diagram.ranks) for diagram in diagrams]
    longest = max(len(name) for diagram in diagrams for name in diagram.ranks)
    figure = NotebookFigure(figsize=(5.4 + 0.13 * longest, sum(heights)), layout="constrained")
    axes = figure.subplots(len(diagrams), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    return figure, list(axes[:, 0])


def _rank_axis(ax: Axes, diagram: RankDiagram, title: str) -> None:
    """From above: the critical difference as a length, the line of ranks, bars, and a name at
    either end for every strategy.
    """
    count, bars, critical = len(diagram.ranks), diagram.bars, diagram.critical
    lowest, half = 0.45 * len(bars) + 0.5, -(-count // 2)
    ax.set_title(title, loc="left")
    ax.set_axis_off()
    ax.set_xlim(1, count)
    ax.set_ylim(lowest + 0.62 * half + 0.2, -2.2 if np.isfinite(critical) else -0.9)
    line: dict[str, Any] = {"color": "black", "linewidth": 1.2, "clip_on": False}
    ax.plot([1, count], [0, 0], **line)
    for tick in range(1, count + 1, -(-count // MOST_TICKS)):
        ax.plot([tick, tick], [0, -0.16], **line)
        ax.text(tick, -0.28, str(tick), ha="center", va="bottom")
    for level, row in enumerate(bars):
        for members in row:  # a dot for each: who lies between and has none may differ
            ax.plot(
                members,
                [0.4 + 0.45 * level] * len(members),
                color="black",
                linewidth=2.5,
                marker="o",
                markersize=4.5,
                clip_on=False,
            )
    for place, (name, rank) in enumerate(diagram.ranks.items()):
        left = place < half
        _rank_name(
            ax,
            name,
            rank,
            lowest + 0.62 * ((place if left else count - 1 - place) + 0.5),
            1 if left else count,
            left=left,
        )
    if np.isfinite(critical):
        _ruler(ax, critical, count)


def _rank_name(ax: Axes, name: str, rank: float, depth: float, end: float, *, left: bool) -> None:
    """A strategy's line down from its rank and out to its name."""
    ax.plot([rank, rank, end], [0, depth, depth], color="0.25", linewidth=0.9, clip_on=False)
    text, side, gap = (
        (f"{name}  {rank:.2f}", "right", -4) if left else (f"{rank:.2f}  {name}", "left", 4)
    )
    ax.annotate(
        text,
        (end, depth),
        (gap, 0),
        textcoords="offset points",
        ha=side,
        va="center",
        annotation_clip=False,
    )


def _ruler(ax: Axes, critical: float, count: int) -> None:
    """The critical difference, as far as the line goes."""
    end = min(1 + critical, count)
    ax.plot([1, end], [-1.3, -1.3], color="black", linewidth=1.2, clip_on=False)
    for x in (1, end):
        ax.plot([x, x], [-1.15, -1.45], color="black", linewidth=1.2, clip_on=False)
    ax.text(
        1,
        -1.55,
        f"critical difference {critical:.2f}"
        + (" (more than the line is long)" if 1 + critical > count else ""),
        va="bottom",
    )
