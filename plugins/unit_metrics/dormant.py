"""Units that hardly do anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from clbench import Probe, ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor

    from .features import Activity

Share = Annotated[float, Field(ge=0)]


class DormantUnits(ProbeMetric):
    """The share of hidden units that are dormant, by one of four rules in use.

    Over training samples of the task, with m the mean of |h| of a unit over samples (of a filter
    over its positions, too, as the model's layers are read: after pooling):

    - `mean_activation`: m < threshold (the code of Dohare et al. 2024 for continual ImageNet; 100
      samples, 0.01)
    - `tau`: m / (mean of m over the layer + 1e-9) <= tau (Sokar et al. 2023; tau is 0.1, 0.025 or 0
      there)
    - `firing_rate`: h is not 0 in a share of samples and positions below the threshold (Dohare et
      al. 2024 on CIFAR-100; 1000 samples, 0.01)
    - `dead`: m = 0 (their code for MNIST, 2000 samples; Kumar et al. 2023 over all)

    The share among all hidden units comes first, and is what tables show; then each layer's.
    """

    higher_is_better = False
    unit = "fraction"
    limits = (0.0, 1.0)
    # What makes a unit dormant.
    rule: Literal["mean_activation", "tau", "firing_rate", "dead"] = "mean_activation"
    threshold: Share = 0.01  # of `mean_activation` and `firing_rate`
    tau: Share = 0.1  # of `tau`: a unit's share of what its layer does on average
    samples: PositiveInt = 100  # at most so many training samples of the task

    def measure(self, probe: Probe) -> Tensor:
        import torch

        from .features import unit_activity

        found = probe.once(unit_activity, "train", "current", self.samples)
        # NaN of a unit without a magnitude: a member that has diverged has no share of dormant
        # units.
        dormant = [
            self.are_dormant(layer).double().where(~layer.magnitude.isnan(), torch.nan)
            for layer in found
        ]
        # `[R, layers]`.
        layers = torch.stack([units.mean(1) for units in dormant], dim=1)
        overall = torch.cat(dormant, dim=1).mean(1, keepdim=True)
        return torch.cat([overall, layers], dim=1)

    def are_dormant(self, layer: Activity) -> Tensor:
        """`[R, units]`: by the rule."""
        if self.rule == "firing_rate":
            return layer.firing < self.threshold
        if self.rule == "dead":
            return layer.magnitude == 0
        if self.rule == "tau":
            average = layer.magnitude.mean(1, keepdim=True)
            return layer.magnitude / (average + 1e-9) <= self.tau
        return layer.magnitude < self.threshold
