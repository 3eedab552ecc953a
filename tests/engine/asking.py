"""A strategy that asks for phases of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from clbench import Batch, Phase, Strategy, Task


class Phased(Strategy):
    """Trains in the phases it is given, and notes what it sees in them."""

    asked: ClassVar[list[Phase]]
    seen: ClassVar[list[tuple[int, str, list[list[int]], list[list[int]]]]]
    rates: ClassVar[list[tuple[str, list[float], list[float]]]]
    begun: ClassVar[list[tuple[str, list[int]]]]

    def setup(self) -> None:
        super().setup()
        for name in ("seen", "rates", "begun"):
            setattr(Phased, name, [])
        self.extra = torch.zeros(self.members, 1, requires_grad=True)
        self.second = self.make_optimizer([self.extra])

    def phases(self, task: Task) -> Sequence[Phase]:
        return self.asked

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        self.begun.append((phase.name, list(self.session.active)))

    def observe(self, batch: Batch) -> Tensor | None:
        self.seen.append(
            (self.task.index, self.phase.name, batch.index.tolist(), batch.tasks.tolist())
        )
        rates = (self.optimizer.lr.tolist(), self.second.lr.tolist())
        self.rates.append((self.phase.name, *rates))
        return super().observe(batch)


def phased(*asked: Phase) -> type[Phased]:
    """The strategy above, with these phases in every task."""
    Phased.asked = list(asked)
    return Phased
