"""The learning rate of every optimiser of a job, as the schedule and the phase ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from clbench.engine.solo_runner import SoloRunner
from clbench.engine.strategy import Strategy, whole
from clbench.engine.task import Phase
from clbench.schedules import schedule_factor
from clbench.stack import Optimizer
from clbench.stack.state import objects


class Rates:
    """Sets the rate of every optimiser: the network's, and those a method made beside it.

    Where neither schedule nor phase says anything, nothing is set, and what a method sets stands.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._forget()

    def begin_epoch(self, phase: Phase) -> None:
        """Set the phase's rate, where it stays as it is."""
        self._forget()  # the hooks before an epoch may have made others
        if phase.lr is not None and self._schedule(phase) == "none":
            self._set(phase.lr, None)

    def begin_step(self, phase: Phase, done: Sequence[int], totals: Sequence[int]) -> None:
        """Set the scheduled rate of every member, by how far it is in the phase."""
        schedule = self._schedule(phase)
        if schedule == "none":
            return
        factors = [
            schedule_factor(schedule, steps / max(1, total))
            for steps, total in zip(done, totals, strict=True)
        ]
        self._set(phase.lr, factors)

    def end_phase(self) -> None:
        """Give every optimiser its own rate again."""
        self._forget()
        self._set(None, None)

    def are_set_by(self, phase: Phase) -> bool:
        """Whether the phase has rates of its own, that must not outlast it."""
        return phase.lr is not None or phase.schedule is not None

    def _schedule(self, phase: Phase) -> Any:
        return self.strategy.protocol.schedule if phase.schedule is None else phase.schedule

    def _forget(self) -> None:
        """Look for the optimisers again."""
        self.stacked: list[Optimizer] | None = None
        self.of_members: list[tuple[int, torch.optim.Optimizer]] | None = None

    def _set(self, lr: float | None, factors: Sequence[float] | None) -> None:
        """This rate, or each optimiser's own, times a factor a member."""
        if isinstance(self.strategy, SoloRunner):
            if self.of_members is None:
                self.of_members = self.strategy.scheduled_optimizers()
            self.strategy.set_rates(self.of_members, lr, factors)
            return
        if self.stacked is None:
            held = objects(whole(self.strategy))
            self.stacked = [item for _, item in held if isinstance(item, Optimizer)]
        for optimizer in self.stacked:
            rate = optimizer.own_lr if lr is None else lr
            if factors is None:
                optimizer.set_lr(rate)
            else:
                optimizer.set_lr(torch.tensor([rate * factor for factor in factors]))
