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
EIGHTHS = len(BLOCKS) - 1
AFTER = "after training"
MOST_TASKS = 12
MAX_BARS = 60
MAX_WIDE_BARS = 15  # of more, each is one letter wide
WORST, BEST = (247, 251, 255), (8, 69, 148)  # colours of a light and a dark background


@dataclass(frozen=True)
class Matrix:
    """`[bins + 1, bins]` in percent, the darker the better, row 0 the untrained network.

    As many bins are shown as there is room for. `names` are those of the bins, which are the tasks
    where there are few.
    """

    accuracy: Array
    names: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What `rich` asks for the width at hand."""
        shown = self._shown(options.max_width)
        table = self._empty_table(shown)
        table.add_row("nothing", *self._cells(0, shown))
        for task in shown:
            table.add_row(self._task(task), *self._cells(task + 1, shown))
        yield table

    def _empty_table(self, shown: Sequence[int]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0), show_edge=False)
        table.add_column(AFTER, no_wrap=True)
        for task in shown:
            table.add_column(f" {self._task(task)} ", justify="right", no_wrap=True)
        return table

    def _shown(self, width: int) -> list[int]:
        """The bins for which there is room, two at least."""
        column = max(len(f" task {name} ") for name in self.names)
        room = (width - len(AFTER)) // column
        return spread_out(len(self.names), int(np.clip(room, 2, MOST_TASKS)))

    def _cells(self, row: int, shown: Sequence[int]) -> list[Text]:
        return [shade(self.accuracy[row, task]) for task in shown]

    def _task(self, position: int) -> str:
        name = self.names[position]
        return f"task {name}" if name.isdigit() else name


def shade(value: float) -> Text:
    """One accuracy on its background."""
    if np.isnan(value):
        return Text("·  ")
    level = float(np.clip(value, 0.0, 1.0))
    style = Style(color="white" if level > 0.5 else "black", bgcolor=_background(level))
    return Text(f" {100 * value:5.1f} ", style=style)


def _background(level: float) -> str:
    """A colour between that of the worst and that of the best."""
    mixed = [round(low + (high - low) * level) for low, high in zip(WORST, BEST, strict=True)]
    return f"rgb({','.join(map(str, mixed))})"


def bars(values: Array, height: int = 8) -> Text:
    """A chart of fractions, one bar a value, between 0 and 100 %.

    Nothing is drawn where there is no value. Of many values a bar is the mean of a bin.
    """
    shown = bin_means(values, bin_size(len(values), MAX_BARS))
    width = 4 if len(shown) <= MAX_WIDE_BARS else 1
    lines = _bar_lines(shown, height, width)
    lines.append("  0 % └" + "─" * (width * len(shown)))
    lines.append(_ticks(len(values), len(shown), width))
    return Text("\n".join(line.rstrip() for line in lines))


def _bar_lines(fractions: Array, height: int, width: int) -> list[str]:
    """From the top, so many lines."""
    known = np.clip(np.nan_to_num(fractions), 0, 1)
    eighths = np.round(known * height * EIGHTHS).astype(int)  # of a letter's height
    labels = {height - 1: "100 %", height // 2 - 1: " 50 %"}
    lines = []
    for level in reversed(range(height)):
        drawn = "".join(_bar(count - EIGHTHS * level, width) for count in eighths)
        lines.append(f"{labels.get(level, ''):>5} │{drawn}")
    return lines


def _bar(eighths: int, width: int) -> str:
    """What of a bar is to be seen in one line, with a blank behind a wide one."""
    letter = BLOCKS[int(np.clip(eighths, 0, EIGHTHS))]
    return letter if width == 1 else letter * (width - 1) + " "


def _ticks(count: int, shown: int, wide: int) -> str:
    """The number of each value, or of the first and the last one."""
    margin = " " * 7
    if wide > 1 and count == shown:
        numbers = [f"{number:<{wide}}" for number in range(1, count + 1)]
        return margin + "".join(numbers)
    return margin + "1" + str(count).rjust(wide * shown - 1)


def sparkline(values: Array, most: int = 60) -> str:
    """A curve in one line, between its own least and greatest value; a gap where there is no value.

    Of a long one a letter is the mean of a bin.
    """
    if len(values):
        values = bin_means(values, -(-len(values) // most))
    known = ~np.isnan(values)
    if not known.any():
        return ""
    return "".join(map(_letter, _heights(values, known)))


def _heights(values: Array, known: Array) -> Array:
    """Between 0 for the least and 1 for the greatest; what never changes lies in the middle."""
    low = float(values[known].min())
    span = float(values[known].max()) - low
    if span:
        return (values - low) / span
    return np.where(known, 0.5, np.nan)


def _letter(height: float) -> str:
    """A blank is a gap, so the least value is not one."""
    return " " if np.isnan(height) else BLOCKS[1 + round((EIGHTHS - 1) * height)]
