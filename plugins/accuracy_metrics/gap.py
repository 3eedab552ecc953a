"""The stability gap: what happens between the ends of tasks. Needs `evaluate: {every: n}` in the protocol."""

from __future__ import annotations

import numpy as np

from clbench import RunView, Undefined

from .base import Array, ShareOfSamples, later_tasks


def followed(run: RunView) -> tuple[Array, Array]:
    """Accuracies within tasks `[K, T]`, and the task (from 1) that was trained at the time, `[K]`."""
    if "continual_accuracy" not in run.curves:
        raise Undefined(
            "it needs accuracies within tasks: write `evaluate: {every: 10}` in the protocol and run the suite again"
        )
    trained = run.curves["continual_task"]
    kept = ~np.isnan(trained)
    return run.curves["continual_accuracy"][kept], trained[kept]


def lowest(run: RunView) -> float:
    """min-ACC: the mean over all tasks but the last of the lowest accuracy while later tasks are trained."""
    earlier = later_tasks(run) - 1
    accuracy, trained = followed(run)
    while_later = trained[:, None] > earlier
    if not while_later.any(axis=0).all():
        raise Undefined(f"nothing was evaluated within task {run.tasks}")
    lows = np.where(while_later, accuracy[:, : len(earlier)], np.inf).min(axis=0)
    if np.isnan(lows).any():
        raise Undefined(
            f"task {np.flatnonzero(np.isnan(lows))[0] + 1} was not always evaluated while later tasks were trained"
        )
    return float(lows.mean())


class MinAccuracy(ShareOfSamples):
    """min-ACC = (1/(T-1)) sum_{j<T} min of task j's accuracy over all evaluations after its own training (De Lange et al. 2023).

    One evaluation every n steps sees the gap only as finely as that.
    """

    def value(self, run: RunView) -> float:
        return lowest(run)


class WorstCaseAccuracy(ShareOfSamples):
    """WC-ACC = (1/T) R_TT + (1 - 1/T) min-ACC: the current task now, the others at their worst (De Lange et al. 2023)."""

    def value(self, run: RunView) -> float:
        lows = lowest(run)
        return float(run.at(run.tasks, run.tasks) / run.tasks + (1 - 1 / run.tasks) * lows)
