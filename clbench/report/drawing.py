"""What all figures share: colours, panels, titles, axes that end where what is possible ends.

Colours are those of Okabe and Ito (2008), which readers with any common colour vision can tell
apart; line styles and markers repeat the distinction for print without colour.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clbench.report.compared import Comparison
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

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
    """Keep an axis, with its ticks, to what is possible: there is no accuracy above 100 %.

    A little air is left for lines at an end.
    """
    if limits is None:
        return
    axis: Axis = ax.xaxis if side == "x" else ax.yaxis
    least, most = (float(shown(limit, unit)) for limit in limits)
    low, high = axis.get_view_interval()
    air = AIR * (high - low)
    low, high = max(low, least - air), min(high, most + air)
    # A tick at the very end may lie beyond it by a rounding error.
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
    # Spread out so that equal values are seen; the same for the same number of them.
    apart = np.random.default_rng(len(values)).uniform(-0.3, 0.3, len(values))
    ax.scatter(
        values, place + width * apart, s=12, color=colour, alpha=0.65, linewidths=0, zorder=3
    )
