"""One step of a Hebbian layer, for one member (Moraitis et al. 2022; Journé et al. 2023).

A layer's K units are the second dimension of `u [P, K]`, its pre-activations at P positions: the
samples of a batch, and for a convolution every pixel of each. `inputs [n, P]` are the n numbers
that go into a unit at each position. `net.map` and `clbench.per_member` apply these to a stack.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Competition = Literal["soft_krotov", "soft", "hard", "soft_ranked", "hard_ranked"]

TINY = 1e-30  # beside the largest change of a layer
FLOOR = 1e-10  # beside a norm's distance from 1


def patches(images: Tensor, kernel: int) -> Tensor:
    """`[C, B, H, W]`, padded, to `[C * kernel * kernel, P]`: what a kernel sees at each position.

    Positions are ordered by image, row and column. With channels in front the copy reads whole rows
    of pixels, and both products of a step take what comes out as it lies.
    """
    windows = images.unfold(2, kernel, 1).unfold(3, kernel, 1)
    return windows.permute(0, 4, 5, 1, 2, 3).reshape(len(images) * kernel * kernel, -1)


def compete(
    u: Tensor, temperature: float, competition: Competition, rank: int, factor: float
) -> Tensor:
    """`[P, K]`: how much each unit learns at each position, and in which direction.

    `temperature` is an inverse one: the higher, the harder. `soft_krotov`: the soft-max over the
    units, negative for all but the winner. `soft`: without the sign. `hard`: 1 for the winner
    alone. `soft_ranked` and `hard_ranked` turn over the unit of this rank alone, with this factor.
    """
    share = winner_alone(u) if competition.startswith("hard") else (u * temperature).softmax(1)
    if competition == "soft_krotov":
        return turned_over(share, u)
    if competition.endswith("ranked"):
        loser = u.topk(rank, dim=1).indices[:, rank - 1 :]
        before = share.gather(1, loser) if competition == "soft_ranked" else 1.0
        return share.scatter(1, loser, -factor * before)
    return share


def winner_alone(u: Tensor) -> Tensor:
    """1 for the largest at each position, 0 for all others."""
    return torch.zeros_like(u).scatter(1, u.argmax(1, keepdim=True), 1.0)


def turned_over(share: Tensor, u: Tensor) -> Tensor:
    """The shares with a minus sign, but for the winner's at each position."""
    winner = u.argmax(1, keepdim=True)
    return (-share).scatter(1, winner, share.gather(1, winner))


def gradient(weight: Tensor, inputs: Tensor, u: Tensor, y: Tensor) -> Tensor:
    """`[K, n]`: minus the step of the weights, of which the largest number of the layer is 1.

    The step is sum_p y_pk (x_p - u_pk w_k) (Oja 1982, with the layer's own y), divided by its
    largest entry. Its negative stands where a gradient does: what is subtracted, times a rate.
    """
    used = (y * u).sum(0)
    change = torch.addmm(weight * used[:, None], y.t(), inputs.t(), alpha=-1)
    return change / (largest(change) + TINY)


def bias_gradient(bias: Tensor, share: Tensor, temperature: float) -> Tensor:
    """`[K]`: the same for biases, at rest where exp(t b) is each unit's mean share, its prior."""
    prior = (bias * temperature).exp()
    change = prior.reciprocal() * (prior * len(share) - share.sum(0))
    return change / (largest(change) + TINY)


def largest(change: Tensor) -> Tensor:
    """The largest absolute value, without a copy of the whole."""
    return torch.maximum(change.amax(), -change.amin())


def distance(weight: Tensor) -> Tensor:
    """`[K]`: how far the norm of each unit's weights is from 1, where it is at rest."""
    norms: Tensor = torch.linalg.vector_norm(weight, dim=1)
    return (norms - 1.0).abs()


def adaptive_rate(weight: Tensor, rate: float, exponent: float) -> Tensor:
    """`[K]`: the rate of each unit, which vanishes as the norm of its weights comes to 1."""
    return rate * torch.pow(distance(weight) + FLOOR, exponent)
