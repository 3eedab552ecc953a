"""How strongly a class is represented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from clbench import Probe

from .base import LinearProbe

if TYPE_CHECKING:
    from torch import Tensor

    from .samples import Features


class RepresentationStrength(LinearProbe):
    """How strongly each class is represented in a layer's features: three measures, which disagree.

    `mean_shift`: || (mean_c - mean) / (std + 1e-9) ||_2 over the features; mean and std (of the
    population) are those of all images. `probe_weights`: ||W_c||_2, the class's row of a linear
    probe; of two classes the single row, the same for both. `probe_accuracy`: the probe's accuracy
    on held-out images of the class. Images and probe are `probe_accuracy`'s.

    The mean over classes comes first, and is what tables show; then that of each output of the
    network.
    """

    method: Literal["mean_shift", "probe_weights", "probe_accuracy"] = (
        "mean_shift"  # what is taken for strength
    )

    def values(self, probe: Probe, features: Features) -> Tensor:
        import torch

        of_classes = self._of_classes(probe, features)
        return torch.cat([of_classes.nanmean(1, keepdim=True), of_classes], dim=1)

    def _of_classes(self, probe: Probe, features: Features) -> Tensor:
        """`[R, classes]`."""
        from .fit import accuracies
        from .samples import mean_shifts

        if self.method == "mean_shift":
            return mean_shifts(features)
        if self.method == "probe_weights":
            return self.fit(probe).strengths()
        fit = self.fit(probe)
        return accuracies(features, fit.held, fit.right)[:, 1:]
