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
        zeros = sizes = torch.zeros(
            len(probe.x), len(names), dtype=torch.int64, device=probe.x.device
        )
        for batch in probe.data("test", "seen", self.samples):
            _, hidden = probe.net(batch.x, trace=True)
            layers = [hidden[name].flatten(2) for name in names]
            counts = torch.stack(
                [((layer == 0) & batch.weights[..., None]).sum((1, 2)) for layer in layers], dim=1
            )
            # Numbers of a sample: units, times positions of a filter.
            units = torch.tensor([layer.shape[2] for layer in layers], device=counts.device)
            zeros, sizes = zeros + counts, sizes + batch.weights.sum(1)[:, None] * units
        overall = zeros.sum(1, keepdim=True) / sizes.sum(1, keepdim=True)
        return torch.cat([overall, zeros / sizes], dim=1)
