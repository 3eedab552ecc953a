"""Who takes part in which step of an epoch, where members have unequal numbers of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step: these members, each with `size` samples from its own place `start` in its order."""

    members: tuple[int, ...]
    start: tuple[int, ...]
    size: int


def plan_epoch(
    sizes: Sequence[int], batch_size: int, members: Sequence[int], least: int = 1
) -> list[Step]:
    """Every member's batches in order, in as few steps as possible.

    Whole batches come first, each a step of the members that have one; then each size of last batch
    is a step of the members that have that size. A member gets exactly the steps it would get
    alone. A last batch of fewer than `least` samples is left out (batch-norm cannot train on one).
    """
    whole = {member: sizes[member] // batch_size for member in members}
    steps = []
    for number in range(max(whole.values(), default=0)):
        # Members that still have a whole batch: fewer as the epoch goes on.
        taking = tuple(member for member in members if whole[member] > number)
        steps.append(Step(taking, (number * batch_size,) * len(taking), batch_size))
    rests: dict[int, list[int]] = {}
    for member in members:
        if (rest := sizes[member] % batch_size) >= least:
            rests.setdefault(rest, []).append(member)
    # Largest first: a fixed order, whatever order members are in.
    for rest, sharing in sorted(rests.items(), reverse=True):
        starts = tuple(whole[member] * batch_size for member in sharing)
        steps.append(Step(tuple(sharing), starts, rest))
    return steps
