"""A fresh network for every task."""

from __future__ import annotations

from typing import ClassVar

from clbench import Strategy, Task, hookimpl


class Scratch(Strategy):
    """A fresh network a task, trained on that task alone: the reference for plasticity.

    Before every task but the first, weights, running statistics, dropout's noise and the
    optimiser's moments are those of an untrained network, each time of another one. What a network
    could learn of a task without those before it is what loss of plasticity and forward transfer
    are measured against.
    """

    bound: ClassVar[bool] = True

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if task.index:
            self.net.restart(f"scratch/{task.index}")
            self.optimizer.reset()


@hookimpl
def clbench_strategies() -> list[type]:
    return [Scratch]
