"""Probes of units and weights. torch is imported where they measure: who only reads their numbers does not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from clbench import Probe, ProbeMetric, hookimpl

if TYPE_CHECKING:
    from torch import Tensor


class ActivationSparsity(ProbeMetric):
    """Population sparsity: the share of hidden activations that are exactly 0, over test samples of the tasks so far.

    The whole network comes first, where layers count by their size, and is what tables show; then each hidden layer.
    """

    unit = "fraction"
    limits = (0.0, 1.0)
    samples: PositiveInt = 1000  # at most so many test samples a task

    def measure(self, probe: Probe) -> Tensor:
        import torch

        names = [layer.name for layer in probe.net.layers()]
        zeros = sizes = torch.zeros(
            len(probe.x), len(names), dtype=torch.int64, device=probe.x.device
        )
        for batch in probe.data("test", "seen", self.samples):
            _, hidden = probe.net(batch.x, trace=True)
            layers = [hidden[name].flatten(2) for name in names]
            counts = torch.stack(
                [((layer == 0) & batch.weights[..., None]).sum((1, 2)) for layer in layers], dim=1
            )
            units = torch.tensor([layer.shape[2] for layer in layers], device=counts.device)
            zeros, sizes = zeros + counts, sizes + batch.weights.sum(1)[:, None] * units
        overall = zeros.sum(1, keepdim=True) / sizes.sum(1, keepdim=True)
        return torch.cat([overall, zeros / sizes], dim=1)


class WeightMagnitude(ProbeMetric):
    """Mean |p| over all parameters, biases and normalisation included (Dohare et al. 2024).

    The whole network comes first, and is what tables show; then each parameter tensor in the model's order.
    """

    higher_is_better = False

    def measure(self, probe: Probe) -> Tensor:
        import torch

        sums = torch.stack(
            [p.detach().abs().flatten(1).sum(1) for p in probe.net.parameters()], dim=1
        )
        sizes = torch.tensor([p[0].numel() for p in probe.net.parameters()], device=sums.device)
        return torch.cat([sums.sum(1, keepdim=True) / sizes.sum(), sums / sizes], dim=1)


@hookimpl
def clbench_metrics() -> list[type]:
    return [ActivationSparsity, WeightMagnitude]
