"""What a job may take: a rough estimate, made without training anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clbench.execution.jobs import Job
from clbench.execution.survey import Survey
from clbench.records import CellRecord

COPIES = 4  # weights, gradients, and two moments of an optimiser
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Estimate:
    """`steps` a member; `memory` in bytes: data, parameters and optimiser, not what a method carries; `seconds` where known."""

    steps: int
    parameters: int | None
    memory: int
    seconds: float | None


class Estimator:
    """Looks at the streams of one seed and at the model of each cell."""

    def __init__(self, survey: Survey, cells: Mapping[str, CellRecord]) -> None:
        self.survey, self.cells = survey, cells
        self._known: dict[str, tuple[int, int | None, int]] = {}

    def of(self, job: Job) -> Estimate:
        """The estimate of one job."""
        if job.key not in self._known:
            self._known[job.key] = self._measure(job)
        steps, parameters, data = self._known[job.key]
        return Estimate(steps, parameters, data + len(job.members) * (parameters or 0) * FLOAT * COPIES, self._seconds(job))

    def _measure(self, job: Job) -> tuple[int, int | None, int]:
        protocol, arrays = job.cell.protocol, self.survey.arrays(job.cell)
        stream = self.survey.scenario(job.cell).stream(arrays, *job.members[0], protocol["validation"])
        sizes = [len(task.train) for task in stream.tasks]
        steps = sum(protocol["steps"] or protocol["epochs"] * math.ceil(size / protocol["batch_size"]) for size in sizes)
        return steps, self.survey.parameters(job.cell), arrays.x_train.nbytes + arrays.x_test.nbytes

    def _seconds(self, job: Job) -> float | None:
        """By what members of the same cell took; stacked members share their time."""
        record = self.cells.get(job.key)
        if record is None or "train_seconds" not in record.cost:
            return None
        spent = np.asarray(record.cost["train_seconds"], dtype=np.float64).reshape(record.members, -1).sum(axis=1)
        return None if np.isnan(spent).all() else float(np.nanmean(spent)) * len(job.members)
