"""How large weights and biases are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clbench import Layer, Probe, ProbeMetric, Undefined

if TYPE_CHECKING:
    from torch import Tensor


class WeightMagnitude(ProbeMetric):
    """Mean |p| over all parameters, biases and normalisation included (Dohare et al. 2024).

    The whole network comes first, and is what tables show; then each parameter tensor in the
    model's order.
    """

    higher_is_better = False

    def measure(self, probe: Probe) -> Tensor:
        import torch

        sums = torch.stack(
            [p.detach().abs().flatten(1).sum(1) for p in probe.net.parameters()], dim=1
        )
        # Of one member: every member has as many.
        sizes = torch.tensor([p[0].numel() for p in probe.net.parameters()], device=sums.device)
        return torch.cat([sums.sum(1, keepdim=True) / sizes.sum(), sums / sizes], dim=1)


class BiasStatistics(ProbeMetric):
    """Mean, median and standard deviation (the population's) of the biases of hidden units.

    Biases are what is added to a unit: the bias of its layer, and the shift of a normalisation
    behind it, but not its scale. All hidden layers together come first, then each: `[1 + layers,
    3]`; tables show the mean over all. A layer without biases has NaN.
    """

    higher_is_better = False

    def measure(self, probe: Probe) -> Tensor | Undefined:
        import torch

        layers = [_biases(probe, layer) for layer in probe.net.layers()]
        if not any(layers):
            return Undefined("no hidden layer has biases")
        together = [bias for layer in layers for bias in layer]
        return torch.stack([_statistics(probe, some) for some in (together, *layers)], dim=1)


def _biases(probe: Probe, layer: Layer) -> list[Tensor]:
    """The tensors `[R, units]` of a layer that are added to its units."""
    named = probe.net.named_parameters()
    added = [name for name in layer.norm if name.endswith("bias")]
    names = added if layer.bias is None else [layer.bias, *added]
    return [named[name].detach() for name in names]


def _statistics(probe: Probe, biases: Sequence[Tensor]) -> Tensor:
    """`[R, 3]`: mean, median, standard deviation."""
    import torch

    if not biases:
        return torch.full((len(probe.x), 3), torch.nan, device=probe.x.device)
    values = torch.cat(list(biases), dim=1).double()
    mean = values.mean(1, keepdim=True)
    # Not `values.std`: its bits depend on how many members there are.
    spread = (values - mean).square().mean(1).sqrt()
    return torch.stack([mean[:, 0], values.quantile(0.5, dim=1), spread], dim=1)
