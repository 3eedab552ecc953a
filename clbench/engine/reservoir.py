"""A reservoir of samples a member, kept by index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.engine.task import Batch, Samples
from clbench.stack import Noise, Stateful

if TYPE_CHECKING:
    from clbench.engine.strategy import Strategy


class Reservoir(Stateful):
    """Each member's uniform sample of everything it has seen (Vitter 1985), `size` places a member.

    The n-th sample (from 0) takes place n while there is room, and then place j, drawn uniformly from
    0..n, if j < size: after n samples each is kept with probability size/n. Samples are kept as indices into the
    training set, un-augmented; `extra` tensors `[R, B, ...]` (logits, say) are kept beside them.
    """

    def __init__(self, owner: Strategy, size: int, name: str = "reservoir") -> None:
        self.owner, self.size = owner, size
        self.noise: Noise = owner.rng(name)
        self.seen = torch.zeros(owner.members, dtype=torch.int64, device=owner.device)
        # One place more than there is room for: what is not kept goes there.
        self.index = torch.zeros(owner.members, size + 1, dtype=torch.int64, device=owner.device)
        self.tasks = torch.zeros_like(self.index)
        self.extra: dict[str, Tensor] = {}

    @property
    def filled(self) -> Tensor:
        """`[R]`: how many samples each member has."""
        return self.seen.clamp(max=self.size)

    def add(self, batch: Batch, **extra: Tensor) -> None:
        """Show the reservoir a batch, in order."""
        places = self._places(batch.size)
        for name, value in extra.items():
            if name not in self.extra:
                self.extra[name] = value.new_zeros(len(value), self.size + 1, *value.shape[2:])
            spread = places.reshape(*places.shape, *(1,) * (value.dim() - 2)).expand_as(value)
            self.extra[name].scatter_(1, spread, value.detach())
        self.index.scatter_(1, places, batch.index)
        self.tasks.scatter_(1, places, batch.tasks)
        self.seen += batch.size

    def sample(self, size: int) -> Batch:
        """`size` samples with replacement; rows of a member whose reservoir is empty are marked as not valid."""
        batch, _ = self.sample_with(size)
        return batch

    def sample_with(self, size: int) -> tuple[Batch, dict[str, Tensor]]:
        """As `sample`, and the extra tensors of the same samples."""
        filled = self.filled
        drawn = self.noise.integers(filled.clamp(min=1)[:, None], size)
        valid = (filled > 0)[:, None].expand(-1, size)
        batch = self.owner.fetch(
            self.index.gather(1, drawn), self.tasks.gather(1, drawn), augment=True, valid=valid
        )
        rows = torch.arange(len(drawn), device=drawn.device)[:, None]
        return batch, {name: value[rows, drawn] for name, value in self.extra.items()}

    def samples(self) -> Samples:
        """All that it holds, for a phase that trains on it."""
        index, tasks = self.index[:, : self.size], self.tasks[:, : self.size]
        number = torch.arange(self.size, device=index.device)
        return Samples(index, tasks, number < self.filled[:, None])

    def _places(self, size: int) -> Tensor:
        number = self.seen[:, None] + torch.arange(size, device=self.seen.device)
        drawn = self.noise.integers(number + 1, size)
        places = torch.where(number < self.size, number, drawn).clamp(max=self.size)
        # Two samples of one batch may want one place: the later one has it, as if they had come one by one.
        order = torch.arange(size, device=places.device).expand_as(places)
        last = torch.full_like(self.index, -1).scatter_reduce(1, places, order, "amax")
        return torch.where(last.gather(1, places) == order, places, self.size)
