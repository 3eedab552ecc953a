"""What a person sees while a run goes on: a live table on a terminal, one line a job elsewhere, or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from clbench.execution.board import Board, Row
from clbench.execution.jobs import Job, JobEvent, seeds_in_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

BAR = 16
ORDER = {"running": 0, "failed": 1, "waiting": 2, "done": 3}
COLOUR = {"running": "cyan", "failed": "red", "waiting": "dim", "done": "green"}


class Display(Protocol):
    """Shows a board, and events as they come."""

    def showing(self, board: Board) -> contextlib.AbstractContextManager[None]:
        """Show the board as long as the context lasts."""

    def event(self, board: Board, job: Job, event: JobEvent) -> None:
        """The board has just taken in this event."""

    def say(self, text: str) -> None:
        """A sentence that concerns the whole run."""


class Quiet:
    """Shows nothing."""

    @contextlib.contextmanager
    def showing(self, board: Board) -> Iterator[None]:
        """Nothing to show."""
        yield

    def event(self, board: Board, job: Job, event: JobEvent) -> None:
        """Nothing to show."""

    def say(self, text: str) -> None:
        """Nothing to say."""


class Lines:
    """One line at the end of each job, for logs and notebooks."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextlib.contextmanager
    def showing(self, board: Board) -> Iterator[None]:
        """Lines come with the events."""
        yield

    def event(self, board: Board, job: Job, event: JobEvent) -> None:
        """Job ends, in words, and what plugins print."""
        if event.kind == "said":
            return self.say(f"{_job(job)} | {event.error}")
        if event.kind != "ended":
            return
        if event.status == "memory":
            return self.say(f"{_job(job)}: out of memory, tried again as two jobs")
        row = board.rows[job.key]
        words = [f"[{board.ended}/{board.total}]", _job(job), f"{event.status} in {duration(event.seconds)}"]
        if event.status == "done" and row.accuracy is not None:
            words.append(f"accuracy {row.accuracy:.3f}")
        if event.error:
            words.append(event.error.splitlines()[0])
        if board.left:
            words.append(f"about {duration(board.left)} left")
        return self.say("  ".join(words))

    def say(self, text: str) -> None:
        """One plain line, as long as it needs to be."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Live(Lines):
    """The matrix with a bar a cell, redrawn four times a second."""

    @contextlib.contextmanager
    def showing(self, board: Board) -> Iterator[None]:
        """Draw until the context ends; the last picture stays."""
        from rich import live

        with live.Live(get_renderable=lambda: self._table(board), console=self.console, refresh_per_second=4, transient=False):
            yield

    def event(self, board: Board, job: Job, event: JobEvent) -> None:
        """The table shows it; only what went wrong or was printed gets a line of its own, above the table."""
        if event.kind == "said" or event.status in ("failed", "timeout", "memory"):
            super().event(board, job, event)

    def _table(self, board: Board) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
        for name in ("scenario", "strategy", "", "seeds done", "task", "accuracy", ""):
            table.add_column(
                name, header_style="dim", justify="right" if name in ("seeds done", "task", "accuracy") else "left", no_wrap=True
            )
        rows = list(board.rows.values())
        room = max(4, self.console.size.height - 6)
        shown = rows if len(rows) <= room else sorted(rows, key=lambda row: ORDER[row.state])[:room]
        for row in shown:
            table.add_row(*self._cells(row))
        left = f", about {duration(board.left)} left" if board.left else ""
        hidden = f"{len(rows) - len(shown)} more cells; " if len(shown) < len(rows) else ""
        return Group(table, Text(f"{hidden}{board.fraction:.0%} of this run's work, {duration(board.seconds)} so far{left}", style="dim"))

    def _cells(self, row: Row) -> list[RenderableType]:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        task = f"{row.task[0]}/{row.task[1]}" if row.running and row.task[1] else ""
        accuracy = "" if row.accuracy is None else f"{row.accuracy:.3f}"
        bar = ProgressBar(total=1.0, completed=row.done, width=BAR, complete_style="cyan", finished_style="green")
        state = Text(row.state, style=COLOUR[row.state])
        return [Text(row.scenario), Text(row.label), bar, f"{row.finished}/{row.members}", task, accuracy, state]


def display_for(console: Console, quiet: bool) -> Display:
    """What suits where the output goes."""
    if quiet:
        return Quiet()
    return Live(console) if console.is_terminal and not console.is_jupyter and not console.is_dumb_terminal else Lines(console)


def duration(seconds: float) -> str:
    """`0.8 s`, `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _job(job: Job) -> str:
    return f"{job.cell.scenario_label}  {job.cell.label}  seeds {seeds_in_words(job.seeds)}"
