"""Memory aware synapses."""

from __future__ import annotations

from functools import partial

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from clbench import Task, absolute_gradients, beside

from .pull import Anchored


class MAS(Anchored):
    """Memory aware synapses (Aljundi et al. 2018): loss + strength * sum Omega (theta - theta*)^2.

    At the end of a task Omega <- Omega + mean |d ||f(x)||^2 / d theta| over its samples: by how
    much each weight changes the squared length of the outputs f, a sample at a time, in evaluation
    mode, without labels. f are the outputs that the setting trains: the task's own head in the task
    setting. theta* are the weights at the end of the last task.
    """

    paper = (
        "Aljundi et al. 2018, Memory aware synapses: learning what (not) to forget,"
        " https://arxiv.org/abs/1711.09601"
    )
    name = "mas"
    strength: NonNegativeFloat = 1.0  # lambda
    samples: PositiveInt | None = 1024  # samples a task; none for all of them

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        found = self.measure_importance(task)
        if self.importance:
            found = [old + new for old, new in zip(self.importance, found, strict=True)]
        self.importance = found
        self.anchor = [p.detach().clone() for p in self.net.parameters()]

    def measure_importance(self, task: Task) -> list[Tensor]:
        """The mean over the task's samples of |d ||f(x)||^2 / d theta|, for every parameter."""
        total = [torch.zeros_like(p, requires_grad=False) for p in self.net.parameters()]
        count = torch.zeros(self.members, device=self.device)
        with self.net.evaluation():
            for batch in task.batches("train", 128, self.samples):
                counted = 1.0 * batch.weights[..., None]
                length = partial(self._squared_length, tasks=batch.tasks)
                # sum_x |d ||f(x)||^2 / d theta|.
                found = absolute_gradients(self.net, batch.x, length, counted)
                for sum_, sizes in zip(total, found, strict=True):
                    sum_ += sizes
                count += batch.weights.sum(1)
        return [value / beside(count, value) for value in total]

    def _squared_length(self, logits: Tensor, tasks: Tensor) -> Tensor:
        """`[R, B, 1]`: ||f(x)||^2 of each sample."""
        # Outputs that the setting leaves out are at -inf: no part of f.
        left_out = self.masked(logits, tasks).isneginf()
        return logits.masked_fill(left_out, 0.0).square().sum(2, keepdim=True)
