"""Which kernels of a layer are the important ones, for all members at once.

R members, K kernels of a layer, B samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from clbench import beside, per_member

NEIGHBOURS = 5
# Distances that are held at a time.
MOST_DISTANCES = 1 << 24


def activity(u: Tensor, valid: Tensor | None) -> Tensor:
    """`[R, K]` from pre-activations `[R, B, K, ...]`: the size of the batch's sum, over positions.

    Rows of which `valid [R, B]` is false do not count.
    """
    if valid is None:
        return _each_activity(u)
    return _each_activity(u, valid)


def _each_activity(*tensors: Tensor) -> Tensor:
    found: Tensor = per_member(_activity, *tensors)
    return found


def _activity(u: Tensor, valid: Tensor | None = None) -> Tensor:
    """Of one member, `[B, K, ...]` to `[K]`."""
    if valid is not None:
        u = u.where(beside(valid, u), 0.0)
    # |sum over the batch|, at each position; then summed over positions.
    over_batch = u.sum(0).abs()
    return over_batch.reshape(len(over_batch), -1).sum(1)


def largest(scores: Tensor, count: int) -> Tensor:
    """`[R, K]`, true for the `count` kernels of the highest scores; of equals the first."""
    order = scores.argsort(dim=1, descending=True, stable=True)
    # The argsort of an argsort is the rank.
    rank = order.argsort(dim=1)
    return rank < count


def number_of(kernels: int, share: float, *, one_more: bool = False) -> int:
    """How many kernels a share of them is, halves rounded to even, and at least one.

    `one_more` keeps another, as the published code does.
    """
    return min(kernels, max(1, round(share * kernels)) + one_more)


def kse(weight: Tensor, channels: int, *, entropy_alone: bool = False) -> Tensor:
    """`[R, channels]`: kernel sparsity and entropy of the channels that go into a layer, in [0, 1].

    Of `weight [R, N, ...]` the slices W_c of an input channel c have the sparsity
    s_c = sum_n ||W_nc||_1, and the entropy e_c of how near each of the N slices is to its nearest
    neighbours; v_c = sqrt(s_c / (1 + e_c)), scaled from the layer's least to its greatest
    (Li et al. 2019). A channel is a kernel of the layer below. `entropy_alone` ranks by e_c, the
    lowest first, as the published code does.
    """
    rows = [_kse_of_member(own, channels, entropy_alone) for own in weight]
    return torch.stack(rows)


def _kse_of_member(weight: Tensor, channels: int, entropy_alone: bool) -> Tensor:
    """`weight [N, ...]` to `[channels]`."""
    # `[channels, N, cells]`: W_c, a row for each output.
    slices = weight.detach().double().reshape(len(weight), channels, -1).transpose(0, 1)
    entropy = _entropy(slices)
    if entropy_alone:
        return _scaled(-entropy)
    sparsity = slices.abs().sum((1, 2))
    return _scaled((sparsity / (1 + entropy)).sqrt())


def _entropy(slices: Tensor) -> Tensor:
    """`[channels, N, cells]` to `[channels]`."""
    at_a_time = max(1, MOST_DISTANCES // slices.shape[1] ** 2)
    return torch.cat([_entropy_of(part) for part in slices.split(at_a_time)])


def _entropy_of(slices: Tensor) -> Tensor:
    """In bits, of the densities: the summed distances of each slice to its nearest neighbours."""
    count = slices.shape[1]
    if count < 2:  # a single slice has no neighbour
        return slices.new_zeros(len(slices))
    # The matrix product's way to distances is off by rounding where slices are almost alike.
    distance = torch.cdist(slices, slices, compute_mode="donot_use_mm_for_euclid_dist")
    distance.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    # k nearest neighbours, the slice itself excluded.
    nearest = distance.topk(min(NEIGHBOURS, count - 1), largest=False).values
    density = nearest.sum(2)
    total = density.sum(1, keepdim=True)
    share = density / torch.where(total > 0, total, 1.0)
    # -p log p, and 0 at p = 0.
    in_nats: Tensor = torch.special.entr(share).sum(1)
    return in_nats / math.log(2)


def _scaled(values: Tensor) -> Tensor:
    """From 0, the least, to 1, the greatest; 0 where all are alike."""
    least = values.amin()
    span = values.amax() - least
    return (values - least) / torch.where(span > 0, span, 1.0)
