"""How much kernels change, and from when on that is too much, for all members at once.

R members, K kernels of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

DeltaStat = Literal["signed", "absolute", "std"]
Threshold = Literal["mean", "median", "mean_plus_std", "last"]


def size_of_change(change: Tensor, stat: DeltaStat) -> Tensor:
    """`[R, K, ...]` to `[R, K]`: one number for the change of a kernel, over its cells."""
    cells = change.flatten(2)
    if stat == "signed":
        return cells.sum(2)
    if stat == "absolute":
        absolute: Tensor = torch.linalg.vector_norm(cells, ord=1, dim=2)
        return absolute
    # Not `cells.std`: its bits depend on how many members there are.
    centred = cells - cells.mean(2, keepdim=True)
    return centred.square().mean(2).sqrt()


def divided_by_largest(values: Tensor, of: Tensor, *, unguarded: bool = False) -> Tensor:
    """`values [R, K]` divided by the largest entry of `of [R, K]`, member by member.

    Where no entry is above 0 the largest size takes its place: a negative divisor would turn every
    comparison round. `unguarded` divides by it all the same, as the published code does.
    """
    largest = of.amax(1, keepdim=True)
    if unguarded:
        return values / largest
    divisor = torch.where(largest > 0, largest, of.abs().amax(1, keepdim=True))
    return values / torch.where(divisor > 0, divisor, 1.0)


def center_and_margin(samples: Sequence[Tensor], threshold: Threshold) -> tuple[Tensor, Tensor]:
    """What samples `[R, K]` of a kernel's change say together, and how far beyond is still allowed.

    A sample has NaN for members that took fewer. Sums go sample by sample: how many samples a
    neighbour took must not change the order of a sum.
    """
    if threshold == "last":
        return _last(samples), torch.zeros_like(samples[0])
    if threshold == "median":
        return _median(samples), torch.zeros_like(samples[0])
    mean = _mean(samples)
    if threshold == "mean":
        return mean, torch.zeros_like(mean)
    # Two passes, sample by sample, for the sake of bits.
    spread = _mean([(sample - mean).square() for sample in samples]).sqrt()
    return mean, spread


def allowed_change(
    samples: Sequence[Tensor], threshold: Threshold, *, unguarded: bool = False
) -> Tensor:
    """`[R, K]`: the share of the largest change in its layer that a kernel may reach."""
    center, margin = center_and_margin(samples, threshold)
    # Divided by the largest centre, so 1 is the usual change of the kernel that changes most.
    return divided_by_largest(center + margin, of=center, unguarded=unguarded)


def multipliers(important: Tensor, breaks: Tensor, *, high_lr: float, low_lr: float) -> Tensor:
    """`[R, K]`: by how much the rate of each kernel is multiplied.

    m = 1 + high_lr (1 - important) - low_lr important breaks.
    """
    held_back = torch.where(breaks, 1.0 - low_lr, 1.0)
    return torch.where(important, held_back, 1.0 + high_lr)


def _mean(samples: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(samples[0])
    count = torch.zeros_like(samples[0])
    for sample in samples:
        known = ~sample.isnan()
        # A member that took fewer samples adds nothing.
        total += sample.where(known, 0.0)
        count += known
    return total / count


def _last(samples: Sequence[Tensor]) -> Tensor:
    last = samples[0]
    for sample in samples[1:]:
        last = torch.where(sample.isnan(), last, sample)
    return last


def _median(samples: Sequence[Tensor]) -> Tensor:
    """Of an even number the mean of the two in the middle."""
    table = torch.stack(list(samples), dim=1)
    count = (~table.isnan()).sum(1, keepdim=True)
    ordered = table.sort(dim=1).values  # NaN comes last
    # The middle one or two of `count` known values, `[R, 1, K]`.
    below = ordered.gather(1, ((count - 1) // 2).clamp(min=0))
    above = ordered.gather(1, (count // 2).clamp(max=len(samples) - 1))
    return ((below + above) / 2)[:, 0]
