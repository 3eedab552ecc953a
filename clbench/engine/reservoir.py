"""A reservoir of samples a member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.engine.buffer import Buffer
from clbench.engine.task import Batch

if TYPE_CHECKING:
    from clbench.engine.strategy import Strategy


class Reservoir(Buffer):
    """Each member's uniform sample of everything it has seen (Vitter 1985), `size` places a member.

    The n-th sample (from 0) takes place n while there is room, and then place j, drawn uniformly
    from 0..n, if j < size: after n samples each is kept with probability size/n.
    """

    def __init__(
        self,
        owner: Strategy,
        memory: int | str,
        extra: Mapping[str, Sequence[int]] | None = None,
        *,
        beside: float = 0,
        name: str = "reservoir",
    ) -> None:
        super().__init__(owner, memory, extra, beside=beside, name=name)
        self.seen = torch.zeros(owner.members, dtype=torch.int64, device=owner.device)

    @property
    def filled(self) -> Tensor:
        return self.seen.clamp(max=self.size)

    def add(self, batch: Batch, **extra: Tensor) -> None:
        counted = batch.weights
        # The sample's number in the whole stream: rows that do not count keep the one before.
        number = self.seen[:, None] + counted.cumsum(1) - 1
        # Vitter's algorithm R; drawn for each row, needed or not, so that draws are counted alike.
        drawn = self.noise.integers(number + 1, batch.size)
        places = torch.where(number < self.size, number, drawn).clamp(max=self.size)
        places = torch.where(counted, places, self.size)
        # Two rows of a batch may draw the same place: the later one has it.
        self.put(self.last_of_each(places), batch, **extra)
        self.seen += counted.sum(1)
