"""Modules that are tried one after the other, so that the best one goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench import Stateful

if TYPE_CHECKING:
    from .module_sharing import Module, ModuleSharing


class Tryout(Stateful):
    """Trains each of a member's modules for some epochs, from the same head and structure, and goes on with the best.

    Members have unequal numbers of modules, `counts [R]`. One that has been through its own goes on from the
    one of the best validation accuracy (of equals the first), as that one was trained, while others
    still try. One that stops before keeps what it has.
    """

    def __init__(self, owner: ModuleSharing, modules: list[Module], counts: Tensor) -> None:
        self.owner = owner
        self.modules, self.counts = modules, counts
        self.start = self._trained()
        self.tried = [self._trained() for _ in modules]
        self.accuracy = torch.zeros(
            owner.members, len(modules), dtype=torch.float64, device=owner.device
        )
        # Entries are counted by age from here on, so that nobody's bits tell when a neighbour tries another.
        self._forget(torch.zeros_like(counts, dtype=torch.bool))

    def begin_epoch(self, epoch: int) -> None:
        """Judge what has been trained for its epochs, and go on with the next module or with the best."""
        done, rest = divmod(epoch, self.owner.tryout_epochs)
        if rest or done > len(self.modules):
            return
        tries = self.owner.active & (self.counts >= done)
        self._note(done - 1)
        is_next = tries & (self.counts > done)
        self._put(self.start, is_next)
        if done < len(self.modules):
            self.owner.install(self.modules[done], is_next)
        is_over = tries & (self.counts == done)
        best = self.accuracy[:, :done].argmax(1)
        for number, state in enumerate(self.tried[: done - 1]):
            self._put(state, is_over & (best == number))
        self._forget(is_next | (is_over & (best != done - 1)))

    def _note(self, number: int) -> None:
        owner = self.owner
        self.accuracy[:, number] = owner.accuracy(owner.task, "validation")
        self.tried[number] = self._trained()

    # ------------------------------------------------------------------ what is trained meanwhile

    def _live(self) -> list[Tensor]:
        """The candidate, the head, and the task's structure and gates."""
        owner, modular = self.owner, self.owner.modular
        candidate = modular.module_parameters(modular.candidate).values()
        return [*candidate, *owner.net.part("head").parameters(), *modular.task_parameters()]

    def _trained(self) -> list[Tensor]:
        return [value.detach().clone() for value in self._live()]

    def _put(self, state: list[Tensor], where: Tensor) -> None:
        """Let these members have this state."""
        for value, kept in zip(self._live(), state, strict=True):
            rows = where.view(-1, *(1,) * (value.dim() - 1))
            value.detach().copy_(torch.where(rows, kept, value.detach()))

    def _forget(self, where: Tensor) -> None:
        """Let the optimiser begin anew with these members' state."""
        for value in self._live():
            rows = where.view(-1, *(1,) * (value.dim() - 1))
            self.owner.optimizer.reset_entries(value, rows)
