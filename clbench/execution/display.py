"""What a person sees while a run goes on:
a live table on a terminal, one line a job elsewhere, or nothing.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from clbench.execution.board import RETRIED, Board, Row
from clbench.execution.jobs import Job, JobEvent
from clbench.suite.seeds import seeds_in_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

BAR = 16  # characters
# Which rows are shown where there is no room for all.
ORDER = {"running": 0, "failed": 1, "waiting": 2, "done": 3}
CELLS = ("scenario", "strategy", "", "seeds done", "task", "accuracy", "")
JOBS = ("under way", "seeds", "", "task", "")
NAMES = ("scenario", "strategy", "under way")  # in several lines where there is no room
RIGHT = ("seeds done", "task", "accuracy")
CODE = "line-height:normal;font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace"
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
    """One line at the end of each job, for logs."""

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
        if event.status in RETRIED:
            return self.say(f"{_job(job)}: {self._again(event)}")
        row = board.rows[job.key]
        words = [
            f"[{board.ended}/{board.total}]",
            _job(job),
            f"{event.status} in {duration(event.seconds)}",
        ]
        if event.status == "done" and row.accuracy is not None:
            words.append(f"accuracy {row.accuracy:.3f}")
        if event.error:
            words.append(event.error.splitlines()[0])
        if board.left:
            words.append(f"about {duration(board.left)} left")
        return self.say("  ".join(words))

    def _again(self, event: JobEvent) -> str:
        if event.status == "memory":
            return "out of memory, tried again as two jobs"
        reason = event.error.partition("\n")[0]
        return (
            f"{reason}; tried once more, from its last checkpoint"
            if event.status == "lost"
            else reason
        )

    def say(self, text: str) -> None:
        """One plain line, as long as it needs to be."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Live(Lines):
    """The matrix with a bar a cell, and a bar for each job under way,
    redrawn four times a second.
    """

    @contextlib.contextmanager
    def showing(self, board: Board) -> Iterator[None]:
        """Draw until the context ends; the last picture stays."""
        from rich import live

        with live.Live(
            get_renderable=lambda: self.picture(board),
            console=self.console,
            refresh_per_second=4,
            transient=False,
        ):
            yield

    def event(self, board: Board, job: Job, event: JobEvent) -> None:
        """The picture shows it; what went wrong or was printed gets a line of its own above it."""
        if event.kind == "said" or event.status in ("failed", "timeout", *RETRIED):
            super().event(board, job, event)

    def picture(self, board: Board) -> RenderableType:
        """The cells, the jobs under way, and how long it takes."""
        from rich.console import Group
        from rich.text import Text

        # Jobs are told apart where a cell has several, or several run at once.
        several = len(board.jobs) > len(board.rows) or len(board.under_way) > 1
        jobs = board.under_way if several else []
        rows = self._rows_with_room(board, len(jobs))
        parts = [self._table(CELLS, map(self._cells, rows))]
        if jobs:
            parts += [Text(), self._table(JOBS, (self._job(*job) for job in jobs))]
        return Group(*parts, Text(self._in_all(board, len(rows)), style="dim"))

    def _rows_with_room(self, board: Board, jobs: int) -> list[Row]:
        """As many rows as the terminal is high, those that are under way first."""
        rows = list(board.rows.values())
        # Beside them stand headings, the last line, and the table of jobs.
        room = max(4, self.console.size.height - 6 - (jobs + 2 if jobs else 0))
        if len(rows) <= room:
            return rows
        return sorted(rows, key=lambda row: ORDER[row.state])[:room]

    def _in_all(self, board: Board, shown: int) -> str:
        """How far the run is, and how long it takes."""
        hidden = len(board.rows) - shown
        cells = f"{hidden} more cells; " if hidden else ""
        left = f", {_left(board.left)}" if board.left else ""
        work = f"{cells}{board.fraction:.0%} of this run's work"
        return f"{work}, {duration(board.seconds)} so far{left}"

    def _table(
        self, columns: Sequence[str], rows: Iterable[list[RenderableType]]
    ) -> RenderableType:
        from rich.table import Table

        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
        for name in columns:
            table.add_column(
                name,
                header_style="dim",
                justify="right" if name in RIGHT else "left",
                no_wrap=name not in NAMES,
                overflow="fold",
            )
        for row in rows:
            table.add_row(*row)
        return table

    def _job(
        self, job: Job, task: tuple[int, int], fraction: float, left: float | None
    ) -> list[RenderableType]:
        from rich.text import Text

        rest = "" if left is None else _left(left)
        return [
            Text(f"{job.cell.scenario_label}  {job.cell.label}"),
            Text(seeds_in_words(job.seeds)),
            _bar(fraction),
            _part(task),
            Text(rest, style="dim"),
        ]

    def _cells(self, row: Row) -> list[RenderableType]:
        from rich.text import Text

        task = _part(row.task) if row.running else ""
        accuracy = "" if row.accuracy is None else f"{row.accuracy:.3f}"
        state = Text(row.state, style=COLOUR[row.state])
        return [
            Text(row.scenario),
            Text(row.label),
            _bar(row.done),
            f"{row.finished}/{row.members}",
            task,
            accuracy,
            state,
        ]


class Notebook(Live):
    """The same picture in a notebook, drawn again in its place once a second."""

    @contextlib.contextmanager
    def showing(self, board: Board) -> Iterator[None]:
        """Draw as events come; the last picture stays."""
        from IPython.display import display

        self.drawn = time.monotonic()
        self.shown = display(self._html(board), display_id=True)
        try:
            yield
        finally:
            self.shown.update(self._html(board))

    def event(self, board: Board, job: Job, event: JobEvent) -> None:
        """What went wrong or was printed in a line of its own, the rest in the picture."""
        super().event(board, job, event)
        if time.monotonic() - self.drawn >= 1.0:
            self.drawn = time.monotonic()
            self.shown.update(self._html(board))

    def _html(self, board: Board) -> Any:
        from IPython.display import HTML
        from rich.console import Console

        # A notebook shows HTML; what rich prints to a terminal is recorded and rendered.
        page = Console(
            file=io.StringIO(),
            record=True,
            force_jupyter=False,
            force_terminal=True,
            width=110,
            height=1000,
        )
        page.print(self.picture(board))
        return HTML(
            page.export_html(inline_styles=True, code_format=f"<pre style='{CODE}'>{{code}}</pre>")
        )


def display_for(console: Console, quiet: bool, in_process: bool = False) -> Display:
    """What suits where the output goes.

    A run in this process has the terminal to itself, for debuggers.
    """
    if quiet:
        return Quiet()
    if console.is_jupyter:
        return Notebook(console)
    if in_process or not console.is_terminal or console.is_dumb_terminal:
        return Lines(console)
    return Live(console)


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


def _bar(fraction: float) -> RenderableType:
    from rich.progress_bar import ProgressBar

    return ProgressBar(
        total=1.0, completed=fraction, width=BAR, complete_style="cyan", finished_style="green"
    )


def _part(task: tuple[int, int]) -> str:
    """`2/5`; nothing where it is not known of how many."""
    return f"{task[0]}/{task[1]}" if task[1] else ""


def _left(seconds: float) -> str:
    return f"about {duration(seconds)} left"


def _job(job: Job) -> str:
    return f"{job.cell.scenario_label}  {job.cell.label}  seeds {seeds_in_words(job.seeds)}"
