"""A job: a chunk of a cell's members, run as one stack on one device.

Plain data, so that it travels as JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from clbench.host import PluginReference
from clbench.suite.cell import Cell
from clbench.typing import Member

CHECKPOINT_EVERY = 180.0  # seconds: what a machine that dies may cost


@dataclass(frozen=True)
class PlannedCell:
    """A cell as a run sees it."""

    cell: Cell
    key: str
    content: Mapping[str, Any] = field(default_factory=dict)  # what the key is a hash of
    tasks: int = 0
    agents: int = 1
    # What a finished member must have because it can only be measured live, and how it is measured:
    # probe metrics with their options and version; with None, curves that record metrics need, and
    # what is kept (`kept/weights`).
    probes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Member, ...]:
        """Everybody who was asked for."""
        return tuple((seed, agent) for seed in self.cell.seeds for agent in range(self.agents))


@dataclass(frozen=True)
class Job:
    """What one worker does at a time: some members of a cell, as one stack."""

    planned: PlannedCell
    members: tuple[Member, ...]
    form: str = "auto"

    @property
    def cell(self) -> Cell:
        """The cell that the members are of."""
        return self.planned.cell

    @property
    def key(self) -> str:
        """The cell's name in records."""
        return self.planned.key

    @property
    def tasks(self) -> int:
        """How many tasks the members are trained on."""
        return self.planned.tasks

    @property
    def id(self) -> str:
        """Names the job's files: the cell's key and who is in the stack."""
        # A checkpoint holds a stack, and is of no use to another one of the same cell.
        digest = hashlib.sha256(json.dumps(self.members).encode()).hexdigest()[:8]
        return f"{self.key}-{digest}"

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in the stack, sorted, each once."""
        return tuple(sorted({seed for seed, _ in self.members}))

    def divide(self, parts: int) -> list[Job]:
        """Jobs with equal shares of the seeds, at most one for each seed: agents stay together."""
        seeds = self.seeds
        parts = min(parts, len(seeds))
        bounds = [len(seeds) * part // parts for part in range(parts + 1)]
        return [self._with_seeds(set(seeds[start:stop])) for start, stop in pairwise(bounds)]

    def _with_seeds(self, seeds: set[int]) -> Job:
        members = tuple(member for member in self.members if member[0] in seeds)
        return replace(self, members=members)

    def to_json(self) -> str:
        """One line of JSON."""
        planned = {**vars(self.planned), "cell": self.cell.to_plain()}
        return json.dumps({**planned, "members": self.members, "form": self.form}, default=str)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The job that `to_json` wrote, or an older version of it."""
        plain = json.loads(text)
        members = tuple((int(seed), int(agent)) for seed, agent in plain.pop("members"))
        form = plain.pop("form")
        planned = PlannedCell(**{**plain, "cell": Cell.from_plain(plain["cell"])})
        return cls(planned, members, form)


@dataclass(frozen=True)
class Site:
    """What every worker of a run needs to know: where to write, which plugins and data to use."""

    # the line that asks a worker to save where its job stands and to leave
    LEAVE: ClassVar[str] = '"leave"'

    folder: Path
    suite: str
    plugins: tuple[PluginReference, ...] = ()  # what `Host.load` takes
    data: Path | None = None
    timeout: float | None = None  # seconds a job
    checkpoint_every: float = CHECKPOINT_EVERY  # seconds within a task
    command: tuple[str, ...] = ()  # starts a worker that speaks JSON lines over its pipes
    # what a worker process has to find in its environment
    environment: Mapping[str, str] = field(default_factory=dict)
    gemm: str = "standard"  # the path of its matrix products
    started: str = ""  # when the run began, in UTC
    workers: int = 1  # how many work at a time
    git: str | None = None  # the commit of the suite's folder

    def record(self, job: Job) -> Path:
        """Where the job's record goes."""
        return self.folder / "jobs" / f"{job.id}.h5"

    def checkpoint(self, job: Job) -> Path:
        """Where the job keeps its state."""
        return self.folder / "checkpoints" / f"{job.id}.ckpt"

    def forget(self, job: Job) -> None:
        """Remove the state of a job that will not go on, and what was kept beside it."""
        for path in self.checkpoint(job).parent.glob(f"{job.id}.*"):
            # The job's description stays: it says who is in the stack.
            if path.suffix != ".json":
                path.unlink(missing_ok=True)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                **vars(self),
                "folder": str(self.folder),
                "plugins": [plugin.to_plain() for plugin in self.plugins],
                "data": self.data and str(self.data),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Site:
        """The site that `to_json` wrote."""
        plain = json.loads(text)
        paths = {
            "folder": Path(plain["folder"]),
            "plugins": tuple(PluginReference(**plugin) for plugin in plain["plugins"]),
            "data": plain["data"] and Path(plain["data"]),
        }
        return cls(**{**plain, **paths, "command": tuple(plain["command"])})


@dataclass(frozen=True)
class JobEvent:
    """What a launcher tells of a job:
    `kind` is `started`, `progress`, `said` (a plugin printed the line `error`) or `ended`.

    With `ended`, `status` is `done`, `diverged`, `failed` or `timeout`; or the job is not over:
    `memory` (out of memory: split it and try again), `lost` (the system killed its worker: try it
    once more) or `unwritten` (there is no room for its record: stop). A job that ended without
    leaving a record is recorded as failed, with `error`, by whoever asked for it.
    """

    kind: str
    job: str
    task: int = 0
    tasks: int = 0
    fraction: float = 0.0
    accuracy: tuple[float, ...] | None = None
    status: str = ""
    seconds: float = 0.0
    error: str = ""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(vars(self))

    @classmethod
    def from_json(cls, text: str) -> JobEvent:
        """The event that `to_json` wrote."""
        plain = json.loads(text)
        accuracy = plain.get("accuracy")
        return cls(**{**plain, "accuracy": None if accuracy is None else tuple(accuracy)})
