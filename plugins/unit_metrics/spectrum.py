"""What singular values say of a matrix's rank, which is 0 of a matrix of zeros by every measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from clbench import Probe

from .features import feature_matrices

MOST = 0.99  # of the sum, for `srank99` and `approximate_rank`


@dataclass(frozen=True)
class Spectrum:
    """Singular values `[R, k]` in float64, largest first; up to `noise` times that is rounding."""

    values: Tensor
    noise: float


def spectrum_of(matrix: Tensor) -> Spectrum:
    """Of `[R, rows, columns]`.

    Numbers of a lower precision have noise of that precision, though they are decomposed in
    float64. The eigenvalues of the Gram matrix would be cheaper, and lose half of the digits.
    """
    noise = max(matrix.shape[1:]) * torch.finfo(matrix.dtype).eps
    # No algorithm takes infinite numbers: one member that diverged would stop the others'
    # measurement.
    finite = matrix.isfinite().all(2).all(1).view(-1, 1, 1)
    values = torch.linalg.svdvals(matrix.where(finite, 0.0).double())
    return Spectrum(values.where(finite[..., 0], torch.nan), noise)


def spectrum_of_layer(probe: Probe, layer: str, samples: int) -> Spectrum:
    """Of a layer's features over so many training samples of the task."""
    matrices, _ = probe.once(feature_matrices, "train", probe.task.index, samples)
    return spectrum_of(matrices[layer])


def rank(spectrum: Spectrum) -> Tensor:
    """How many singular values are larger than rounding, as numpy and torch have it."""
    largest = spectrum.values.amax(1, keepdim=True)
    # The tolerance of numpy's matrix_rank.
    return _known((spectrum.values > spectrum.noise * largest).sum(1).double(), spectrum)


def effective_rank(spectrum: Spectrum) -> Tensor:
    """`exp(-sum p ln p)`, p = s / sum s."""
    share = _shares(spectrum.values)
    # xlogy: 0 ln 0 is 0.
    return _known(torch.exp(-torch.xlogy(share, share).sum(1)), spectrum)


def stable_rank(spectrum: Spectrum) -> Tensor:
    """`sum s^2 / max s^2`."""
    squares = spectrum.values.square()
    return _ratio(squares.sum(1), squares.amax(1))


def nuclear_to_frobenius(spectrum: Spectrum) -> Tensor:
    """`sum s / sqrt(sum s^2)`."""
    return _ratio(spectrum.values.sum(1), spectrum.values.square().sum(1).sqrt())


def srank99(spectrum: Spectrum) -> Tensor:
    """The fewest singular values that make up 99 % of their sum."""
    return _fewest(spectrum.values, spectrum)


def approximate_rank(spectrum: Spectrum) -> Tensor:
    """The fewest singular values whose squares make up 99 % of the sum of squares."""
    return _fewest(spectrum.values.square(), spectrum)


Measure = Callable[[Spectrum], Tensor]


def _fewest(parts: Tensor, spectrum: Spectrum) -> Tensor:
    """How many of the largest parts make up `MOST` of all."""
    # From the largest on, as singular values are sorted: `[R, k]`, rising to 1.
    reached = _ratio(parts.cumsum(1), parts.sum(1, keepdim=True))
    # So many do not reach it yet; the one more does.
    return _known((reached < MOST).sum(1).double() + 1, spectrum)


def _shares(parts: Tensor) -> Tensor:
    """Of their sum."""
    return _ratio(parts, parts.sum(1, keepdim=True))


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """0 where the whole is 0."""
    return part / torch.where(whole == 0, 1.0, whole)


def _known(measured: Tensor, spectrum: Spectrum) -> Tensor:
    """0 of a matrix of zeros, NaN of one with numbers that are not finite."""
    largest = spectrum.values.amax(1)
    return torch.where(largest == 0, 0.0, measured).where(~largest.isnan(), torch.nan)
