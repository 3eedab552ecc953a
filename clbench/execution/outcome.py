"""What came of a run, and the exit code it deserves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.execution.jobs import Job, PlannedCell
from clbench.execution.separating import Stop
from clbench.records import CellRecord
from clbench.records.status import FINISHED
from clbench.suite.seeds import seeds_in_words
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
    stop: Stop | None = None  # where seeds were added: at how many, and why

    @property
    def exit_code(self) -> int:
        """130 interrupted; 1 where a member failed, every member of a cell diverged, or nothing
        could be decided by any number of seeds; else 0.
        """
        if self.interrupted:
            return INTERRUPTED
        undecidable = self.stop is not None and self.stop.failed
        return FAILED if self.failures or self.diverged or undecidable else OK


@dataclass(frozen=True)
class Work:
    """What this run did: its jobs by name, and the errors of those that failed."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    def and_then(self, more: Work) -> Work:
        """This and what was done after it."""
        return Work(
            {**self.jobs, **more.jobs},
            {**self.errors, **more.errors},
            self.seconds + more.seconds,
            more.interrupted,
        )


@dataclass(frozen=True)
class _CellOutcome:
    """What came of one cell."""

    requested: int
    finished: int
    failures: list[Failure]
    diverged: list[str]  # the cell, where nobody got through
    faults: list[str]


def outcome_of(
    suite: Suite,
    record: Path,
    planned: Sequence[PlannedCell],
    cells: Mapping[str, CellRecord],
    work: Work,
    stop: Stop | None = None,
) -> Outcome:
    """Look into the record for everybody who was asked for."""
    requested, finished = 0, 0
    failures: list[Failure] = []
    diverged: list[str] = []
    faults: list[str] = []
    for one in planned:
        found = _outcome_of_cell(one, cells.get(one.key), work)
        requested += found.requested
        finished += found.finished
        failures += found.failures
        diverged += found.diverged
        faults += found.faults
    return Outcome(
        suite=suite.name,
        record=record,
        requested=requested,
        finished=finished,
        failures=tuple(failures),
        diverged=tuple(diverged),
        faults=tuple(faults),
        ran=len(work.jobs),
        seconds=work.seconds,
        interrupted=work.interrupted,
        stop=stop,
    )


def _outcome_of_cell(one: PlannedCell, cell: CellRecord | None, work: Work) -> _CellOutcome:
    status = _status(cell)
    asked = {member: status.get(member, "missing") for member in one.members}
    # A seed is there when all its agents are.
    absent = {seed for (seed, _), state in asked.items() if state not in FINISHED}
    seeds = {seed for seed, _ in one.members}
    all_diverged = bool(asked) and set(asked.values()) == {"diverged"}
    return _CellOutcome(
        requested=len(seeds),
        finished=len(seeds) - len(absent),
        failures=_failures(one, cell, absent, work),
        diverged=[_name(one)] if all_diverged else [],
        # Of a cell that is not complete the failures are what matters.
        faults=[] if cell is None or absent else _faults(one, cell),
    )


def _faults(one: PlannedCell, cell: CellRecord) -> list[str]:
    return [f"{_name(one)}: {_first_line(str(fault))}" for fault in cell.troubles]


def _failures(
    one: PlannedCell, cell: CellRecord | None, absent: set[int], work: Work
) -> list[Failure]:
    """One for each job that failed, and one for the seeds that no job of this run took up."""
    jobs = [work.jobs[name] for name in work.errors if work.jobs[name].key == one.key]
    failures = [_failure(one, job.seeds, _first_line(work.errors[job.id])) for job in jobs]
    left = absent.difference(*(job.seeds for job in jobs))
    # What was interrupted did not fail: it goes on.
    if left and not work.interrupted:
        failures.append(_failure(one, left, _reason(cell)))
    return failures


def _name(one: PlannedCell) -> str:
    return f"{one.cell.scenario_label}, {one.cell.label}"


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
