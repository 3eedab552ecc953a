"""What came of a run, and the exit code it deserves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.execution.jobs import Job, PlannedCell, seeds_in_words
from clbench.records import CellRecord
from clbench.records.status import FINISHED
from clbench.typing import Member

if TYPE_CHECKING:
    from clbench.suite import Suite

OK, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True)
class Failure:
    """Members of one cell that were asked for and are not there, and why."""

    scenario: str
    label: str
    seeds: tuple[int, ...]
    error: str

    def __str__(self) -> str:
        return f"{self.scenario}, {self.label}, seeds {seeds_in_words(self.seeds)}: {self.error}"


@dataclass(frozen=True)
class Outcome:
    """`finished` runs of `requested` are in the record,
    a run being a seed of a cell with all its agents.

    `failures` are the others, `diverged` cells have nobody who got through.
    """

    suite: str
    record: Path
    requested: int
    finished: int
    failures: tuple[Failure, ...]
    diverged: tuple[str, ...]
    faults: tuple[str, ...]  # metrics that could not be measured
    ran: int  # jobs of this run
    seconds: float
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """130 interrupted; 1 where a member failed or every member of a cell diverged; else 0."""
        if self.interrupted:
            return INTERRUPTED
        return FAILED if self.failures or self.diverged else OK


def outcome_of(
    suite: Suite,
    record: Path,
    planned: Sequence[PlannedCell],
    cells: Mapping[str, CellRecord],
    *,
    errors: Mapping[str, str],
    jobs: Mapping[str, Job],
    seconds: float,
    interrupted: bool,
) -> Outcome:
    """Look into the record for everybody who was asked for."""
    requested, finished = 0, 0
    failures: list[Failure] = []
    diverged: list[str] = []
    faults: list[str] = []
    for one in planned:
        cell = cells.get(one.key)
        status = _status(cell)
        asked = {member: status.get(member, "missing") for member in one.members}
        if asked and set(asked.values()) == {"diverged"}:
            diverged.append(_name(one))
        # A seed is there when all its agents are.
        absent = {seed for (seed, _), state in asked.items() if state not in FINISHED}
        seeds = {seed for seed, _ in one.members}
        requested += len(seeds)
        finished += len(seeds) - len(absent)
        mine = [jobs[name] for name in errors if jobs[name].key == one.key]
        failures += _failures_of_jobs(mine, errors)
        left = absent.difference(*(job.seeds for job in mine))
        if left and not interrupted:
            failures.append(_failure(one, left, _reason(cell)))
        if cell is not None and not absent:
            faults += [f"{_name(one)}: {_first_line(str(fault))}" for fault in cell.troubles]
    return Outcome(
        suite.name,
        record,
        requested,
        finished,
        tuple(failures),
        tuple(diverged),
        tuple(faults),
        len(jobs),
        seconds,
        interrupted,
    )


def _name(one: PlannedCell) -> str:
    return f"{one.cell.scenario_label}, {one.cell.label}"


def _failures_of_jobs(jobs: Iterable[Job], errors: Mapping[str, str]) -> list[Failure]:
    """One for each job that failed, in its own words."""
    return [_failure(job.planned, job.seeds, _first_line(errors[job.id])) for job in jobs]


def _failure(one: PlannedCell, seeds: Iterable[int], reason: str) -> Failure:
    return Failure(one.cell.scenario_label, one.cell.label, tuple(sorted(seeds)), reason)


def _reason(cell: CellRecord | None) -> str:
    """Why seeds are missing that no job of this run took up: as an earlier one said."""
    if cell is None or not cell.errors:
        return "nothing was recorded"
    return _last_line(cell.errors[-1])


def _status(cell: CellRecord | None) -> dict[Member, str]:
    """The status of every member that is in the record."""
    if cell is None:
        return {}
    members = zip(cell.seed.tolist(), cell.agent.tolist(), strict=True)
    return dict(zip(members, map(str, cell.member_status), strict=True))


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""
