"""The learning rate of every optimiser of a job, as the schedule and the phase ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clbench.engine.learner import Learner, RateSetter
from clbench.engine.task import Phase
from clbench.schedules import schedule_factor


class Rates:
    """Sets the rate of every optimiser: the network's, and those a method made beside it.

    Where neither schedule nor phase says anything, nothing is set, and what a method sets stands.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
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
        # Each member by its own progress: members may have unequal numbers of steps.
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
        return self.learner.protocol.schedule if phase.schedule is None else phase.schedule

    def _forget(self) -> None:
        """Look for the optimisers again."""
        self.setters: Sequence[RateSetter] | None = None

    def _set(self, lr: float | None, factors: Sequence[float] | None) -> None:
        """This rate, or each optimiser's own, times a factor a member."""
        if self.setters is None:
            self.setters = self.learner.rates()
        for setter in self.setters:
            setter.set_rate(lr, factors)
