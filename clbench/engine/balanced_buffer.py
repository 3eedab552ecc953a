"""A buffer that holds as many samples of each class as it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.engine.buffer import Buffer
from clbench.engine.ranks import nth_true, rank_within
from clbench.engine.task import Batch
from clbench.errors import StrategyError
from clbench.stack.host_reads import none_on_host

if TYPE_CHECKING:
    from clbench.engine.strategy import Strategy

RANDOM_RANKS = 2**40  # different random numbers, by which samples of one class are put in order
NEVER_CHOSEN = 2**62


class ClassBalancedBuffer(Buffer):
    """The greedy, class-balanced memory of GDumb (Prabhu et al. 2020).

    A sample is kept if there are fewer than floor(size / classes seen) of its class. Where the
    buffer is full, a random sample of its largest class makes room (of equally large ones the first
    class).

    A batch is taken in at once, with the outcome of taking its rows one by one. Within a batch the
    samples kept of a class are its first ones, for the quota only falls; a class from which samples
    are taken has more than the quota then, so nothing is kept of it later. So it is enough to keep
    all that are wanted and then to lower the largest classes, one sample at a time, as far as there
    is no room.
    """

    def __init__(
        self,
        owner: Strategy,
        memory: int | str,
        extra: Mapping[str, Sequence[int]] | None = None,
        *,
        beside: float = 0,
        name: str = "class_balanced",
        classes: int | None = None,
    ) -> None:
        """`classes` is how many labels `batch.y` tells apart.

        By default as many as the network has outputs.
        """
        super().__init__(owner, memory, extra, beside=beside, name=name)
        classes = classes or owner.scenario.classes
        if self.size < classes:
            raise StrategyError(
                f"{owner.part_name}: memory for {self.size} samples cannot hold one of each of"
                f" {classes} classes; give it room for {classes} samples at least"
            )
        self.labels = torch.zeros_like(self.index)
        self.of_classes = torch.zeros(
            owner.members, classes, dtype=torch.int64, device=owner.device
        )
        self.met = torch.zeros_like(self.of_classes, dtype=torch.bool)

    @property
    def filled(self) -> Tensor:
        return self.of_classes.sum(1)

    def add(self, batch: Batch, **extra: Tensor) -> None:
        # Before `_meet`, whose classes would otherwise count as met for this batch's first rows.
        wanted = self._wanted(batch)
        self._meet(batch)
        if none_on_host(wanted):
            # A draw is counted in any case: a member's numbers may not depend on what others keep.
            self.noise.skip()
            return
        # `[R, size + B]`: what is held, and what comes.
        labels = torch.cat([self.labels[:, : self.size], batch.y], dim=1)
        stays = self._lower(labels, torch.cat([self.occupied, wanted], dim=1))
        old, new = stays[:, : self.size], stays[:, self.size :]
        # The k-th new sample goes to the k-th place that was given up, `[R, B]`.
        places = nth_true(~old, new.cumsum(1) - 1, self.size)
        # The place behind the last takes what is not kept.
        places = torch.where(new, places, self.size)
        self.put(places, batch, **extra)
        self.labels.scatter_(1, places, batch.y)
        # Counted anew from all that stay, `[R, classes]`.
        self.of_classes.zero_().scatter_add_(1, labels, stays.long())

    def _meet(self, batch: Batch) -> None:
        """Note the classes that have come; a row that does not count may show one that has not."""
        shown = torch.zeros_like(self.of_classes)
        # Weights are 0 or 1: which rows of the padded batch count.
        self.met |= shown.scatter_add_(1, batch.y, batch.weights.long()) > 0

    def _wanted(self, batch: Batch) -> Tensor:
        """`[R, B]`: the rows of whose class there are fewer than its quota when they come."""
        counted = batch.weights
        # `[R, B]`: how many of the same class came before in this batch.
        earlier = rank_within(batch.y, counted)
        # The first row of a class that the member has never met raises the number of classes.
        new = counted & (earlier == 0) & ~self.met.gather(1, batch.y)
        classes = self.met.sum(1)[:, None] + new.cumsum(1)
        # GDumb's k_c = floor(size / classes seen), as it stands when each row comes.
        quota = self.size // classes.clamp(min=1)
        return counted & (self.of_classes.gather(1, batch.y) + earlier < quota)

    def _lower(self, labels: Tensor, present: Tensor) -> Tensor:
        """`[R, N]`: which of these samples stay where no more than `size` may.

        Each class is put in a random order. Then the samples stay that come early in their class,
        so many as there is room for: that takes samples from the largest classes, which ones is
        random.
        """
        members, count = labels.shape
        # One class more than there are: places without a sample.
        absent = self.of_classes.shape[1]
        kinds = torch.where(present, labels, absent)
        # Sorted by class, within it at random: class in the high digits, a number in the low ones.
        order = (kinds * RANDOM_RANKS + self.noise.integers(RANDOM_RANKS, count)).argsort(1)
        kinds = kinds.gather(1, order)
        sizes = labels.new_zeros(members, absent + 1).scatter_add_(1, kinds, torch.ones_like(kinds))
        # Where each class begins in the sorted order, `[R, classes + 1]`.
        begins = sizes.cumsum(1) - sizes
        # A sample's number within its class, from 0: how high it stands on its class's pile.
        rank = torch.arange(count, device=labels.device) - begins.gather(1, kinds)
        # Of the last ones of equally large classes those of the first class go first.
        height = torch.where(kinds == absent, NEVER_CHOSEN, rank * (absent + 1) + absent - kinds)
        # The height of the `size`-th lowest; no two heights are equal, so `size` samples stay.
        highest = height.sort(1).values[:, self.size - 1 : self.size]
        stays = (height <= highest) & (kinds != absent)
        # Back from the sorted order to that of the samples.
        return torch.zeros_like(present).scatter_(1, order, stays)
