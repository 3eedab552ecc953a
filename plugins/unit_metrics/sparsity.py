"""How many activations are exactly zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from clbench import Probe, ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor


class ActivationSparsity(ProbeMetric):
    """Population sparsity: the share of hidden activations that are exactly 0, over test samples of
    the tasks so far.

    The whole network comes first, where layers count by their size, and is what tables show; then
    each hidden layer.
    """

    unit = "fraction"
    limits = (0.0, 1.0)
    samples: PositiveInt = 1000  # at most so many test samples a task

    def measure(self, probe: Probe) -> Tensor:
        import torch

        names = [layer.name for layer in probe.net.layers()]
        # `[R, layers]`. int64: float32 counts no further than 2^24.
        zeros = torch.zeros(len(probe.x), len(names), dtype=torch.int64, device=probe.x.device)
        sizes = zeros.clone()
        for batch in probe.data("test", "seen", self.samples):
            _, hidden = probe.net(batch.x, trace=True)
            layers = [hidden[name].flatten(2) for name in names]
            zeros += torch.stack([_zeros(layer, batch.weights) for layer in layers], dim=1)
            sizes += torch.stack([_sizes(layer, batch.weights) for layer in layers], dim=1)
        overall = zeros.sum(1, keepdim=True) / sizes.sum(1, keepdim=True)
        return torch.cat([overall, zeros / sizes], dim=1)


def _zeros(layer: Tensor, weights: Tensor) -> Tensor:
    """`[R]`: how many of `[R, B, numbers]` are 0, of samples that count."""
    return ((layer == 0) & weights[..., None]).sum((1, 2))


def _sizes(layer: Tensor, weights: Tensor) -> Tensor:
    """`[R]`: how many there are: of a sample units, times positions of a filter."""
    return weights.sum(1) * layer.shape[2]
