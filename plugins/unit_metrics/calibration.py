"""Whether a network is right as often as it is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from clbench import Probe, ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor


class ECE(ProbeMetric):
    """Expected calibration error: sum over bins of (samples in the bin / all) * |accuracy - mean
    confidence| (Guo et al. 2017).

    The confidence is the largest softmax of what the strategy predicts, among the outputs that
    count in evaluations; the bins are of equal width, (0, 1/15], (1/15, 2/15] and so on. Over test
    samples of the tasks so far.
    """

    higher_is_better = False
    unit = "fraction"
    limits = (0.0, 1.0)
    bins: PositiveInt = 15  # of equal width
    # Test samples of the tasks so far, or of the one just trained (of a long stream, where all
    # would take ever longer).
    tasks: Literal["seen", "current"] = "seen"
    samples: PositiveInt = 1000  # at most so many test samples a task

    def measure(self, probe: Probe) -> Tensor:
        import torch

        gaps = torch.zeros(len(probe.x), self.bins, dtype=torch.float64, device=probe.x.device)
        count = torch.zeros(len(probe.x), device=probe.x.device)
        with torch.no_grad():
            for batch in probe.data("test", self.tasks, self.samples):
                # `[R, B]` each; in float64, or a confidence next to 1 would be rounded to it.
                confidence, chosen = probe.predict(batch).double().softmax(2).max(2)
                # (n_bin / n) |acc - conf| is |sum of gaps in the bin| / n: the sizes of bins
                # cancel.
                gap = (chosen == batch.y).double() - confidence
                gaps = gaps + self._by_bin(gap.where(batch.weights, 0.0), confidence)
                count = count + batch.weights.sum(1)
        return gaps.abs().sum(1) / count

    def _by_bin(self, gap: Tensor, confidence: Tensor) -> Tensor:
        """`[R, bins]`: the sum of accuracy - confidence in each."""
        import torch

        bins = torch.arange(self.bins, device=gap.device)
        # A confidence that is NaN falls into the first bin, and makes the error NaN.
        bin_of = ((confidence * self.bins).ceil() - 1).nan_to_num(0.0).clamp(0, self.bins - 1)
        return torch.where(bin_of[..., None] == bins, gap[..., None], 0.0).sum(1)
