"""A budget of samples, spread over classes by need, and samples drawn by it."""

from __future__ import annotations

import torch
from torch import Tensor


def spread(budget: int, need: Tensor) -> Tensor:
    """`[..., C]` needs -> `[..., C]` whole numbers in proportion to them, `budget` in all; nothing
    where nobody needs anything.

    Each class gets its share rounded down, and what is left goes one by one to the largest
    remainders (of equal ones to the lower class).
    """
    total = need.sum(-1, keepdim=True)
    share = budget * need / torch.where(total > 0, total, 1.0)
    whole = share.floor()
    left = torch.where(total > 0, budget - whole.sum(-1, keepdim=True), 0.0)
    remainder = torch.where(need > 0, share - whole, -1.0)
    order = remainder.argsort(dim=-1, descending=True, stable=True)
    return (whole + (order.argsort(dim=-1) < left)).long()


def draw_by_class(classes: Tensor, quota: Tensor, priority: Tensor, count: int) -> Tensor:
    """Of samples `[R, P]` by class (-1: none), `quota [R, C]` of each class: their places `[R,
    count]`, P where there are no more.

    Of a class those of the least `priority [R, P]` are taken.
    """
    samples = classes.shape[1]
    by_priority = priority.argsort(dim=1, stable=True)
    # From 0: no class.
    kinds = classes.gather(1, by_priority) + 1
    # Stable: within a class the order by priority stays.
    by_class = kinds.argsort(dim=1, stable=True)
    kinds = kinds.gather(1, by_class)
    wanted = torch.nn.functional.pad(quota, (1, 0))
    taken = _rank_within(kinds, wanted.shape[1]) < wanted.gather(1, kinds)
    places = torch.where(taken, by_priority.gather(1, by_class), samples)
    places = torch.nn.functional.pad(places.sort(dim=1).values, (0, count), value=samples)
    return places[:, :count]


def _rank_within(kinds: Tensor, number: int) -> Tensor:
    """`[R, P]`, sorted, of so many kinds: the place of each among those of its kind, from 0."""
    counts = torch.zeros(len(kinds), number, dtype=torch.int64, device=kinds.device)
    counts.scatter_add_(1, kinds, torch.ones_like(kinds))
    # Where each kind begins.
    starts = counts.cumsum(1) - counts
    return torch.arange(kinds.shape[1], device=kinds.device) - starts.gather(1, kinds)
