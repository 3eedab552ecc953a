"""Modules that are tried one after the other, so that the best one goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench import Stateful, beside

if TYPE_CHECKING:
    from .module_sharing import ModuleSharing

State = list[Tensor]  # what is trained of a new task, `[R, ...]` each


class Tryout(Stateful):
    """Trains each of a member's modules for some epochs, and goes on with the best.

    Members have unequal numbers of modules, `counts [R]`. One that has been through its own goes on
    from the one of the best validation accuracy (of equals the first), as that one was trained,
    while others still try. One that stops before keeps what it has.
    """

    def __init__(self, owner: ModuleSharing, beginnings: list[State], counts: Tensor) -> None:
        self.owner = owner
        self.beginnings, self.counts = beginnings, counts
        self.tried = [self._trained() for _ in beginnings]
        self.accuracy = torch.zeros(
            owner.members, len(beginnings), dtype=torch.float64, device=owner.device
        )
        # Entries are counted by age from here on, so that nobody's bits tell when a neighbour tries
        # another.
        self._forget(torch.zeros_like(counts, dtype=torch.bool))

    def begin_epoch(self, epoch: int) -> None:
        """Judge what has been trained for its epochs; go on with the next module or the best."""
        # Modules tried in full by now.
        done, rest = divmod(epoch, self.owner.tryout_epochs)
        if rest or done > len(self.beginnings):
            return
        self._note(done - 1)
        # Members with a module left to try go on to it; those without go on from their best.
        is_next = self.owner.active & (self.counts > done)
        if done < len(self.beginnings):
            self.owner.put(self.beginnings[done], is_next)
        is_over = self.owner.active & (self.counts == done)
        self._forget(is_next | self._go_on_from_best(done, is_over))

    def _go_on_from_best(self, done: int, where: Tensor) -> Tensor:
        """Of the first so many; `[R]`: who was given another state than it had."""
        best = self.accuracy[:, :done].argmax(1)
        # The one tried last is in the network as it is: it needs no copy.
        for number, state in enumerate(self.tried[: done - 1]):
            self.owner.put(state, where & (best == number))
        return where & (best != done - 1)

    def _note(self, number: int) -> None:
        owner = self.owner
        self.accuracy[:, number] = owner.accuracy(owner.task, "validation")
        self.tried[number] = self._trained()

    def _trained(self) -> State:
        return [value.detach().clone() for value in self.owner.live()]

    def _forget(self, where: Tensor) -> None:
        """Let the optimiser begin anew with these members' state."""
        for value in self.owner.live():
            rows = beside(where, value)
            self.owner.optimizer.reset_entries(value, rows)
