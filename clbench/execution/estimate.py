"""What a job may take: a rough estimate, made without training anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clbench.execution.jobs import Job
from clbench.execution.survey import Survey, choice_of
from clbench.options import check_options
from clbench.records import CellRecord

if TYPE_CHECKING:
    from clbench.scenarios import Layout

COPIES = 4  # weights, gradients, and two moments of an optimiser
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Estimate:
    """`steps` a member; `memory` in bytes: data, parameters and optimiser, not what a method carries; `seconds` where known."""

    steps: int
    parameters: int
    memory: int
    seconds: float | None


class Estimator:
    """Looks at the streams of one seed and at the model of each cell."""

    def __init__(self, survey: Survey, cells: Mapping[str, CellRecord]) -> None:
        self.survey, self.cells = survey, cells
        self._known: dict[str, tuple[int, int, int]] = {}

    def of(self, job: Job) -> Estimate:
        """The estimate of one job."""
        if job.key not in self._known:
            self._known[job.key] = self._measure(job)
        steps, parameters, data = self._known[job.key]
        return Estimate(steps, parameters, data + len(job.members) * parameters * FLOAT * COPIES, self._seconds(job))

    def _measure(self, job: Job) -> tuple[int, int, int]:
        protocol, arrays = job.cell.protocol, self.survey.arrays(job.cell)
        stream = self.survey.scenario(job.cell).stream(arrays, *job.members[0], protocol["validation"])
        sizes = [len(task.train) for task in stream.tasks]
        steps = sum(protocol["steps"] or protocol["epochs"] * math.ceil(size / protocol["batch_size"]) for size in sizes)
        return steps, self._parameters(job, self.survey.layout(job.cell)), arrays.x_train.nbytes + arrays.x_test.nbytes

    def _parameters(self, job: Job, layout: Layout) -> int:
        import torch

        model = choice_of(job.cell.protocol["model"])
        factory = self.survey.host.get("model", model.name)
        with torch.device("meta"):
            module = factory(layout.input_shape, layout.classes, **check_options(factory, model.options))
        return sum(parameter.numel() for parameter in module.parameters())

    def _seconds(self, job: Job) -> float | None:
        """By what members of the same cell took; stacked members share their time."""
        record = self.cells.get(job.key)
        if record is None or "train_seconds" not in record.cost:
            return None
        spent = np.asarray(record.cost["train_seconds"], dtype=np.float64).reshape(record.members, -1).sum(axis=1)
        return None if np.isnan(spent).all() else float(np.nanmean(spent)) * len(job.members)
