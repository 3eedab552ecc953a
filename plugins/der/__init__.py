"""Dark experience replay: the network's own answers are kept beside the samples."""

from __future__ import annotations

from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from clbench import Batch, Memory, Reservoir, Strategy, hookimpl


class DER(Strategy):
    """DER (Buzzega et al. 2020): loss + alpha * MSE(z(x'), z'), x' drawn from a reservoir, z' its
    logits when it came.

    The logits are those of the step in which the sample was seen, before its update and of its
    augmented view; the image is kept un-augmented and is augmented anew. All outputs are kept, and
    the square is averaged over them, as in the authors' code.
    """

    paper = (
        "Buzzega et al. 2020, Dark experience for general continual learning,"
        " https://arxiv.org/abs/2004.07211"
    )
    name = "der"
    memory: Memory = 500  # samples kept in all, or the bytes that they and their logits may take
    # Samples of each draw; by default as many as the batch has.
    replay_batch: PositiveInt | None = None
    alpha: NonNegativeFloat = 0.3  # of the distance to the kept logits

    def setup(self) -> None:
        super().setup()
        self.net.watch("head")
        self.buffer = Reservoir(self, self.memory, {"logits": (self.scenario.classes,)})

    def task_loss(self, batch: Batch) -> Tensor:
        size = self.replay_batch or int(self.protocol.batch_size)
        return super().task_loss(batch) + self.replay_loss(size)

    def replay_loss(self, size: int) -> Tensor:
        """`[R]`: what is learnt from the memory, of a draw of so many samples."""
        drawn, kept = self.buffer.sample_with(size)
        return self.alpha * drawn.mean(self.distance(self.net(drawn.x), kept["logits"]))

    @staticmethod
    def distance(logits: Tensor, kept: Tensor) -> Tensor:
        """`[R, B]`: each sample's mean squared distance over all outputs."""
        return (logits - kept).square().mean(2)

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        # Where replay joined samples to the batch, they stand behind it.
        self.buffer.add(batch, logits=self.net.seen["head"][:, : batch.size])


class DERpp(DER):
    """DER++ (Buzzega et al. 2020): DER + beta * CE(z(x''), y''), x'' from a second draw.

    Both draws go through the network in one forward: where it has batch-norm, they share their
    statistics.
    """

    paper = (
        "Buzzega et al. 2020, Dark experience for general continual learning,"
        " https://arxiv.org/abs/2004.07211"
    )
    name = "derpp"
    alpha: NonNegativeFloat = 0.2  # of the distance to the kept logits
    beta: NonNegativeFloat = 0.5  # of the cross-entropy of the second draw

    def replay_loss(self, size: int) -> Tensor:
        first, kept = self.buffer.sample_with(size)
        second = self.buffer.sample(size)
        # One forward of both draws; the first `size` rows are x', the others x''.
        logits = self.net(first.join(second).x)
        gap = first.mean(self.distance(logits[:, :size], kept["logits"]))
        return self.alpha * gap + self.beta * self.cross_entropy(logits[:, size:], second)


@hookimpl
def clbench_strategies() -> list[type]:
    return [DER, DERpp]
