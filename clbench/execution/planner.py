"""From what is missing to jobs: pure functions, no files and no devices."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clbench.execution.jobs import Job
from clbench.execution.stack_size import MOST
from clbench.records import CellRecord
from clbench.suite.cell import Cell
from clbench.typing import Member

STACK_ON_CPU = MOST
START_UP = 1.0  # what a job costs before its first member does, in members
WORTH = 0.97  # a plan with more jobs has to be this much shorter


@dataclass(frozen=True)
class Planned:
    """A cell as the run sees it."""

    cell: Cell
    key: str
    content: Mapping[str, Any]
    tasks: int = 0
    agents: int = 1
    # What a finished member must have because it can only be measured live: probe metrics with their options and version,
    # and curves that record metrics need, and what is kept (`kept/weights`), with None.
    probes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Member, ...]:
        """Everybody who was asked for."""
        return tuple((seed, agent) for seed in self.cell.seeds for agent in range(self.agents))


def finished_members(
    record: CellRecord | None, probes: Mapping[str, Any] | None = None
) -> set[Member]:
    """Members that need not run again: finished, with everything that can only be measured live, measured as it is now."""
    probes = probes or {}
    if record is None:
        return set()
    measured = (
        record.curves
        | record.metrics
        | {f"kept/{name}": flags for name, flags in record.kept.items()}
    )
    if any(
        probe not in measured or how not in (None, record.probes.get(probe))
        for probe, how in probes.items()
    ):
        return set()
    lacking = np.zeros(record.members, dtype=bool)
    for probe in probes:
        empty = np.isnan(measured[probe]).reshape(record.members, -1).all(axis=1)
        if (
            not empty.all() and record.fault(probe) is None
        ):  # one that is undefined for all, or said why, was measured all the same
            lacking |= empty
    rows = np.flatnonzero(record.finished & ~(record.done & lacking))
    return {(int(record.seed[row]), int(record.agent[row])) for row in rows}


def missing_members(planned: Planned, record: CellRecord | None) -> tuple[Member, ...]:
    """Members to run: a seed runs with all its agents, because they train together."""
    done = finished_members(record, planned.probes)
    absent = {seed for seed, agent in planned.members if (seed, agent) not in done}
    return tuple(member for member in planned.members if member[0] in absent)


def plan(
    cells: Iterable[tuple[Planned, tuple[Member, ...]]],
    *,
    workers: int,
    stacked: bool,
    form: str = "auto",
    kept: Iterable[Job] = (),
    pieces: Callable[[Job], int] = lambda job: 1,
) -> list[Job]:
    """Jobs for the missing members, the largest first: of a cell as few as `pieces` says.

    On a CPU, where a job is not `stacked` without end, no job has more than `STACK_ON_CPU` members.

    `kept` are jobs of an earlier run that left a checkpoint: they go on as they were.
    """
    first = list(kept)
    begun = {(job.key, member) for job in first for member in job.members}
    jobs: list[Job] = []
    for planned, members in cells:
        left = tuple(member for member in members if (planned.key, member) not in begun)
        if left:
            whole = Job(
                planned.cell,
                planned.key,
                left,
                planned.content,
                planned.tasks,
                form,
                planned.probes,
            )
            fewest = 1 if stacked else math.ceil(len(left) / STACK_ON_CPU)
            jobs += whole.divide(max(fewest, pieces(whole)))
    return first + balance(jobs, workers)


def balance(jobs: list[Job], workers: int) -> list[Job]:
    """Split the largest jobs while that lets the workers end earlier; largest first."""
    best = current = sorted(jobs, key=_size, reverse=True)
    while len(current) < 4 * workers:
        halves = current[0].divide(2) if current else []
        if len(halves) < 2:
            break
        current = sorted([*halves, *current[1:]], key=_size, reverse=True)
        if makespan(current, workers) < WORTH * makespan(best, workers):
            best = current
    return best


def makespan(jobs: Iterable[Job], workers: int) -> float:
    """When the last worker ends if each takes the next job as soon as it is free, in members' time."""
    ends = [0.0] * workers
    for job in jobs:
        heapq.heapreplace(ends, ends[0] + START_UP + _size(job))
    return max(ends)


def _size(job: Job) -> int:
    return len(job.members)
