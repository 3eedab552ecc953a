"""Gradient episodic memory."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from clbench import Batch, Task, TaskQuotaBuffer, per_member

from .cone import nearest
from .gradients import MemoryGradients


class GEM(MemoryGradients):
    """Gradient episodic memory (Lopez-Paz & Ranzato 2017).

    With g the gradient of the step and r_j that of the samples kept of each earlier task: where
    some <g, r_j> < 0, g becomes the nearest g~ = g + sum_j v_j r_j with all <g~, r_j> >= 0. The v_j
    are the solution of the dual quadratic programme, 1/2 v'RR'v + (Rg)'v over v_j >= margin: a
    margin above 0 turns every step a little further towards what is remembered. A step costs a pass
    over the memory of each earlier task.
    """

    paper = (
        "Lopez-Paz & Ranzato 2017, Gradient episodic memory for continual learning,"
        " https://arxiv.org/abs/1706.08840"
    )
    name = "gem"
    # Samples of each earlier task in a step; by default all that are kept of it, as published.
    replay_batch: PositiveInt | None = None
    margin: NonNegativeFloat = 0.5  # gamma

    def setup(self) -> None:
        super().setup()
        self.buffer = TaskQuotaBuffer(self, self.memory)

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        # As many of each task as its part of the memory.
        for batch in task.batches("train", 256, self.buffer.quota):
            self.buffer.add(batch)

    def data_gradients(self, batch: Batch) -> None:
        super().data_gradients(batch)
        earlier = range(self.task.index)
        if not earlier:
            return
        # r_j: a forward and a backward for each earlier task.
        found = [self.memory_gradient(self._samples_of(index)) for index in earlier]
        references = torch.stack(found, dim=1)
        # `[R, k, k]`, `[R, k]` and `[R]`, in float64: their differences decide which bind.
        gram, along, square = per_member(products, references, self.data_gradient())
        weights = nearest(gram, along, square, self.margin).to(references.dtype)
        # g~ = g + R'v.
        self.add_to_gradient(per_member(torch.mv, references.mT, weights))

    def _samples_of(self, index: int) -> Batch:
        """What a step sees of an earlier task."""
        kept = self.buffer.task_samples(index)
        where, tasks, valid = kept.index, kept.tasks, kept.valid
        assert valid is not None
        if self.replay_batch is not None:
            count = self.buffer.of_tasks[:, index : index + 1]
            # With replacement, so a full batch is there even of few samples.
            drawn = self.rng("drawn").integers(count, self.replay_batch)
            where, tasks, valid = (table.gather(1, drawn) for table in (where, tasks, valid))
        return self.fetch(where, tasks, augment=True, valid=valid)


def products(references: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of one member, in float64: the references' products, those with the gradient, its own."""
    wide, g = references.double(), gradient.double()
    return wide @ wide.T, wide @ g, g.square().sum()
