"""What a job may take: a rough estimate, made without training anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clbench.execution.jobs import Job, Member
from clbench.execution.survey import Survey
from clbench.records import CellRecord
from clbench.suite.cell import Cell

if TYPE_CHECKING:
    from clbench.data import Arrays

COPIES = 4  # weights, gradients, and two moments of an optimiser
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Estimate:
    """`steps` a member; `cost` of the job, in samples; `memory` in bytes: data, parameters and optimiser, not what a method carries.

    `seconds` where known.
    """

    steps: int
    cost: float
    parameters: int | None
    memory: int
    seconds: float | None


class Estimator:
    """Looks at the streams of one seed and at the model of each cell."""

    def __init__(self, survey: Survey, cells: Mapping[str, CellRecord]) -> None:
        self.survey, self.cells = survey, cells
        self._known: dict[str, tuple[int, float, int | None, int]] = {}
        self._streams: dict[str, tuple[list[int], list[int]]] = {}

    def of(self, job: Job) -> Estimate:
        """The estimate of one job."""
        if job.key not in self._known:
            self._known[job.key] = self._measure(job)
        steps, cost, parameters, data = self._known[job.key]
        members = len(job.members)
        return Estimate(steps, cost * members, parameters, data + members * (parameters or 0) * FLOAT * COPIES, self._seconds(job))

    def _measure(self, job: Job) -> tuple[int, float, int | None, int]:
        from clbench.engine.session import ScenarioView
        from clbench.engine.workload import workload

        cell, arrays = job.cell, self.survey.arrays(job.cell)
        parts = [(self.survey.host.get("strategy", part.name), part.options) for part in cell.parts]
        work = workload(parts, cell.protocol, ScenarioView.of(self.survey.layout(cell)), *self._sizes(cell, job.members[0], arrays))
        size = arrays.x_train.nbytes + arrays.x_test.nbytes
        return sum(one.steps for one in work), sum(one.cost for one in work), self.survey.parameters(cell), size

    def _sizes(self, cell: Cell, member: Member, arrays: Arrays) -> tuple[list[int], list[int]]:
        """Training and test samples of each task, of one member of the scenario."""
        name = json.dumps([cell.scenario.name, dict(cell.scenario.options), cell.protocol["validation"]], default=str)
        if name not in self._streams:
            stream = self.survey.scenario(cell).stream(arrays, *member, cell.protocol["validation"])
            self._streams[name] = [len(task.train) for task in stream.tasks], [len(task.test) for task in stream.tasks]
        return self._streams[name]

    def _seconds(self, job: Job) -> float | None:
        """By what members of the same cell took; stacked members share their time."""
        record = self.cells.get(job.key)
        if record is None or "train_seconds" not in record.cost:
            return None
        spent = np.asarray(record.cost["train_seconds"], dtype=np.float64).reshape(record.members, -1).sum(axis=1)
        return None if np.isnan(spent).all() else float(np.nanmean(spent)) * len(job.members)
