"""A sparse-activity penalty."""

from __future__ import annotations

from pydantic import NonNegativeFloat
from torch import Tensor

from clbench import Batch, Strategy, hookimpl


class L1Activity(Strategy):
    """Loss + strength * (mean |h1| + mean |h2| + ...) over the hidden layers that the model names."""

    name = "l1_activity"
    strength: NonNegativeFloat = 1.0  # lambda

    def setup(self) -> None:
        super().setup()
        self.net.keep_hidden = True

    def task_loss(self, batch: Batch) -> Tensor:
        loss = super().task_loss(batch)
        for activation in self.net.hidden.values():
            loss = loss + self.strength * activation.abs().flatten(1).mean(1)
        return loss


@hookimpl
def clbench_strategies() -> list[type]:
    return [L1Activity]
