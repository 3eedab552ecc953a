"""What `monolithic` and `modular` share: the first tasks together, then each beside old samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from clbench import Phase, Task, TaskQuotaBuffer

from .objective import Objective

INITIAL = "initial"
CHUNK = 256  # training images at a time, on their way into the memory


class Lifelong(Objective):
    """Trains the first tasks together when the last of them is there; keeps samples of each task.

    Where all agents of a seed have the same first tasks, these are learnt once: every agent goes on
    from the network of the first one, with an optimiser that begins anew.
    """

    foreseeable: ClassVar[bool] = True

    initial_tasks: PositiveInt = 4  # trained together, in one phase; nothing is tested before
    replay: NonNegativeInt = 32  # samples kept of each task, to be trained on beside later ones

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        if setting != "task":
            return (
                "each task has a head of its own, so it has to be told the task; use setting: task"
            )
        return super().refusal(setting, protocol)

    def setup(self) -> None:
        super().setup()
        tasks = self.scenario.tasks
        self.memory = TaskQuotaBuffer(self, self.replay * tasks) if self.replay else None

    @property
    def last_initial(self) -> int:
        """The task with which the first ones are trained."""
        # A stream may be shorter than the first tasks are meant to be.
        return min(self.initial_tasks, self.scenario.tasks) - 1

    def tests_after(self, index: int) -> bool:
        return super().tests_after(index) and index >= self.last_initial

    # ------------------------------------------------------------------ what a task trains on

    def phases(self, task: Task) -> Sequence[Phase]:
        phases = super().phases(task)
        if task.index < self.last_initial:
            return []
        if task.index == self.last_initial:
            return [replace(phase, name=INITIAL, data="seen") for phase in phases]
        return self.later_phases(phases)

    def later_phases(self, phases: Sequence[Phase]) -> Sequence[Phase]:
        """What becomes of the phases of a task that is trained by itself."""
        return phases

    def beside_old_samples(self) -> None:
        """In `begin_phase`: train on the task's samples and all that is kept of earlier tasks."""
        if self.memory is not None:
            self.train_on(self.task.samples().join(self.memory.samples()))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        if self.memory is not None:
            keep(task, self.memory)
        if task.index == self.last_initial and self._learnt_alike():
            self._go_on_from_first_agent()

    # ------------------------------------------------------------------ agents

    def _learnt_alike(self) -> bool:
        scenario = self.scenario
        return scenario.agents > 1 and scenario.shared_tasks > self.last_initial

    @torch.no_grad()
    def _go_on_from_first_agent(self) -> None:
        """From that of the first agent of each seed that has come so far."""
        # `[seeds]`. Of equal numbers argmax takes the first: the first agent that is active.
        first = self.by_agent(self.active.long()).argmax(1)
        seeds = torch.arange(len(first), device=self.device)
        for value in self.learnt_together():
            # A view `[seeds, agents, ...]`: what is written here is written to the network.
            of_seeds = self.by_agent(value)
            of_seeds.copy_(of_seeds[seeds, first].unsqueeze(1))
        # Moments belong to a trajectory that the others did not take.
        self.optimizer.reset()

    def learnt_together(self) -> list[Tensor]:
        """What the first tasks have made, `[R, ...]` each: weights, and running statistics."""
        statistics = [
            value for value in self.net.named_buffers().values() if value.is_floating_point()
        ]
        return [*self.net.parameters(), *statistics]


def keep(task: Task, memory: TaskQuotaBuffer) -> None:
    """Show all of a task's training samples to the memory, which keeps its quota of them."""
    for batch in task.batches("train", CHUNK):
        memory.add(batch)
