"""Experience replay."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor

from clbench import Batch, Memory, Reservoir, Strategy, hookimpl


class ER(Strategy):
    """Experience replay: cross-entropy on the union of the current batch and one drawn from a
    reservoir (Chaudhry et al. 2019).
    """

    paper = (
        "Chaudhry et al. 2019, On tiny episodic memories in continual learning,"
        " https://arxiv.org/abs/1902.10486"
    )
    name = "er"
    memory: Memory = 500  # samples kept in all, or the bytes that they may take
    # Samples drawn a step; by default as many as the batch has.
    replay_batch: PositiveInt | None = None

    def setup(self) -> None:
        super().setup()
        self.buffer = Reservoir(self, self.memory)

    def task_loss(self, batch: Batch) -> Tensor:
        return super().task_loss(
            # The union: one mean over both, so the current batch weighs B / (B + replay_batch).
            batch.join(self.buffer.sample(self.replay_batch or self.protocol.batch_size))
        )

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self.buffer.add(batch)


@hookimpl
def clbench_strategies() -> list[type]:
    return [ER]
