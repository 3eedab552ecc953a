"""What came of a run, and the exit code it deserves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.execution.jobs import Job, PlannedCell, seeds_in_words
from clbench.records import CellRecord
from clbench.records.status import FINISHED

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
    requested, finished, failures, diverged, faults = 0, 0, [], [], []
    for one in planned:
        cell = cells.get(one.key)
        status = _status(cell)
        asked = [status.get(member, "missing") for member in one.members]
        if asked and all(state == "diverged" for state in asked):
            diverged.append(f"{one.cell.scenario_label}, {one.cell.label}")
        absent = {
            member[0]
            for member, state in zip(one.members, asked, strict=True)
            if state not in FINISHED
        }
        seeds = {seed for seed, _ in one.members}
        requested += len(seeds)
        finished += len(seeds) - len(absent)
        failures += _failures(one, cell, absent, errors, jobs, interrupted)
        if cell is not None and not absent:
            faults += [
                f"{one.cell.scenario_label}, {one.cell.label}: {_first_line(str(fault))}"
                for fault in cell.troubles
            ]
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


def _failures(
    one: PlannedCell,
    cell: CellRecord | None,
    absent: set[int],
    errors: Mapping[str, str],
    jobs: Mapping[str, Job],
    interrupted: bool,
) -> list[Failure]:
    """A failure a job, in its own words;
    seeds that no job of this run took up have those of an earlier one.
    """
    failures = []
    for job in (jobs[job_id] for job_id in errors if jobs[job_id].key == one.key):
        failures.append(
            Failure(one.cell.scenario_label, one.cell.label, job.seeds, _first_line(errors[job.id]))
        )
        absent = absent - set(job.seeds)
    if absent and not interrupted:
        reason = (
            _last_line(cell.errors[-1])
            if cell is not None and cell.errors
            else "nothing was recorded"
        )
        failures.append(
            Failure(one.cell.scenario_label, one.cell.label, tuple(sorted(absent)), reason)
        )
    return failures


def _status(cell: CellRecord | None) -> dict[tuple[int, int], str]:
    if cell is None:
        return {}
    return {
        (int(seed), int(agent)): str(text)
        for seed, agent, text in zip(cell.seed, cell.agent, cell.member_status, strict=True)
    }


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""
