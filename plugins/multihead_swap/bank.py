"""The heads of every member, kept where members may have unequal numbers of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from clbench import Stateful, beside


class HeadBank(Stateful):
    """`params[name] [R, H, ...]`, H being the largest number of heads that a member has.

    The head that a member trains is in its network, and the bank has a slot for it. `outputs [R, H,
    C]` are those that a head was trained on. The tables grow as tasks begin; a member that has
    fewer heads than others has zeros behind its own.
    """

    def __init__(self, head: Mapping[str, Tensor], classes: int) -> None:
        self.params = {name: value.detach()[:, None].clone() for name, value in head.items()}
        first = next(iter(self.params.values()))
        members, device = first.shape[0], first.device
        self.outputs = torch.ones(members, 1, classes, dtype=torch.bool, device=device)
        self.count = torch.zeros(members, dtype=torch.int64, device=device)  # heads begun
        self.slot = torch.zeros(members, dtype=torch.int64, device=device)  # of the one trained

    @property
    def width(self) -> int:
        """H."""
        return self.outputs.shape[1]

    @property
    def exists(self) -> Tensor:
        """`[R, H]`: which heads a member has; one at least, for the untrained network has one."""
        numbers = torch.arange(self.width, device=self.count.device)
        return numbers < self.count.clamp(min=1)[:, None]

    def begin(self, slot: Tensor, outputs: Tensor) -> None:
        """From here on the heads of these slots `[R]` are trained, on these outputs `[R, C]`."""
        self._grow(int(slot.max()) + 1)
        rows = members_of(slot)
        is_new = slot >= self.count
        # A slot that is begun for the first time forgets that all outputs counted there.
        before = self.outputs[rows, slot] & ~is_new[:, None]
        self.outputs[rows, slot] = before | outputs
        self.count = torch.maximum(self.count, slot + 1)
        self.slot = slot

    def _grow(self, width: int) -> None:
        """Make room for so many heads."""
        # H grows by what the member with the most heads needs.
        more = width - self.width
        if more <= 0:
            return
        for name, value in self.params.items():
            empty = value.new_zeros(value.shape[0], more, *value.shape[2:])
            self.params[name] = torch.cat([value, empty], dim=1)
        # Of a head that is not there all outputs count: a soft-max over none has no value.
        every = torch.ones_like(self.outputs[:, :1]).expand(-1, more, -1)
        self.outputs = torch.cat([self.outputs, every], dim=1)

    def store(self, head: Mapping[str, Tensor]) -> None:
        """Keep the network's heads in their slots."""
        rows = members_of(self.slot)
        for name, value in head.items():
            self.params[name][rows, self.slot] = value.detach()

    def take(self, slot: Tensor) -> dict[str, Tensor]:
        """The heads in these slots `[R]`."""
        rows = members_of(slot)
        return {name: value[rows, slot] for name, value in self.params.items()}

    def head(self, number: int, network: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every member's head of this number; the one in training as the network has it now."""
        is_trained = self.slot == number
        found = {}
        for name, value in network.items():
            here = beside(is_trained, value)
            found[name] = torch.where(here, value.detach(), self.params[name][:, number])
        return found

    def numbers(self) -> int:
        """Of one head of one member."""
        return sum(value[0, 0].numel() for value in self.params.values())

    def stands_for(self) -> list[float]:
        """The heads that are not in the network, and the outputs of all."""
        one = sum(value[0, 0].nbytes for value in self.params.values())
        counts = self.count.clamp(min=1).tolist()
        beside = self.count[0].nbytes + self.slot[0].nbytes
        flags = self.outputs[0, 0].nbytes
        # The head that is trained is counted with the network.
        return [float((count - 1) * one + count * flags + beside) for count in counts]


def members_of(table: Tensor) -> Tensor:
    """`[R]`: each member's number, to look up one thing of each."""
    return torch.arange(len(table), device=table.device)
