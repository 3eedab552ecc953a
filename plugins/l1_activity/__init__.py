"""A sparse-activity penalty."""

from __future__ import annotations

from pydantic import NonNegativeFloat
from torch import Tensor

from clbench import Batch, Strategy, hookimpl


class L1Activity(Strategy):
    """Loss + strength * (mean |h1| + mean |h2| + ...) over the model's hidden layers."""

    name = "l1_activity"
    strength: NonNegativeFloat = 1.0  # lambda

    def setup(self) -> None:
        super().setup()
        self.sites = [layer.read for layer in self.net.layers()]
        self.net.watch(*self.sites)

    def task_loss(self, batch: Batch) -> Tensor:
        # The pass that this loss is made from, not the step's: a memory's loss has a penalty of its
        # own.
        with self.net.first_pass(batch.x) as seen:
            loss = super().task_loss(batch)
        for site in self.sites:
            # Over batch, units and positions: layers of any size weigh alike.
            loss = loss + self.strength * seen[site].abs().flatten(1).mean(1)
        return loss


@hookimpl
def clbench_strategies() -> list[type]:
    return [L1Activity]
