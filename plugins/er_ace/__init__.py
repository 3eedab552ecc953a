"""Experience replay with asymmetric cross-entropy."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from clbench import Batch, Memory, Reservoir, Strategy, hookimpl


class ERACE(Strategy):
    """ER-ACE (Caccia et al. 2022): the classes of the current batch compete among themselves, those
    in the memory with all.

    Loss = CE(current batch, over its own classes) + CE(replayed batch, over the setting's logits).
    New classes so do not push the old ones' outputs down. The paper's replay is over the classes
    seen: the protocol's `logits: seen`; its code's is over all of them, the default.
    """

    paper = (
        "Caccia et al. 2022, New insights on reducing abrupt representation change in"
        " online continual learning,"
        " https://arxiv.org/abs/2104.05025"
    )
    name = "er_ace"
    memory: Memory = 500  # samples kept in all, or the bytes that they may take
    # Samples drawn a step; by default as many as the batch has.
    replay_batch: PositiveInt | None = None
    # Whose classes compete in the current batch: its own, or those of its task.
    among: Literal["batch", "task"] = "batch"

    def setup(self) -> None:
        super().setup()
        self.buffer = Reservoir(self, self.memory)

    def task_loss(self, batch: Batch) -> Tensor:
        current = self.current_loss(batch)
        drawn = self.buffer.sample(self.replay_batch or self.protocol.batch_size)
        return current + super().task_loss(drawn)

    def current_loss(self, batch: Batch) -> Tensor:
        """`[R]`: cross-entropy of the batch over the classes that compete in it."""
        logits = self.net(batch.x)
        if self.among == "task":
            return self.cross_entropy(self.masked(logits, batch.tasks, "current"), batch)
        # `[R, C]`: classes without a row that counts in this batch.
        absent = (
            torch.zeros_like(logits[:, 0]).scatter_add(1, batch.y, batch.weights.to(logits)) == 0
        )
        # Outputs of absent classes get no gradient from this loss.
        return self.cross_entropy(logits.masked_fill(absent[:, None], -torch.inf), batch)

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self.buffer.add(batch)


@hookimpl
def clbench_strategies() -> list[type]:
    return [ERACE]
