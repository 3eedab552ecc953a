"""Averaged gradient episodic memory."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from clbench import Batch, Reservoir, Task, TaskQuotaBuffer

from .gradients import MemoryGradients


class AGEM(MemoryGradients):
    """Averaged gradient episodic memory (Chaudhry et al. 2019).

    With g the gradient of the step and r that of samples drawn from earlier tasks: where <g, r> <
    0, g becomes g - <g, r> / <r, r> r, so that, to first order, the loss on those samples does not
    rise. The memory holds samples of finished tasks, drawn at random when each ends.
    """

    paper = (
        "Chaudhry et al. 2019, Efficient lifelong learning with A-GEM,"
        " https://arxiv.org/abs/1812.00420"
    )
    name = "agem"
    # What is kept of a task: an equal part of the memory, or a single batch, as Mammoth's code
    # keeps.
    kept: Literal["quota", "batch"] = "quota"

    def setup(self) -> None:
        super().setup()
        kind = TaskQuotaBuffer if self.kept == "quota" else Reservoir
        self.buffer: TaskQuotaBuffer | Reservoir = kind(self, self.memory)

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        # Drawn at random, always the same ones of a task.
        for batch in task.batches("train", 256, self._samples_a_task()):
            self.buffer.add(batch)

    def data_gradients(self, batch: Batch) -> None:
        super().data_gradients(batch)
        if self.task.index == 0:
            return
        drawn = self.buffer.sample(self.replay_batch or self.protocol.batch_size)
        # g_ref: one random batch of all earlier tasks.
        reference = self.memory_gradient(drawn)
        self.add_to_gradient(correction(self.data_gradient(), reference))

    def _samples_a_task(self) -> int:
        if isinstance(self.buffer, TaskQuotaBuffer):
            return self.buffer.quota
        batch_size: int = self.protocol.batch_size
        return batch_size


def correction(gradient: Tensor, reference: Tensor) -> Tensor:
    """`[R, N]`: what makes a gradient against the reference orthogonal to it; 0 for any other."""
    # <g, r>.
    along = (gradient * reference).sum(1)
    length = reference.square().sum(1)
    # Only where the step would raise the loss on the memory, to first order.
    share = torch.where(along < 0.0, along / length, 0.0)
    return -share[:, None] * reference
