"""What a job may take: a rough estimate, made without training anything."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.execution.forecast import Forecast
from clbench.execution.inspector import CellInspector
from clbench.execution.jobs import Job
from clbench.execution.stack_size import StepSize, members_in_cache
from clbench.records import CellRecord
from clbench.suite.cell import Cell
from clbench.typing import Member

if TYPE_CHECKING:
    from clbench.data import Arrays

COPIES = 4  # weights, gradients, and two moments of an optimiser
FLOAT = 4  # bytes
USABLE = 0.7  # of a device; the rest is for activations, which no estimate knows


@dataclass(frozen=True)
class Estimate:
    """`steps` a member; `cost` of the job, in samples; `seconds` where known."""

    steps: int
    cost: float
    parameters: int | None
    seconds: float | None


@dataclass(frozen=True)
class Memory:
    """Bytes a job takes: the data once;
    each member's network, gradients, an optimiser's moments, and what its method carries.

    With it go the features of a frozen body that are kept while a head is trained.
    """

    data: int
    member: float

    def of(self, job: Job) -> float:
        """The whole job's."""
        return self.data + self.member * len(job.members)

    def pieces(self, job: Job, room: float) -> int:
        """In how many jobs it fits into a device with so much room."""
        if self.member == 0.0:
            return 1  # nothing is known of it; where memory runs out a job is halved
        # One that is alone is tried, whatever the estimate says.
        fit = max(1, int((room - self.data) / self.member)) if 0 < self.member < room else 1
        return _shares(job, fit)


class Estimator:
    """Looks at the streams of one seed and at the model of each cell."""

    def __init__(self, inspector: CellInspector, cells: Mapping[str, CellRecord]) -> None:
        self.inspector, self.cells = inspector, cells
        self._known: dict[str, tuple[int, float, int | None]] = {}
        self._streams: dict[str, tuple[list[int], list[int]]] = {}

    def of(self, job: Job) -> Estimate:
        """The estimate of one job."""
        if job.key not in self._known:
            self._known[job.key] = self._measure(job)
        steps, cost, parameters = self._known[job.key]
        return Estimate(steps, cost * len(job.members), parameters, self._seconds(job))

    def memory(self, job: Job) -> Memory:
        """What the job takes.

        To know what a method carries, it is set up for one seed on the CPU.
        """
        arrays = self.inspector.arrays(job.cell)
        network = (self.inspector.parameters(job.cell) or 0) * FLOAT * COPIES
        member = network + self._carried(job) + self._features(job)
        return Memory(arrays.x_train.nbytes + arrays.x_test.nbytes, member)

    def pieces_by_cache(self, job: Job, cache: int) -> int:
        """In how many jobs a CPU runs it best, where a worker has so many bytes of cache."""
        network = self.inspector.network(job.cell)
        if network is None:
            return 1
        return _shares(job, members_in_cache(StepSize.of(network, job.cell.protocol), cache))

    def pieces_by_features(self, job: Job, room: float) -> int:
        """In how many jobs a CPU keeps most features of a frozen body,
        where a job has so much room for them.
        """
        mine = self._features(job)
        if mine == 0.0 or room <= 0.0:
            return 1
        return _shares(job, max(1, int(room / mine)))

    def _features(self, job: Job) -> float:
        """A member's kept features, in bytes, of methods that say their phases before the run."""
        from clbench.engine.room import keeps_features

        said = [kind for kind, _ in self._parts(job.cell) if getattr(kind, "foreseeable", False)]
        if not said or not keeps_features():
            return 0.0
        try:
            return float(FLOAT * self._most_features(job))
        except Exception:  # a stranger's scenario; its jobs will say what is wrong with it
            return 0.0

    def _most_features(self, job: Job) -> int:
        """How many numbers the features of the phase are that has most."""
        from clbench.engine.session import ScenarioView
        from clbench.engine.workload import foreseen, is_augmented

        cell = job.cell
        train, _ = self._sizes(cell, job.members[0], self.inspector.arrays(cell))
        scenario = ScenarioView.of(self.inspector.layout(cell))
        most = 0
        for phases in foreseen(self._parts(cell), cell.protocol, scenario, train):
            for phase, samples in phases:
                if phase.frozen_before is not None and not is_augmented(phase, cell.protocol):
                    most = max(most, samples * self.inspector.features(cell, phase.frozen_before))
        return most

    def _parts(self, cell: Cell) -> list[tuple[type[Any], Mapping[str, Any]]]:
        """The classes of the cell's method, with their options."""
        get = self.inspector.host.get
        return [(get("strategy", part.name), part.options) for part in cell.parts]

    def _carried(self, job: Job) -> float:
        """What a member's method carries at most, as far as that is known."""
        return max(self._carried_at_the_end(job), self._carried_at_first(job))

    def _carried_at_the_end(self, job: Job) -> float:
        """By finished members of the same cell."""
        record = self.cells.get(job.key)
        if record is None:
            return 0.0
        # Not what the method has to keep (`state_bytes`): samples that are kept by index take less
        # here.
        known = record.cost.get("device_bytes", record.cost.get("state_bytes", 0.0))
        spent = np.asarray(known, dtype=np.float64)
        return float(np.nan_to_num(spent).max(initial=0.0))

    def _carried_at_first(self, job: Job) -> float:
        """After `setup()`, before the first task."""
        from clbench.engine.runner import Settings, build_learner

        members = [member for member in job.members if member[0] == job.members[0][0]]
        try:
            settings = Settings(form=job.form)
            learner = build_learner(
                job.cell,
                members,
                host=self.inspector.host,
                arrays=self.inspector.arrays(job.cell),
                settings=settings,
            )
            return max(learner.tensor_bytes())
        except Exception:  # a stranger's method; its jobs will say what is wrong with it
            return 0.0

    def _measure(self, job: Job) -> tuple[int, float, int | None]:
        """Steps and cost of one member, and how many parameters it has."""
        from clbench.engine.session import ScenarioView
        from clbench.engine.workload import workload

        cell = job.cell
        train, test = self._sizes(cell, job.members[0], self.inspector.arrays(cell))
        scenario = ScenarioView.of(self.inspector.layout(cell))
        work = workload(self._parts(cell), cell.protocol, scenario, train, test)
        steps = sum(one.steps for one in work)
        cost = sum(one.cost for one in work)
        return steps, cost, self.inspector.parameters(cell)

    def _sizes(self, cell: Cell, member: Member, arrays: Arrays) -> tuple[list[int], list[int]]:
        """Training and test samples of each task, of one member of the scenario."""
        held_out = cell.protocol.validation
        # Many cells share a scenario, and a stream may take long to draw.
        facts = [cell.scenario.name, dict(cell.scenario.options), held_out]
        name = json.dumps(facts, default=str)
        if name not in self._streams:
            stream = self.inspector.scenario(cell).stream(arrays, *member, held_out)
            train = [len(task.train) for task in stream.tasks]
            test = [len(task.test) for task in stream.tasks]
            self._streams[name] = train, test
        return self._streams[name]

    def _seconds(self, job: Job) -> float | None:
        """By what members of the same cell took; stacked members share their time."""
        record = self.cells.get(job.key)
        if record is None or "train_seconds" not in record.cost:
            return None
        of_tasks = np.asarray(record.cost["train_seconds"], dtype=np.float64)
        spent = of_tasks.reshape(record.members, -1).sum(axis=1)
        if np.isnan(spent).all():
            return None
        return float(np.nanmean(spent)) * len(job.members)


def _shares(job: Job, fit: int) -> int:
    """How many jobs of so many members it takes."""
    return -(-len(job.members) // fit)


def room_of(slots: Sequence[str]) -> float:
    """Bytes that a stack may take on the smallest of these devices;
    infinite where that is not known.
    """
    import torch

    if not torch.cuda.is_available():
        return math.inf
    return USABLE * min(torch.cuda.get_device_properties(slot).total_memory for slot in slots)


def forecast_of(jobs: Sequence[Job], estimator: Estimator, workers: int) -> Forecast:
    """When these jobs will be done, as far as earlier members of their cells tell."""
    costs: dict[str, float] = {}
    known: dict[str, float] = {}
    for job in jobs:
        try:
            estimate = estimator.of(job)
        except Exception:  # a stranger's scenario; its jobs will say what is wrong with it
            costs[job.id] = float(len(job.members))
            continue
        costs[job.id] = estimate.cost
        if estimate.seconds:
            known[job.id] = estimate.seconds
    return Forecast(jobs, costs, workers, known)
