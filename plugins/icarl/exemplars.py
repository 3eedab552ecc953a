"""Exemplars of each class, in the order in which herding chose them."""

from __future__ import annotations

import torch
from torch import Tensor

from clbench import Buffer, Strategy, errors


class Exemplars(Buffer):
    """The exemplars of each class, the most important first: a list is shortened from its end."""

    def __init__(self, owner: Strategy, memory: int | str, *, beside: float = 0) -> None:
        super().__init__(owner, memory, beside=beside, name="exemplars")
        classes = owner.scenario.classes
        self._check_room(owner.part_name, classes)
        self.rank = torch.zeros_like(self.index[:, : self.size])
        self.count = torch.zeros(owner.members, dtype=torch.int64, device=owner.device)

    @property
    def filled(self) -> Tensor:
        return self.count

    def _check_room(self, owner: str, classes: int) -> None:
        if self.size < classes:
            raise errors.StrategyError(
                f"{owner}: memory for {self.size} samples cannot hold one of each of"
                f" {classes} classes; give it room for {classes} samples at least"
            )

    def renew(self, share: Tensor, index: Tensor, task: int, valid: Tensor) -> None:
        """Keep the first `share [R]` exemplars of every class, and add one class's: samples `[R,
        n]` of a task, in order.
        """
        rank = torch.arange(index.shape[1], device=index.device).expand_as(index)
        tasks = torch.full_like(index, task)
        # Each list is shortened from its end (algorithm 5).
        kept = self.occupied & (self.rank < share[:, None])
        counts = torch.cat([kept, valid], dim=1)
        # What is kept comes first, in its order: stable sorting of false before true.
        order = (~counts).long().argsort(dim=1, stable=True)[:, : self.size]
        for table, new in ((self.index, index), (self.tasks, tasks), (self.rank, rank)):
            old = table[:, : self.size]
            old.copy_(torch.cat([old, new], dim=1).gather(1, order))
        self.count.copy_(counts.sum(1))


def herd(features: Tensor, picks: int) -> Tensor:
    """A class's samples in order: each brings the mean of those chosen nearest to the mean of all.

    `features [n, F]` to `[picks]` (Welling 2009). The distance of the mean m to (s + f) / k, with s
    the sum of those chosen so far, is least where |f|^2 - 2 <f, k m - s> is, which needs no table
    of its own.
    """
    mean, total = features.mean(0), torch.zeros_like(features[0])
    sizes = features.square().sum(1)
    chosen = torch.zeros(picks, dtype=torch.int64, device=features.device)
    for count in range(picks):
        nearest = (sizes - 2.0 * (features @ ((count + 1) * mean - total))).argmin()
        sizes[nearest] = torch.inf  # no sample twice
        total = total + features[nearest]
        chosen[count] = nearest
    return chosen
