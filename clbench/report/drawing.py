"""What all figures share: colours, panels, titles, axes that end where what is possible ends.

Colours are those of Okabe and Ito (2008), which readers with any common colour vision can tell
apart; line styles and markers repeat the distinction for print without colour.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clbench.records import CellRecord
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


def width_beside(names: Iterable[str]) -> float:
    """The width of a panel with these names beside its boxes, in inches."""
    letter = 0.075
    return 3.4 + letter * max(map(len, names))


def headed(ax: Axes, text: str, width: float) -> None:
    """A title on the left, in lines that fit an axis so many inches wide."""
    size = 9 if "\n" in text else 10
    letters = max(8, int(width * 110 / size))
    lines: list[str] = []
    for part in text.split("\n"):
        lines += textwrap.wrap(part, letters, break_on_hyphens=False)
    ax.set_title("\n".join(lines), loc="left", fontsize=size)


def run_words(cell: CellRecord, member: int, *, several: bool) -> str:
    """One run by its strategy and seed, and by its scenario where there are several."""
    where = f"{cell.label} on {cell.scenario}" if several else cell.label
    return f"{where}, seed {int(cell.seed[member])}"


def heading(cell: CellRecord, *, several: bool) -> str:
    """What stands above the panel of a cell: its scenario, too, where there are several."""
    return f"{cell.label}\non {cell.scenario}" if several else cell.label


def look(strategies: Sequence[str]) -> Mapping[str, dict[str, str]]:
    """Colour, line and marker of each strategy; no two of 32 look alike."""
    return {name: _look(place) for place, name in enumerate(strategies)}


def _look(place: int) -> dict[str, str]:
    # Where the colours begin again, line and marker move on by one.
    rounds, colour = divmod(place, len(COLOURS))
    return {
        "color": COLOURS[colour],
        "linestyle": LINES[rounds % len(LINES)],
        "marker": MARKERS[(place + rounds) % len(MARKERS)],
    }


def shown(values: Array | float, unit: str) -> Any:
    """Fractions in percent."""
    return np.asarray(values) * (100 if unit == "fraction" else 1)


def write_percentages(ax: Axes, values: Array) -> None:
    """`[rows, columns]` into the fields of a matrix, in the shade that can be read there."""
    how: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7}
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            shade = "white" if value < 55 else "black"
            ax.text(column, row, f"{value:.0f}", color=shade, **how)


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
    ticks = axis.get_majorticklocs()
    axis.set_ticks(_between(ticks, max(low, least), min(high, most), slack=1e-9 * (most - least)))
    set_limits = ax.set_xlim if side == "x" else ax.set_ylim
    set_limits(low, high)


def _between(ticks: Array, low: float, high: float, slack: float) -> Array:
    """A tick at the very end may lie beyond it by a rounding error."""
    return ticks[(ticks >= low - slack) & (ticks <= high + slack)]


def axis_label(comparison: Comparison) -> str:
    """The metric with its unit."""
    unit = "%" if comparison.unit == "fraction" else comparison.unit
    return f"{comparison.metric} ({unit})" if unit else comparison.metric


def lines_key(figure: Figure, looks: Mapping[str, Mapping[str, Any]]) -> None:
    """What lines and points mean, below the figure: by their words, how they look."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=words, **how) for words, how in looks.items()]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))


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
    heights = place + width * _apart(len(values))
    ax.scatter(values, heights, s=12, color=colour, alpha=0.65, linewidths=0, zorder=3)


def _apart(count: int) -> Array:
    """So that equal values are seen; the same for the same number of them."""
    return np.random.default_rng(count).uniform(-0.3, 0.3, count)


def grid_behind(ax: Axes) -> None:
    """Upright lines behind lying boxes."""
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
