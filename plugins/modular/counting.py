"""How many numbers a modular network has: what is counted of its size."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


def numbers_of(tensors: Iterable[Tensor]) -> int:
    """The numbers of a member in these tensors, `[R, ...]` each."""
    return sum(value[0].numel() for value in tensors)


def structure_numbers(structures: Tensor, learnt_from: int, width: int) -> Tensor:
    """`[R]`: of the structures `[R, T, M, depth]`; those of tasks from `learnt_from` on were
    learnt, with gates of this `width`.
    """
    numbers = structures.isfinite().sum((2, 3))  # of each task
    return numbers.sum(1) + numbers[:, learnt_from:].sum(1) * width
