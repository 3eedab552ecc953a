"""What observers are told: one frozen object an event."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SuiteStarted:
    """A run begins. Where seeds are added by what they show, `jobs` are those of the first look."""

    suite: str
    out: Path
    cells: int
    jobs: int


@dataclass(frozen=True)
class TaskFinished:
    """A job finished one task: `task` of `tasks` (from 1),
    with each member's mean accuracy on the tasks so far.
    """

    suite: str
    cell: str
    label: str
    scenario: str
    seeds: tuple[int, ...]
    task: int
    tasks: int
    accuracy: tuple[float, ...]


@dataclass(frozen=True)
class JobFinished:
    """A job ended: `status` is `done`, `failed` or `diverged`;
    `error` holds the last line of a failure.
    """

    suite: str
    cell: str
    label: str
    scenario: str
    seeds: tuple[int, ...]
    status: str
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class SuiteFinished:
    """The run ended; `record` is the merged file."""

    suite: str
    record: Path
    finished: int
    failed: int
