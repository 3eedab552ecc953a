"""The stability gap: what happens between the ends of tasks (`evaluate: {every: n}`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench import RunView, Undefined

from .base import Array, ShareOfSamples, earlier_tasks


@dataclass(frozen=True)
class Followed:
    """What was measured between the ends of tasks, K times."""

    accuracy: Array  # [K, T]; or [K, n], the last n tasks up to the one that was trained
    trained: Array  # [K], the task (from 1) that was trained at the time
    step: Array  # [K], of the whole stream
    learnt_after: Array  # [T], with which task each is learnt

    @property
    def tasks(self) -> int:
        """T."""
        return len(self.learnt_after)

    @property
    def every_task(self) -> Array:
        """`[K, T]`; `Undefined` where only the last tasks were followed."""
        width = self.accuracy.shape[1]
        if width < self.tasks:
            raise Undefined(
                f"within tasks only the last {width} were evaluated; it needs all tasks so far"
                if width > 1
                else "within tasks only the one trained was evaluated; it needs all tasks so far"
            )
        return self.accuracy

    def of_task(self, task: int) -> tuple[Array, Array]:
        """Accuracies on a task while it was trained, by itself or with others, and their steps."""
        when, width = self.learnt_after[task - 1], self.accuracy.shape[1]
        # In a full row task j is column j - 1; in a short one the last column is task `when`.
        own = task - 1 if width == self.tasks else width - 1 - (when - task)
        mine = self.trained == when
        if own < 0:
            raise Undefined(f"task {task} was not evaluated while it was trained")
        return self.accuracy[mine, own], self.step[mine]

    def since_begun(self, task: int) -> tuple[Array, Array]:
        """The same, and after how many steps of the task's training each was measured.

        The first evaluation in a task comes after as many steps as that of the stream.
        """
        heights, step = self.of_task(task)
        # `self.step[:1]` is the first step of the whole stream that was evaluated: the interval.
        return heights, step - step[:1] + self.step[:1]


def followed(run: RunView) -> Followed:
    """What was evaluated within tasks."""
    if "continual_accuracy" not in run.curves:
        raise Undefined(
            "it needs accuracies within tasks: write `evaluate: {every: 10}` in the protocol and "
            "run the suite again"
        )
    # Curves are filled up with NaN to the length of the longest member's.
    kept = ~np.isnan(run.curves["continual_task"])
    accuracy, trained, step = (
        run.curves[f"continual_{name}"][kept] for name in ("accuracy", "task", "step")
    )
    return Followed(accuracy, trained, step, run.learnt_after)


def lowest(run: RunView) -> float:
    """min-ACC: the mean over all tasks but the last of the lowest accuracy in later training."""
    earlier = earlier_tasks(run)
    found = followed(run)
    # `[K, T-1]`: which of the evaluations came while a later task was trained.
    while_later = found.trained[:, None] > found.learnt_after[earlier - 1]
    if not while_later.any(axis=0).all():
        raise Undefined(f"nothing was evaluated within task {run.tasks}")
    # inf where it does not count, so that the minimum leaves it out.
    lows = np.where(while_later, found.every_task[:, : len(earlier)], np.inf).min(axis=0)
    if np.isnan(lows).any():
        raise Undefined(
            f"task {np.flatnonzero(np.isnan(lows))[0] + 1} was not always evaluated while later "
            "tasks were trained"
        )
    return float(lows.mean())


class MinAccuracy(ShareOfSamples):
    """min-ACC = (1/(T-1)) sum_{j<T} min of task j's accuracy over all evaluations after its own
    training (De Lange et al. 2023).

    One evaluation every n steps sees the gap only as finely as that.
    """

    def value(self, run: RunView) -> float:
        return lowest(run)


class WorstCaseAccuracy(ShareOfSamples):
    """WC-ACC = R_TT / T + (1 - 1/T) min-ACC: old tasks at their worst (De Lange et al. 2023)."""

    def value(self, run: RunView) -> float:
        lows = lowest(run)
        return float(run.at(run.tasks, run.tasks) / run.tasks + (1 - 1 / run.tasks) * lows)
