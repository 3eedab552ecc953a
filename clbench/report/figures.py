"""Figures of a comparison: what is drawn follows from how the file's name begins, how it is drawn from how it ends.

`cd.svg` is a critical-difference diagram, `boxes-final.pdf` boxes. Colours are those of Okabe and Ito (2008), which readers with
any common colour vision can tell apart; line styles and markers repeat the distinction for print without colour.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clbench.errors import OutputError, UserError, suggest
from clbench.report.comparison import Comparison, compare
from clbench.report.pool import Source
from clbench.report.rank_diagrams import RankDiagram, rank_diagrams
from clbench.report.runs import Runs
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".pdf", ".png")
MOST_TICKS = 15
AIR = 0.03  # of an axis, beyond what is possible
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "text.parse_math": False,  # a strategy may have a $ in its name
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "clbench",  # the same figure is the same file
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
}
_UNDATED = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}


def check(path: Path) -> Path:
    """The path, if a figure can be drawn into it; `UserError` says what is possible."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(
            f"{path}: a figure's file ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        )
    kind_of(path)
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")
    return path


def draw(comparison: Comparison, path: Path) -> None:
    """Draw the figure that the file's name asks for."""
    with styled():
        figure = _drawers()[kind_of(check(path))](comparison)
        try:
            figure.savefig(path, metadata=_UNDATED[path.suffix.lower()])
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def figure(
    results: Source | Comparison | Sequence[Source], kind: str = "accuracy", **rules: Any
) -> Figure:
    """A matplotlib figure of one record or several (`Results`, or paths), or of a comparison.

    `kind` is `accuracy` (on the tasks so far, over the stream), `learnt` (on each task when it was
    learnt), `online` (on each task's training batches before the update), `forgetting`, `matrix`,
    `boxes`, `cd` (a critical-difference diagram), `cost`, `kernels` (what became of each kernel in
    each task), `before_after` (boxes of accuracy on tasks when they were learnt and after all of
    them), `activation_maps` (of chosen images), `agents` (each agent's accuracy over the stream) or
    `agent_matrix` (each agent's accuracy on each of its tasks, after all of them). `rules` are the
    arguments of `clbench.compare`, such as `metric`. A notebook shows the figure by itself;
    `figure.savefig("name.pdf")` saves it.
    """
    drawers = _drawers()
    if kind not in drawers:
        raise UserError(f"there is no figure {kind!r}{suggest(kind, drawers)}")
    if isinstance(results, Comparison):
        if rules:
            raise UserError(
                f"{', '.join(rules)}: the comparison was made already; give the results"
            )
        comparison = results
    else:
        comparison = compare(results, **rules)
    with styled():
        return drawers[kind](comparison)


def _drawers() -> Mapping[str, Callable[[Comparison], Figure]]:
    from clbench.report import (
        figures_agents,
        figures_before_after,
        figures_kernels,
        figures_maps,
        figures_runs,
    )

    return {
        "cd": critical_difference_diagram,
        "boxes": boxes,
        "accuracy": figures_runs.accuracy_over_tasks,
        "learnt": figures_runs.learnt_over_tasks,
        "online": figures_runs.online_over_tasks,
        "matrix": figures_runs.accuracy_matrices,
        "forgetting": figures_runs.forgetting_curves,
        "cost": figures_runs.cost_against_accuracy,
        "kernels": figures_kernels.kernel_squares,
        "before_after": figures_before_after.before_after,
        "activation_maps": figures_maps.activation_maps,
        "agents": figures_agents.agents_over_tasks,
        "agent_matrix": figures_agents.agent_matrices,
    }


def kind_of(path: Path) -> str:
    """What to draw, by how the file's name begins."""
    drawers = _drawers()
    stem = path.stem.lower()
    for kind in drawers:
        if re.match(rf"{kind}(?![a-z])", stem):
            return kind
    raise UserError(f"{path}: its name must begin with what to draw{suggest(stem, drawers)}")


@contextmanager
def styled() -> Iterator[None]:
    """Our style, for as long as a figure is drawn and saved."""
    import matplotlib

    with matplotlib.rc_context(cast(Any, STYLE)):
        yield


def panels(count: int, width: float, height: float, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes, each of this size in inches."""
    from clbench.report.figure_class import NotebookFigure

    columns = max(1, min(columns, count))
    rows = -(-count // columns)
    figure = NotebookFigure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for spare in axes.flat[count:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:count])


def headed(ax: Axes, text: str, width: float) -> None:
    """A title on the left, in lines that fit an axis so many inches wide."""
    size = 9 if "\n" in text else 10
    lines = [
        line
        for part in text.split("\n")
        for line in textwrap.wrap(part, max(8, int(width * 110 / size)), break_on_hyphens=False)
    ]
    ax.set_title("\n".join(lines), loc="left", fontsize=size)


def look(strategies: Sequence[str]) -> Mapping[str, dict[str, str]]:
    """Colour, line and marker of each strategy; no two of 32 look alike."""
    return {
        name: {
            "color": COLOURS[place % len(COLOURS)],
            "linestyle": LINES[place // len(COLOURS) % len(LINES)],
            "marker": MARKERS[(place + place // len(COLOURS)) % len(MARKERS)],
        }
        for place, name in enumerate(strategies)
    }


def shown(values: Array | float, unit: str) -> Any:
    """Fractions in percent."""
    return np.asarray(values) * (100 if unit == "fraction" else 1)


def within(ax: Axes, side: str, limits: tuple[float, float] | None, unit: str) -> None:
    """Keep an axis, with its ticks, to what is possible: there is no accuracy above 100 %. A little air is left for lines at an end."""
    if limits is None:
        return
    axis: Axis = ax.xaxis if side == "x" else ax.yaxis
    least, most = (float(shown(limit, unit)) for limit in limits)
    low, high = axis.get_view_interval()
    air = AIR * (high - low)
    low, high = max(low, least - air), min(high, most + air)
    slack = 1e-9 * (most - least)
    ticks = axis.get_majorticklocs()
    possible = ticks[(ticks >= max(low, least) - slack) & (ticks <= min(high, most) + slack)]
    axis.set_ticks(possible)
    if side == "x":
        ax.set_xlim(low, high)
    else:
        ax.set_ylim(low, high)


def axis_label(comparison: Comparison) -> str:
    """The metric with its unit."""
    return comparison.metric + {"fraction": " (%)", "": ""}.get(
        comparison.unit, f" ({comparison.unit})"
    )


# ---------------------------------------------------------------------- critical differences


def critical_difference_diagram(comparison: Comparison) -> Figure:
    """Average ranks on a line; bars join strategies that cannot be told apart. Over scenarios where there are several."""
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
    """From above: the critical difference as a length, the line of ranks, bars, and a name at either end for every strategy."""
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


# ---------------------------------------------------------------------- boxes


def boxes(comparison: Comparison) -> Figure:
    """Every finished run as a point over its strategy's box: median, quartiles, and the farthest runs within 1.5 times their distance."""
    if not comparison.runs:
        raise UserError(f"no run has a value of {comparison.metric}")
    order = {
        name: [row.strategy for row in comparison.summary if row.scenario == name]
        for name in comparison.scenarios
    }
    most = max(len(names) for names in order.values())
    longest = max(len(name) for names in order.values() for name in names)
    width = 3.4 + 0.075 * longest
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


def box_with_points(
    ax: Axes, place: float, values: Array, *, width: float = 0.62, colour: str = COLOURS[0]
) -> None:
    """A lying box at this height, its whiskers, and a point for each of its values."""
    line: dict[str, Any] = {"color": "0.35", "linewidth": 1.0}
    ax.boxplot(
        [values],
        positions=[place],
        orientation="horizontal",
        widths=width,
        showfliers=False,
        medianprops={"color": "black", "linewidth": 1.8},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
    )
    apart = np.random.default_rng(len(values)).uniform(-0.3, 0.3, len(values))
    ax.scatter(
        values, place + width * apart, s=12, color=colour, alpha=0.65, linewidths=0, zorder=3
    )


def _with_failures(runs: Runs) -> str:
    failed = int(runs.failed.sum())
    return f"{runs.strategy} ({failed} failed)" if failed else runs.strategy
