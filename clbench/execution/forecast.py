"""When a run will be over: what jobs are expected to cost,
and how many seconds a unit of it takes where that is known.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from clbench.execution.jobs import Job

MIN_FRACTION_OF_RUN = 0.01  # done before anything is said of the time left
MIN_FRACTION_OF_JOB = 0.03  # done before a job's own pace says anything


@dataclass
class Pace:
    """Seconds that some work took."""

    seconds: float = 0.0
    cost: float = 0.0

    def add(self, seconds: float, cost: float) -> None:
        """More of it."""
        self.seconds, self.cost = self.seconds + seconds, self.cost + cost

    @property
    def rate(self) -> float | None:
        """Seconds a unit."""
        return self.seconds / self.cost if self.cost > 0 and self.seconds > 0 else None


@dataclass
class Running:
    """A job under way: since when it is watched, from what part of it, and how far it is."""

    since: float
    base: float = 0.0
    fraction: float = 0.0
    heard: bool = False

    def hear(self, fraction: float, now: float) -> None:
        """It is so far; its first word is where it begins."""
        if not self.heard:
            self.since, self.base, self.heard = now, fraction, True
        self.fraction = max(self.fraction, fraction)

    @property
    def gone(self) -> float:
        """The part that was done while it was watched."""
        return self.fraction - self.base


class Forecast:
    """Keeps the pace of every cell, of every strategy, and of the run.

    A job that has begun goes on at its own pace; one that waits at its cell's, or else at that of
    its strategy in other scenarios, or else at that of everything measured so far. The time left is
    that of the last worker, each taking the next job as it gets free.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        costs: Mapping[str, float],
        workers: int,
        known: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock, self.started = clock, clock()
        self.workers = max(1, min(workers, len(jobs)))
        self.costs = dict(costs)
        self.waiting = {job.id: job for job in jobs}
        self.running: dict[str, tuple[Job, Running]] = {}
        self.cells: dict[str, Pace] = {}
        self.done = 0.0  # seconds of workers
        for job in jobs:
            if seconds := (known or {}).get(job.id):  # of an earlier run
                self.cells.setdefault(job.key, Pace()).add(seconds, self.costs[job.id])
        self.names = {job.key: job.cell.label for job in jobs}

    # ------------------------------------------------------------------ what happens

    def update(self, job: Job, fraction: float, begins: bool = False) -> None:
        """A job is so far.

        Its first word is where it begins: one that is resumed has a part of itself behind it.
        """
        self.waiting.pop(job.id, None)
        if begins or job.id not in self.running:
            self.running[job.id] = job, Running(self.clock())
        if not begins:
            self.running[job.id][1].hear(fraction, self.clock())

    def ended(self, job: Job, over: bool, measured: bool) -> None:
        """A job ended, for good or to be tried again."""
        self.waiting.pop(job.id, None)
        _, mine = self.running.pop(job.id, (job, None))
        if mine is not None:
            seconds = self.clock() - mine.since
            self.done += seconds
            if measured:
                cost = self.costs[job.id] * (1.0 - mine.base)
                self.cells.setdefault(job.key, Pace()).add(seconds, cost)
        if not over:
            self.waiting[job.id] = job

    def divide(self, job: Job, parts: Sequence[Job]) -> None:
        """A job was divided."""
        self.waiting.pop(job.id, None)
        for part in parts:
            self.costs[part.id] = self.costs[job.id] * len(part.members) / len(job.members)
            self.waiting[part.id] = part

    # ------------------------------------------------------------------ what is expected

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self.clock() - self.started

    @property
    def fraction(self) -> float:
        """The part of the workers' time that is behind them."""
        running, waiting = self._rests()
        under_way = sum(self.clock() - mine.since for _, mine in self.running.values())
        behind = self.done + under_way
        rest = sum(running) + sum(waiting)
        if rest == 0.0:  # it is over, or no pace is known yet
            return 0.0 if self.running or self.waiting else 1.0
        return behind / (behind + rest)

    @property
    def left(self) -> float | None:
        """Seconds until the last worker is done, None where it is too early to say."""
        if self.fraction < MIN_FRACTION_OF_RUN:
            return None
        running, waiting = self._rests()
        # Workers without a job are free now.
        ends = running + [0.0] * (self.workers - len(running))
        heapq.heapify(ends)
        for seconds in waiting:
            heapq.heapreplace(ends, ends[0] + seconds)
        return max(ends)

    def rest_of_running(self) -> dict[str, float]:
        """Seconds to go of each job under way, where any pace is known."""
        return dict(zip(self.running, self._rests()[0], strict=False))

    def _rests(self) -> tuple[list[float], list[float]]:
        """Seconds to go, of the jobs that run and of those that wait in their order;
        none where no pace is known.
        """
        paces = self._paces()
        everything = _sum(paces.values()).rate
        if everything is None:
            return [], []
        names: dict[str, Pace] = {}
        for key, pace in paces.items():
            names.setdefault(self.names[key], Pace()).add(pace.seconds, pace.cost)

        def expected(job: Job) -> float:
            """Seconds by the pace of the cell, else of its strategy, else of everything."""
            of_cell = paces.get(job.key, Pace()).rate
            of_strategy = names.get(self.names[job.key], Pace()).rate
            return self.costs[job.id] * (of_cell or of_strategy or everything or 0.0)

        running = []
        for job, mine in self.running.values():
            passed = self.clock() - mine.since
            total = passed / mine.gone if mine.gone > MIN_FRACTION_OF_JOB else expected(job)
            running.append(total * (1.0 - mine.fraction))
        return running, [expected(job) for job in self.waiting.values()]

    def _paces(self) -> dict[str, Pace]:
        """By cell, with what runs now."""
        paces = {key: Pace(pace.seconds, pace.cost) for key, pace in self.cells.items()}
        for job, mine in self.running.values():
            if mine.gone > MIN_FRACTION_OF_JOB:
                cost = self.costs[job.id] * mine.gone
                paces.setdefault(job.key, Pace()).add(self.clock() - mine.since, cost)
        return paces


def _sum(paces: Iterable[Pace]) -> Pace:
    total = Pace()
    for pace in paces:
        total.add(pace.seconds, pace.cost)
    return total
