"""How far every cell is. What observers, displays and the end of a run are told comes from here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from clbench.execution.forecast import Forecast
from clbench.execution.jobs import Job, JobEvent, PlannedCell

RETRIED = ("memory", "lost", "unwritten")  # ends of jobs that are not over


@dataclass
class Row:
    """One cell: how many of its members were asked for, are finished,
    and how far the jobs under way are.
    """

    scenario: str
    label: str
    members: int
    finished: int  # members that need nothing more
    failed: int = 0
    running: dict[str, tuple[int, float]] = field(default_factory=dict)  # job -> members, fraction
    task: tuple[int, int] = (0, 0)
    # mean over the members of the job that was heard last, but for those that diverged
    accuracy: float | None = None

    @property
    def done(self) -> float:
        """The part of the cell that is done, 0..1."""
        part = sum(members * fraction for members, fraction in self.running.values())
        return min(1.0, (self.finished + self.failed + part) / max(1, self.members))

    @property
    def state(self) -> str:
        """In one word."""
        if self.running:
            return "running"
        if self.finished + self.failed < self.members:
            return "waiting"
        return "failed" if self.failed else "done"


@dataclass
class Board:
    """The matrix, row by row in the order of the suite."""

    suite: str
    rows: dict[str, Row]
    jobs: dict[str, Job]
    forecast: Forecast
    ended: int = 0  # jobs
    tasks: dict[str, tuple[int, int]] = field(default_factory=dict)  # job -> task, of how many

    @classmethod
    def of(
        cls, suite: str, planned: Sequence[PlannedCell], jobs: Sequence[Job], forecast: Forecast
    ) -> Board:
        """Where the run starts."""
        missing: dict[str, int] = {}
        for job in jobs:
            missing[job.key] = missing.get(job.key, 0) + len(job.members)
        rows = {}
        for one in planned:
            members = len(one.members)
            # A job that goes on may have members that nobody asks for any more.
            finished = max(0, members - missing.get(one.key, 0))
            rows[one.key] = Row(one.cell.scenario_label, one.cell.label, members, finished)
        return cls(suite, rows, {job.id: job for job in jobs}, forecast)

    def replace(self, job: Job, parts: Sequence[Job]) -> None:
        """A job was divided."""
        del self.jobs[job.id]
        self.jobs.update({part.id: part for part in parts})
        self.forecast.divide(job, parts)

    @property
    def total(self) -> int:
        """How many jobs there are."""
        return len(self.jobs)

    def apply(self, event: JobEvent) -> None:
        """Keep up with one event."""
        if event.kind == "said":
            return
        job = self.jobs[event.job]
        if event.kind == "ended":
            self._ended(job, event)
        else:
            self._went_on(job, event)

    def _went_on(self, job: Job, event: JobEvent) -> None:
        row = self.rows[job.key]
        self.forecast.update(job, event.fraction, begins=event.kind == "started")
        row.running[job.id] = len(job.members), event.fraction
        row.task = self.tasks[job.id] = event.task, event.tasks
        mean = _mean(event.accuracy or ())
        if mean is not None:
            row.accuracy = mean

    def _ended(self, job: Job, event: JobEvent) -> None:
        row, size = self.rows[job.key], len(job.members)
        over = event.status not in RETRIED
        row.running.pop(job.id, None)
        self.forecast.ended(job, over=over, measured=event.status in ("done", "diverged"))
        if not over:
            return
        self.ended += 1
        if event.status in ("failed", "timeout"):
            row.failed += size
        else:
            row.finished += size

    @property
    def under_way(self) -> list[tuple[Job, tuple[int, int], float, float | None]]:
        """The jobs that run: the task of how many, the part that is done,
        and the seconds to go where they are known.
        """
        rests = self.forecast.rest_of_running()
        found = []
        for job, mine in self.forecast.running.values():
            task = self.tasks.get(job.id, (0, 0))
            found.append((job, task, mine.fraction, rests.get(job.id)))
        return found

    @property
    def fraction(self) -> float:
        """The part of this run's own work that is done."""
        return self.forecast.fraction

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self.forecast.seconds

    @property
    def left(self) -> float | None:
        """Seconds to go, None where it is too early to say."""
        return self.forecast.left


def _mean(values: Sequence[float]) -> float | None:
    """Of those that are numbers; None where none is."""
    finite = [value for value in values if not math.isnan(value)]
    return sum(finite) / len(finite) if finite else None
