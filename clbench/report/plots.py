"""Drawing in a terminal: a shaded matrix, a chart of bars, a curve in one line. In a pipe only the characters remain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.table import Table
from rich.text import Text

from clbench.records.cell import Array
from clbench.report.numbers import spread_out

BLOCKS = " ▁▂▃▄▅▆▇█"
AFTER = "after training"
MOST_TASKS = 12
MOST_BARS = 60


@dataclass(frozen=True)
class Matrix:
    """`[T+1, T]` in percent, the darker the better; as many of the tasks as there is room for."""

    accuracy: Array

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tasks = self.accuracy.shape[1]
        column = len(f" task {tasks} ")
        room = (options.max_width - len(AFTER)) // column
        shown = spread_out(tasks, int(np.clip(room, 2, MOST_TASKS)))
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0), show_edge=False)
        table.add_column(AFTER, no_wrap=True)
        for task in shown:
            table.add_column(f" task {task + 1} ", justify="right", no_wrap=True)
        for row in [0, *(task + 1 for task in shown)]:
            cells = (shade(self.accuracy[row, task]) for task in shown)
            table.add_row("nothing" if row == 0 else f"task {row}", *cells)
        yield table


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
    """A chart of fractions, one bar a value, between 0 and 100 %; nothing is drawn where there is no value."""
    shown = spread_out(len(values), MOST_BARS)
    wide = 4 if len(shown) <= 15 else 1
    eighths = np.where(
        np.isnan(values[shown]),
        0,
        np.round(np.clip(np.nan_to_num(values[shown]), 0, 1) * height * 8),
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
    lines.append(_ticks(shown, wide))
    return Text("\n".join(line.rstrip() for line in lines))


def _ticks(shown: list[int], wide: int) -> str:
    if wide > 1:
        return " " * 7 + "".join(f"{place + 1:<{wide}}" for place in shown)
    last = str(shown[-1] + 1)
    return " " * 7 + "1" + last.rjust(len(shown) - 1)


def sparkline(values: Array, most: int = 60) -> str:
    """A curve in one line, between its own least and greatest value; a gap where there is no value."""
    known = values[~np.isnan(values)]
    if not len(known):
        return ""
    low, span = known.min(), known.max() - known.min()
    heights = (values - low) / span if span else np.where(np.isnan(values), np.nan, 0.5)
    picked = heights[spread_out(len(values), most)]
    return "".join(" " if np.isnan(height) else BLOCKS[1 + round(7 * height)] for height in picked)
