"""Which head a set of images belongs to, when nobody tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

# All take logits `[R, H, B, C]` and which outputs of a head count, `[R, H, 1, C]`, to `[R, H, B]`.
Score = Callable[[Tensor, Tensor], Tensor]


def largest(logits: Tensor, outputs: Tensor) -> Tensor:
    """The largest logit."""
    return within(logits, outputs).amax(3)


def largest_size(logits: Tensor, outputs: Tensor) -> Tensor:
    """The largest |logit|: a very negative one counts, too."""
    return logits.abs().masked_fill(~outputs, 0.0).amax(3)


def largest_probability(logits: Tensor, outputs: Tensor) -> Tensor:
    """Of the soft-max."""
    return within(logits, outputs).softmax(3).amax(3)


def negative_entropy(logits: Tensor, outputs: Tensor) -> Tensor:
    """Of the soft-max; an output that is impossible adds nothing."""
    masked = within(logits, outputs)
    p = masked.softmax(3)
    return torch.where(p > 0, p * masked.log_softmax(3), 0.0).sum(3)


SCORES: dict[str, Score] = {
    "sum_max": largest,
    "sum_abs_max": largest_size,
    "max_softmax": largest_probability,
    "entropy": negative_entropy,
}


def within(logits: Tensor, outputs: Tensor) -> Tensor:
    """Logits with -inf where an output of a head does not count."""
    return logits.masked_fill(~outputs, -torch.inf)


def votes(logits: Tensor, outputs: Tensor, exists: Tensor) -> Tensor:
    """One for the head with the largest logit, the first of equals, where `exists [R, H]`."""
    tops = largest(logits, outputs).masked_fill(~exists[..., None], -torch.inf)
    numbers = torch.arange(tops.shape[1], device=tops.device)
    return (tops.argmax(1)[:, None] == numbers[:, None]).to(logits.dtype)


def right_answers(logits: Tensor, outputs: Tensor, y: Tensor) -> Tensor:
    """One for each head that gives an image its label; `y [R, B]`."""
    return (within(logits, outputs).argmax(3) == y[:, None]).to(logits.dtype)


def decide(scores: Tensor, valid: Tensor, exists: Tensor, together: int | None) -> Tensor:
    """`[R, H, N]` scores -> `[R, N]`: for each image the head of the largest sum over its group.

    A group are so many images in a row; None: all of them. Rows that are not `valid [R, N]` do not
    count; `exists [R, H]` may be chosen; of equal heads it is the first. Sums are taken row after
    row in double precision, so that rows behind a member's own change nothing.
    """
    members, heads, images = scores.shape
    rows = torch.arange(images, device=scores.device)
    # `[N]`: the group of each image, the same for all members.
    group = rows // together if together else torch.zeros_like(rows)
    # Rounded up: the last group may be smaller.
    groups = -(-images // together) if together else 1
    counted = torch.where(valid[:, None], scores.double(), 0.0)
    totals = scores.new_zeros(members, heads, groups, dtype=torch.float64)
    # In order of the rows. A sum by `sum` may be split as its length likes.
    totals.index_add_(2, group, counted)
    return totals.masked_fill(~exists[..., None], -torch.inf).argmax(1)[:, group]


def to_equal_norms(heads: Sequence[Tensor], outputs: Tensor, exists: Tensor) -> Tensor:
    """`[R, H]`: what brings the norm of each head's weights to the mean norm of the member's heads.

    `heads` are the weights `[R, C, ...]` of each; only outputs that count, `[R, H, C]`, do here.
    """
    norms = []
    for number, weight in enumerate(heads):
        # Rows of outputs that the head was never trained on still have their first random weights.
        counted = torch.where(outputs[:, number, :, None], weight.flatten(2), 0.0)
        norms.append(counted.flatten(1).double().square().sum(1).sqrt())
    # One after the other: the number of terms is that of the member with the most heads.
    own = [norm * exists[:, number] for number, norm in enumerate(norms)]
    mean = reduce(torch.add, own) / exists.sum(1)
    smallest = torch.finfo(torch.float64).tiny
    factors = [mean / norm.clamp(min=smallest) for norm in norms]
    return torch.stack(factors, dim=1).where(exists, 1.0)
