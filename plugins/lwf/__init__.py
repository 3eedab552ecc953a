"""Learning without forgetting."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from clbench import Batch, Stack, Strategy, Task, hookimpl

from .heads import divergence, responses, with_head, with_outputs


class LwF(Strategy):
    """Learning without forgetting (Li & Hoiem 2017): loss + strength * T^2 * KL(teacher || net).

    The teacher is the network as it was at the end of the last task, in evaluation mode. Both see
    the current task's images, and of each the softmax at temperature T over old outputs is
    compared: softmax(z_old / T) with softmax(z / T). In the task setting every finished task's head
    is compared by itself and the divergences are added up; in the class setting the outputs of all
    classes so far are one head; in the domain setting all outputs are.
    """

    paper = "Li & Hoiem 2016, Learning without forgetting, https://arxiv.org/abs/1606.09282"

    strength: NonNegativeFloat = 1.0  # alpha
    temperature: PositiveFloat = 2.0  # T

    def setup(self) -> None:
        super().setup()
        self.net.watch("head")
        self.teacher: Stack | None = None
        # `[R, heads, outputs]`: the outputs of each old head, -1 where it has fewer than others.
        shape = (self.members, 1, self.scenario.classes)
        self.heads = torch.full(shape, -1, dtype=torch.int64, device=self.device)

    def task_loss(self, batch: Batch) -> Tensor:
        if self.teacher is None:
            return super().task_loss(batch)
        # The network's answers come from the pass that the loss is made of. Where that was over
        # other images too (replay behind this part), the batch's own take a pass more.
        with self.net.first_pass(batch.x) as seen:
            loss = super().task_loss(batch)
        logits = seen["head"] if seen.over_x else self.net(batch.x)
        with torch.no_grad():
            taught = responses(self.teacher(batch.x), self.heads, self.temperature)
        own = responses(logits, self.heads, self.temperature)
        distance = batch.mean(divergence(taught, own))
        # Gradients of soft targets shrink as 1 / T^2 (Hinton et al. 2015): the factor keeps alpha's
        # meaning the same at every T.
        return loss + self.strength * self.temperature**2 * distance

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        # A copy with weights of its own; it is never in `parameters()`, and so never trained.
        self.teacher = self.net.spawn().requires_grad_(False).eval()
        owns_all = task.classes.shape[1] == self.scenario.classes
        if self.scenario.setting == "task" and not owns_all:
            self.heads = with_head(self.heads, task.classes)
        else:
            self.heads = with_outputs(self.heads, task.classes)


@hookimpl
def clbench_strategies() -> list[type]:
    return [LwF]
