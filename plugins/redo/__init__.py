"""ReDo: dormant units are recycled every so many steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from clbench import (
    Batch,
    Strategy,
    Task,
    expect_restarts,
    hookimpl,
    layers_to_restart,
    restart_units,
)

TINY = 1e-9  # keeps a layer that is silent as a whole from being divided by 0


class ReDo(Strategy):
    """ReDo: recycle dormant units of every hidden layer each `period` steps (Sokar et al. 2023).

    Unit i of a layer of H units has the score s_i = mean|h_i| / (sum_j mean|h_j| / H + 1e-9). Means
    are over samples, over the positions of a filter, and over the halves of a crelu unit. Where s_i
    <= tau the weights in are drawn anew, and bias, weights out and what the optimiser holds of all
    these are set to 0. Scores are taken in evaluation mode, when the step is done. Outputs are
    never recycled.
    """

    paper = (
        "Sokar et al. 2023, The dormant neuron phenomenon in deep reinforcement learning,"
        " https://arxiv.org/abs/2302.12902"
    )
    name = "redo"
    tau: NonNegativeFloat = 0.1  # the score up to which a unit is dormant
    period: PositiveInt = 1000  # steps of a member from one recycling to the next
    # Training samples of the task that scores are taken from; by default the batch of the step.
    samples: PositiveInt | None = None
    # Weights into a recycled unit: uniform as Glorot & Bengio's, or as the model's own begin.
    initial: Literal["xavier", "model"] = "xavier"

    def setup(self) -> None:
        super().setup()
        layers_to_restart(self.net, self.name)  # an error that comes now, or never

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        expect_restarts(self.net, self.optimizer)

    def eager_step(self) -> bool:
        return super().eager_step() or bool(self.completing(self.period))

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        if members := self.completing(self.period):
            self.recycle(batch, members)

    @torch.no_grad()
    def recycle(self, batch: Batch, members: list[int]) -> None:
        """Give the dormant units of these members a new start."""
        chosen = torch.zeros(self.members, 1, dtype=torch.bool, device=self.device)
        chosen[members] = True
        dormant = {name: s <= self.tau for name, s in self.scores(batch).items()}
        recycled = torch.zeros(self.members, dtype=torch.int64, device=self.device)
        # The last layer first: where units of two neighbouring layers are recycled, the weight
        # between them is a weight in, which is drawn, and then a weight out, which is 0.
        for layer in reversed(self.net.layers()):
            # Scores are all taken before the first unit is recycled: none sees what became of
            # another layer.
            due = dormant[layer.name] & chosen
            recycled += due.sum(1)
            restart_units(
                self.net,
                layer,
                due,
                optimizer=self.optimizer,
                initial=self.initial,
                zero_bias=True,
            )
        self.log("recycled_units", recycled, members)

    def scores(self, batch: Batch) -> dict[str, Tensor]:
        """`[R, units]` by hidden layer: how active each unit is, in means of its layer."""
        sums: dict[str, Tensor] = {}
        count = torch.zeros(self.members, 1, device=self.device)
        with self.net.evaluation():
            for looked_at in self._looked_at(batch):
                _, hidden = self.net(looked_at.x, trace=True)
                counts = looked_at.weights[..., None]
                for name, h in hidden.items():
                    sizes = torch.where(counts, activity(h), 0.0).sum(1)
                    sums[name] = sums[name] + sizes if name in sums else sizes
                count += counts.sum(1)
        return {name: scores_of(total / count) for name, total in sums.items()}

    def _looked_at(self, batch: Batch) -> Iterator[Batch]:
        """The samples that scores are taken from."""
        if self.samples is None:
            return iter([batch])
        return batch.task.batches("train", self.protocol.batch_size, self.samples)


def activity(h: Tensor) -> Tensor:
    """`[R, B, units, ...]` -> `[R, B, units]`: the mean of |h| over what a unit gives a sample."""
    return h.abs() if h.dim() == 3 else h.abs().flatten(3).mean(3)


def scores_of(means: Tensor) -> Tensor:
    """`[R, units]`: each unit's mean activity as a share of the layer's."""
    return means / (means.mean(1, keepdim=True) + TINY)


@hookimpl
def clbench_strategies() -> list[type]:
    return [ReDo]
