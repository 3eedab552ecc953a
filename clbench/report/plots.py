"""Drawing in a terminal: a shaded matrix, a chart of bars, a curve in one line.

In a pipe only the characters remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.table import Table
from rich.text import Text

from clbench.report.bins import bin_means, bin_size
from clbench.report.numbers import spread_out
from clbench.typing import Array

BLOCKS = " ▁▂▃▄▅▆▇█"
AFTER = "after training"
MOST_TASKS = 12
MOST_BARS = 60


@dataclass(frozen=True)
class Matrix:
    """`[bins + 1, bins]` in percent, the darker the better, row 0 the untrained network; as many
    bins as there is room for.

    `names` are those of the bins, which are the tasks where there are few.
    """

    accuracy: Array
    names: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        column = max(len(f" task {name} ") for name in self.names)
        room = (options.max_width - len(AFTER)) // column
        shown = spread_out(len(self.names), int(np.clip(room, 2, MOST_TASKS)))
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0), show_edge=False)
        table.add_column(AFTER, no_wrap=True)
        for place in shown:
            table.add_column(f" {self._task(place)} ", justify="right", no_wrap=True)
        for row in [0, *(place + 1 for place in shown)]:
            cells = (shade(self.accuracy[row, place]) for place in shown)
            table.add_row("nothing" if row == 0 else self._task(row - 1), *cells)
        yield table

    def _task(self, place: int) -> str:
        name = self.names[place]
        return f"task {name}" if name.isdigit() else name


def shade(value: float) -> Text:
    """One accuracy on its background."""
    if np.isnan(value):
        return Text("·  ")
    level = float(np.clip(value, 0.0, 1.0))
    red, green, blue = (
        round(start + (end - start) * level) for start, end in ((247, 8), (251, 69), (255, 148))
    )
    style = Style(color="white" if level > 0.5 else "black", bgcolor=f"rgb({red},{green},{blue})")
    return Text(f" {100 * value:5.1f} ", style=style)


def bars(values: Array, height: int = 8) -> Text:
    """A chart of fractions, one bar a value, between 0 and 100 %; nothing is drawn where there is
    no value.

    Of many values a bar is the mean of a bin.
    """
    size = bin_size(len(values), MOST_BARS)
    shown = bin_means(values, size)
    wide = 4 if len(shown) <= 15 else 1
    eighths = np.where(
        np.isnan(shown), 0, np.round(np.clip(np.nan_to_num(shown), 0, 1) * height * 8)
    ).astype(int)
    lines = []
    for level in reversed(range(height)):
        label = {height - 1: "100 %", height // 2 - 1: " 50 %"}.get(level, "")
        cells = (
            BLOCKS[int(np.clip(count - 8 * level, 0, 8))] * max(1, wide - 1) + " " * (wide > 1)
            for count in eighths
        )
        lines.append(f"{label:>5} │" + "".join(cells))
    lines.append("  0 % └" + "─" * (wide * len(shown)))
    lines.append(_ticks(len(values), len(shown), wide))
    return Text("\n".join(line.rstrip() for line in lines))


def _ticks(count: int, shown: int, wide: int) -> str:
    """The number of each value, or of the first and the last one."""
    if wide > 1 and count == shown:
        return " " * 7 + "".join(f"{place + 1:<{wide}}" for place in range(count))
    return " " * 7 + "1" + str(count).rjust(wide * shown - 1)


def sparkline(values: Array, most: int = 60) -> str:
    """A curve in one line, between its own least and greatest value; a gap where there is no value.

    Of a long one a letter is the mean of a bin.
    """
    if len(values):
        values = bin_means(values, -(-len(values) // most))
    known = values[~np.isnan(values)]
    if not len(known):
        return ""
    low, span = known.min(), known.max() - known.min()
    heights = (values - low) / span if span else np.where(np.isnan(values), np.nan, 0.5)
    return "".join(" " if np.isnan(height) else BLOCKS[1 + round(7 * height)] for height in heights)
