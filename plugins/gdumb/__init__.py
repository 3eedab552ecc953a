"""GDumb: a memory is filled greedily, and nothing else is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor

from clbench import Batch, ClassBalancedBuffer, Memory, Phase, Strategy, Task, hookimpl

STORE, FIT = "store", "fit"
# One pass, as the images are.
STORING = Phase(STORE, epochs=1, augment="none", schedule="none", stop=False)


class GDumb(Strategy):
    """Greedy sampler and dumb learner (Prabhu, Torr & Dokania 2020).

    The stream is seen once and fills a class-balanced memory; no weight is trained on it. Before it
    is tested a fresh network is trained on the memory alone. The rate is the optimiser's; with
    `restarts` an epoch at a tenth of it comes first, and then it falls along cosines of 1, 2, 4,
    ... epochs, each of which begins anew (SGDR; Loshchilov & Hutter 2017). The authors' cutmix is
    not there.
    """

    paper = (
        "Prabhu et al. 2020, GDumb: a simple approach that questions our progress in"
        " continual learning,"
        " https://doi.org/10.1007/978-3-030-58536-5_31"
    )
    name = "gdumb"
    replaces = frozenset({"phases"})
    memory: Memory = 500  # samples kept in all, or the bytes that they may take
    epochs: PositiveInt = 256  # passes over the memory, for each network
    # When a network is trained: after each task, or after the last one only, before which nothing
    # is tested.
    fit: Literal["task", "end"] = "task"
    # The rate: the published cosines with restarts, or whatever the protocol's schedule says.
    schedule: Literal["restarts", "protocol"] = "restarts"

    def tests_after(self, index: int) -> bool:
        return self.fit == "task"

    def setup(self) -> None:
        super().setup()
        self.buffer = ClassBalancedBuffer(self, self.memory, classes=self._kinds())

    def phases(self, task: Task) -> Sequence[Phase]:
        if self.fit == "end" and task.index < self.scenario.tasks - 1:
            return [STORING]
        return [STORING, *self._fitting()]

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        if phase.name == STORE:
            return
        if phase.name == FIT:
            # Another network for each task: nothing of the last one is left.
            self.net.restart(f"gdumb/{self.task.index}")
            self.optimizer.reset()
        self.train_on(self.buffer.samples())

    def observe(self, batch: Batch) -> Tensor | None:
        if self.phase.name != STORE:
            return super().observe(batch)
        self.buffer.add(self._by_kind(batch))
        return None

    # ------------------------------------------------------------------ what is balanced

    def _kinds(self) -> int:
        """How many kinds of samples the memory holds equal numbers of.

        Where labels come back in every task, a class is a label within a task. By labels alone the
        memory would be full, and balanced, after the first task, and would never change again.
        """
        tasks = self.scenario.tasks if self.scenario.setting == "domain" else 1
        return tasks * self.scenario.classes

    def _by_kind(self, batch: Batch) -> Batch:
        if self.scenario.setting != "domain":
            return batch
        return replace(batch, y=batch.tasks * self.scenario.classes + batch.y)

    # ------------------------------------------------------------------ how long, at which rate

    def _fitting(self) -> list[Phase]:
        """The phases of a network's training; the first is called `FIT`."""
        if self.schedule == "protocol":
            return [Phase(FIT, epochs=self.epochs, stop=False)]
        slow = Phase(FIT, epochs=1, lr=0.1 * self.optimizer.own_lr, schedule="none", stop=False)
        return [
            slow,
            *(
                Phase(f"cycle {number}", epochs=length, schedule="cosine", stop=False)
                for number, length in enumerate(cycles(self.epochs - 1), start=1)
            ),
        ]


def cycles(epochs: int) -> list[int]:
    """Lengths that double from 1 and add up to so many epochs; the last one is what is left."""
    lengths: list[int] = []
    # 1, 2, 4, ...: T_mult = 2 of SGDR.
    while (left := epochs - sum(lengths)) > 0:
        lengths.append(min(2 ** len(lengths), left))
    return lengths


@hookimpl
def clbench_strategies() -> list[type]:
    return [GDumb]
