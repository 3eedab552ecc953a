"""A distilled teacher, as in learning without forgetting (Li & Hoiem 2016)."""

import torch

from clbench import Strategy, hookimpl


class Distilled(Strategy):
    """The network as it was after the last task teaches what it knew, on the current task's
    samples.
    """

    strength: float = 1.0  # alpha
    temperature: float = 2.0  # T

    def end_task(self, task):
        super().end_task(task)
        self.teacher = self.net.spawn().requires_grad_(False).eval()

    def task_loss(self, batch):
        loss = super().task_loss(batch)
        if batch.task.index == 0:
            return loss
        with torch.no_grad():
            taught = (self.teacher(batch.x) / self.temperature).softmax(2)
        own = (self.net(batch.x) / self.temperature).log_softmax(2)
        return loss - self.strength * self.temperature**2 * (taught * own).sum(2).mean(1)


@hookimpl
def clbench_strategies():
    return [Distilled]
