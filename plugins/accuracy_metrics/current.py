"""How a task is learnt, epoch by epoch, where `evaluate` looks at it once it is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from clbench import ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor

    from clbench import Probe


class CurrentAccuracy(ProbeMetric):
    """Accuracy on the task that is being trained, after each of its epochs.

    The share of its test samples that are right, as they are evaluated after the task. A value an
    epoch, through all tasks; tables show the mean. It costs one task's evaluation each time,
    however long the stream.
    """

    summary = "mean"
    unit = "fraction"
    limits = (0.0, 1.0)

    when = "epoch_end"
    split: Literal["test", "validation", "train"] = "test"  # which of the task's samples
    samples: PositiveInt | None = None  # at most so many of them; none: all

    def measure(self, probe: Probe) -> Tensor:
        import torch

        right = torch.zeros(len(probe.x), dtype=torch.float64, device=probe.x.device)
        total = torch.zeros_like(right)
        with torch.no_grad():
            for batch in probe.data(self.split, "current", self.samples):
                # Outputs that do not compete are at -inf and never chosen.
                chosen = probe.predict(batch).argmax(2)
                right += ((chosen == batch.y) & batch.weights).sum(1)
                total += batch.weights.sum(1)
        return right / total
