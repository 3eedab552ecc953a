"""Training on more than the task at hand: bounds, for nobody else may keep all data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import torch

from clbench import Phase, Strategy, Task, hookimpl


class Joint(Strategy):
    """Train once, on the data of all tasks together (offline, concurrent, multi-task): a bound.

    The protocol's epochs are passes over all data; its steps, where it counts in steps, are taken
    once a task.
    """

    bound: ClassVar[bool] = True
    evaluates: ClassVar[str] = "end"
    foreseeable: ClassVar[bool] = True

    def phases(self, task: Task) -> Sequence[Phase]:
        if task.index < self.scenario.tasks - 1:
            return []
        return [self._over_all(phase) for phase in super().phases(task)]

    def _over_all(self, phase: Phase) -> Phase:
        if phase.epochs is not None:
            return replace(phase, data="all")
        steps = phase.steps or self.protocol.steps
        if steps is None:
            return replace(phase, data="all")
        # As many as all tasks would have taken.
        return replace(phase, data="all", steps=steps * self.scenario.tasks)


class Cumulative(Strategy):
    """At every task, train on the data of all tasks so far. The weights are kept, or drawn anew
    (`restart`, "retrained").
    """

    bound: ClassVar[bool] = True
    foreseeable: ClassVar[bool] = True
    restart: bool = False  # draw the weights anew before every task

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if self.restart and task.index:
            self.net.redraw(self.net.named_parameters(), "restart", task.index)
            with torch.no_grad():
                self.optimizer.reset()

    def phases(self, task: Task) -> Sequence[Phase]:
        return [replace(phase, data="seen") for phase in super().phases(task)]


@hookimpl
def clbench_strategies() -> list[type]:
    return [Joint, Cumulative]
