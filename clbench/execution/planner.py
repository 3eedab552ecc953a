"""From what is asked for and what is there to jobs: pure functions, no files and no devices.

A run, `--dry-run` and tests plan by these; what is in the record, what devices there are and how
many members fit together comes in as arguments.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.execution.jobs import Job, PlannedCell
from clbench.execution.stack_size import MAX_STACK
from clbench.records import CellRecord
from clbench.typing import Array, Member

STACK_ON_CPU = MAX_STACK
START_UP_COST = 1.0  # of a job before its first member, in members' time
MIN_SHORTENING = 0.97  # a plan with more jobs has to be this much shorter


@dataclass(frozen=True)
class Missing:
    """A cell, and those of its members that have to run."""

    planned: PlannedCell
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Remaining:
    """What is left to do."""

    missing: tuple[Missing, ...]  # of every cell that is asked for; of a finished one nobody
    resumed: tuple[Job, ...]  # jobs that left a checkpoint, and go on as they were

    def new_jobs(self, form: str) -> list[Job]:
        """One undivided job for each cell, of the members that no resumed job has."""
        begun = {(job.key, member) for job in self.resumed for member in job.members}
        found = []
        for one in self.missing:
            key = one.planned.key
            left = tuple(member for member in one.members if (key, member) not in begun)
            if left:
                found.append(Job(one.planned, left, form))
        return found


@dataclass(frozen=True)
class Workers:
    """Who does the work: how many at a time, and whether one takes a stack of any size."""

    count: int
    stacked: bool  # on a GPU, where a stack is as large as the memory

    @classmethod
    def on(cls, slots: Sequence[str]) -> Workers:
        """One on each of these devices."""
        return cls(len(slots), slots[0].startswith("cuda"))


@dataclass(frozen=True)
class Plan:
    """What a run does: what is left, and the jobs that do it in their order."""

    remaining: Remaining
    jobs: tuple[Job, ...]

    @property
    def missing(self) -> dict[str, tuple[Member, ...]]:
        """The members of each cell that have to run."""
        return {one.planned.key: one.members for one in self.remaining.missing}


def remaining_work(
    wanted: Iterable[PlannedCell],
    recorded: Mapping[str, CellRecord],
    *,
    forced: Collection[str] = (),
    begun: Iterable[Job] = (),
) -> Remaining:
    """What is left to do of the cells that are wanted, given what is in the record.

    Cells of the keys `forced` run whatever there is. A job that was `begun` goes on where it would
    be planned just so today, and where all of its members are missing.
    """
    cells = {one.key: one for one in wanted}
    missing = []
    for key, planned in cells.items():
        record = None if key in forced else recorded.get(key)
        missing.append(Missing(planned, missing_members(planned, record)))
    absent = {(one.planned.key, member) for one in missing for member in one.members}

    def goes_on(job: Job) -> bool:
        if job.key in forced or job.key not in cells:
            return False
        measures_the_same = job.planned.probes == cells[job.key].probes
        return measures_the_same and all((job.key, member) in absent for member in job.members)

    return Remaining(tuple(missing), tuple(filter(goes_on, begun)))


def finished_members(
    record: CellRecord | None, probes: Mapping[str, Any] | None = None
) -> set[Member]:
    """Members that need not run again:
    finished, with everything that can only be measured live, measured as it is now.
    """
    if record is None:
        return set()
    kept = {f"kept/{name}": flags for name, flags in record.kept.items()}
    measured = record.curves | record.metrics | kept
    for probe, how in (probes or {}).items():
        if probe not in measured or how not in (None, record.probes.get(probe)):
            return set()
    lacking = _lacking(record, {probe: measured[probe] for probe in probes or ()})
    # One that diverged has no value of a probe, and would have none again.
    rows = np.flatnonzero(record.finished & ~(record.done & lacking))
    return {(int(record.seed[row]), int(record.agent[row])) for row in rows}


def _lacking(record: CellRecord, measured: Mapping[str, Array]) -> Array:
    """`[S]`: the members in which one of these is not measured."""
    lacking = np.zeros(record.members, dtype=bool)
    for probe, values in measured.items():
        empty = _empty(values)
        # One that is undefined for all, or said why, was measured all the same.
        if not empty.all() and record.fault(probe) is None:
            lacking |= empty
    return lacking


def _empty(values: Array) -> Array:
    """`[S]`, of `[S, ...]`: the members without a single number."""
    return np.asarray(np.isnan(values).reshape(len(values), -1).all(axis=1), dtype=bool)


def missing_members(planned: PlannedCell, record: CellRecord | None) -> tuple[Member, ...]:
    """Members to run: a seed runs with all its agents, because they train together."""
    done = finished_members(record, planned.probes)
    # One agent that is not there takes its whole seed along.
    absent = {seed for seed, agent in planned.members if (seed, agent) not in done}
    return tuple(member for member in planned.members if member[0] in absent)


def plan_jobs(
    remaining: Remaining,
    workers: Workers,
    form: str = "auto",
    pieces: Mapping[str, int] | None = None,
) -> Plan:
    """Jobs for what is left: those that go on first, then the largest.

    `pieces` says by key into how many jobs a cell is divided at least, so that each fits its device
    or its caches. On a CPU no job has more than `STACK_ON_CPU` members.
    """
    jobs: list[Job] = []
    for whole in remaining.new_jobs(form):
        fewest = 1 if workers.stacked else math.ceil(len(whole.members) / STACK_ON_CPU)
        jobs += whole.divide(max(fewest, (pieces or {}).get(whole.key, 1)))
    return Plan(remaining, (*remaining.resumed, *balance(jobs, workers.count)))


def balance(jobs: list[Job], workers: int) -> list[Job]:
    """Split the largest jobs while that lets the workers end earlier; largest first."""
    best = current = sorted(jobs, key=_size, reverse=True)
    # Halving the largest may help only after several times, so it goes on beyond the best.
    while len(current) < 4 * workers:
        halves = current[0].divide(2) if current else []
        if len(halves) < 2:
            break
        current = sorted([*halves, *current[1:]], key=_size, reverse=True)
        if makespan(current, workers) < MIN_SHORTENING * makespan(best, workers):
            best = current
    return best


def makespan(jobs: Iterable[Job], workers: int) -> float:
    """When the last worker ends if each takes the next job as soon as it is
    free, in members' time.
    """
    ends = [0.0] * workers  # a heap: the first is who is free first
    for job in jobs:
        heapq.heapreplace(ends, ends[0] + START_UP_COST + _size(job))
    return max(ends)


def _size(job: Job) -> int:
    return len(job.members)
