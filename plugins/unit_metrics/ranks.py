"""How many dimensions the features of a layer fill: six measures in use, from one decomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from clbench import Probe, ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor

    from .spectrum import Spectrum


class FeatureRank(ProbeMetric):
    """What the ranks have in common: singular values s of Phi `[samples, features]`, uncentred.

    All metrics of one measurement that look at the same layer and samples share them.
    """

    layer: str = "last"  # the hidden layer: its name, `last`, or `all` (the last one, then each)
    samples: PositiveInt = 100  # training samples of the task: no rank is larger

    def measure(self, probe: Probe) -> Tensor:
        import torch

        ranks = [self.rank_of(self._spectrum(probe, name)) for name in self._layers(probe)]
        return ranks[0] if self.layer != "all" else torch.stack(ranks, dim=1)

    def rank_of(self, spectrum: Spectrum) -> Tensor:
        """`[R]`."""
        raise NotImplementedError

    def _layers(self, probe: Probe) -> list[str]:
        from .features import hidden_layers, layer_named

        if self.layer != "all":
            return [layer_named(probe, self.layer).name]
        names = [layer.name for layer in hidden_layers(probe)]
        # The last layer first, as it is what tables show.
        return [names[-1], *names]

    def _spectrum(self, probe: Probe, layer: str) -> Spectrum:
        from .spectrum import spectrum_of_layer

        return probe.once(spectrum_of_layer, layer, self.samples)


class Rank(FeatureRank):
    """The rank of a layer's features Phi `[samples, features]`: singular values above max(samples,
    features) * eps * the largest.

    The tolerance is numpy's, with eps of float32, in which features are computed. At most
    min(samples, features): 100 samples by default. A matrix of zeros has the rank 0.
    """

    def rank_of(self, spectrum: Spectrum) -> Tensor:
        from . import spectrum as of

        return of.rank(spectrum)


class EffectiveRank(FeatureRank):
    """exp(-sum p ln p), p = s / sum s, over the features' singular values s (Roy & Vetterli 2007).

    At most min(samples, features): 100 samples by default. A matrix of zeros has the rank 0.
    """

    def rank_of(self, spectrum: Spectrum) -> Tensor:
        from . import spectrum as of

        return of.effective_rank(spectrum)


class StableRank(FeatureRank):
    """Squared Frobenius norm / squared spectral norm of a layer's features: sum s^2 / max s^2
    (Rudelson & Vershynin 2007).

    What the code of Dohare et al. 2024 calls by this name is `srank99` here. At most min(samples,
    features): 100 samples by default. A matrix of zeros has the rank 0.
    """

    def rank_of(self, spectrum: Spectrum) -> Tensor:
        from . import spectrum as of

        return of.stable_rank(spectrum)


class NuclearToFrobenius(FeatureRank):
    """Nuclear norm / Frobenius norm of a layer's features: sum s / sqrt(sum s^2), or its square.

    At most the root of min(samples, features), of 100 samples by default; the square at most
    min(samples, features). A matrix of zeros has 0.
    """

    squared: bool = False  # (sum s)^2 / sum s^2, which is a number of dimensions

    def rank_of(self, spectrum: Spectrum) -> Tensor:
        from . import spectrum as of

        ratio = of.nuclear_to_frobenius(spectrum)
        return ratio.square() if self.squared else ratio


class Srank99(FeatureRank):
    """The fewest singular values of a layer's features that make up 99 % of their sum (Kumar et al.
    2021, delta = 0.01).

    The "stable rank" in the code of Dohare et al. 2024. At most min(samples, features): 100 samples
    by default. A matrix of zeros has the rank 0.
    """

    def rank_of(self, spectrum: Spectrum) -> Tensor:
        from . import spectrum as of

        return of.srank99(spectrum)


class ApproximateRank(FeatureRank):
    """The fewest singular values of a layer's features whose squares make up 99 % of the sum of
    squares (Yang et al. 2019).

    At most min(samples, features): 100 samples by default. A matrix of zeros has the rank 0.
    """

    def rank_of(self, spectrum: Spectrum) -> Tensor:
        from . import spectrum as of

        return of.approximate_rank(spectrum)
