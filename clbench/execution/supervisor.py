"""Has jobs done by a launcher, hears what becomes of each, and tries again what deserves it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from clbench.errors import OutputError, UserError
from clbench.events import JobFinished, TaskFinished
from clbench.execution.board import Board
from clbench.execution.display import Display
from clbench.execution.in_process import InProcess
from clbench.execution.job_record import failed_record, save
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.execution.launcher import Launcher
from clbench.execution.store import Store

if TYPE_CHECKING:
    from clbench.host import Host


@dataclass
class Ending:
    """How the jobs of a run came to their ends."""

    errors: dict[str, str] = field(default_factory=dict)  # by job, of those that failed
    interrupted: bool = False  # by Ctrl-C or SIGTERM
    unwritten: str = ""  # what could not be written, and stopped the run


@dataclass
class Supervisor:
    """Keeps board, display and observers up to date while the jobs of a run are done."""

    host: Host
    launcher: Launcher
    slots: Sequence[str]
    site: Site
    store: Store
    board: Board
    display: Display
    ending: Ending = field(default_factory=Ending)
    lost: set[str] = field(default_factory=set)  # jobs that were lost once

    def carry_out(self, jobs: Sequence[Job]) -> Ending:
        """Have all of them done, or as many as there is time and room for."""
        left = list(jobs)
        try:
            with _termination_interrupts(), self.display.showing(self.board):
                while left:
                    left = self._round(left)
        except KeyboardInterrupt:
            self.ending.interrupted = True
        except OutputError as error:
            self.ending.unwritten = str(error)
        return self.ending

    def heard(self, event: JobEvent) -> None:
        """What a job told: onto the board, to whoever looks on, and to the observers."""
        job = self.board.jobs[event.job]
        self.board.apply(event)
        self.display.event(self.board, job, event)
        if event.accuracy is None:
            return
        told = self._subject(job)
        self.host.notify(
            TaskFinished(**told, task=event.task, tasks=event.tasks, accuracy=event.accuracy)
        )

    def _round(self, jobs: Sequence[Job]) -> list[Job]:
        """Run these jobs to their ends; what comes back is to be tried again."""
        again: list[Job] = []
        # Closing a generator is what stops its workers, whatever ends the loop.
        events = _generator(self.launcher.run(jobs, self.slots, self.site))
        with contextlib.closing(events):
            try:
                for event in events:
                    again += self._taken_in(event)
            except (KeyboardInterrupt, OutputError):
                if not isinstance(self.launcher, InProcess):
                    self.display.say("stopping: the workers save where they are")
                raise
        return again

    def _taken_in(self, event: JobEvent) -> list[Job]:
        """The jobs that have to be tried again because of this event."""
        job = self.board.jobs[event.job]
        if event.status == "lost" and job.id in self.lost:
            event = _failed_for_good(event)
        self.heard(event)
        return self._ended(job, event) if event.kind == "ended" else []

    def _ended(self, job: Job, event: JobEvent) -> list[Job]:
        if event.status == "unwritten":
            raise OutputError(event.error)
        if event.status == "lost":
            # The system kills for want of memory, which may be another process's doing: once more.
            self.lost.add(job.id)
            return [job]
        if event.status == "memory":
            return self._halved(job)
        failed = event.status in ("failed", "timeout")
        if failed:
            self.ending.errors[job.id] = event.error
            # A worker that was killed, or ran out of time, could not write it.
            if not self.site.record(job).exists():
                save(failed_record(job, event.error, event.status), job, self.site)
        self.host.notify(
            JobFinished(
                **self._subject(job),
                status="failed" if failed else event.status,
                seconds=event.seconds,
                error=event.error.partition("\n")[0],
            )
        )
        return []

    def _halved(self, job: Job) -> list[Job]:
        """Two jobs in place of one that ran out of memory."""
        parts = job.divide(2)
        self.board.replace(job, parts)
        self.site.forget(job)  # a checkpoint of the whole stack serves no half of it
        self.store.begin(parts)
        return parts

    def _subject(self, job: Job) -> dict[str, Any]:
        """Whom an event is about, by the names that events have in common."""
        return {
            "suite": self.store.suite,
            "cell": job.key,
            "label": job.cell.label,
            "scenario": job.cell.scenario_label,
            "seeds": job.seeds,
        }


def _failed_for_good(event: JobEvent) -> JobEvent:
    return replace(event, status="failed", error=f"for the second time, {event.error}")


@contextlib.contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C: a cluster that takes the machine back sends it."""
    # Signals belong to the main thread alone.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _generator(events: Iterator[JobEvent]) -> Any:
    """A launcher may return any iterator; only generators can be closed."""
    if not hasattr(events, "close"):
        raise UserError("a launcher's run() must be a generator, so that it can be stopped")
    return events
