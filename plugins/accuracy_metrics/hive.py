"""The metrics of learning-hive (github.com/vlongle/learning-hive), under names of their own.

E_ij is the accuracy on task j just before training on task i, when the head of task i exists. A new
head changes nothing for older tasks, so E_ij = R_{i-1,j} for j < i; only E_ii differs, and that is
what `accuracy_before` keeps. Its "avg_acc" is `average_incremental_accuracy` here, its "final_acc"
the mean of `final_accuracy`.

Where the first k tasks are trained together, there are no rows before the k-th; that one begins
with the untrained network, so E_kj = R_0j, and each of the k tasks has come to the end of its own
training with it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import NonNegativeInt

from clbench import RecordMetric, RunView, Undefined

from .base import (
    AccuracyMetric,
    Array,
    ShareOfSamples,
    every_task,
    later_tasks,
    learnt,
    tested_after,
)
from .gap import Followed, followed


class HiveForward(ShareOfSamples):
    """E_ii for each task i: its accuracy with its fresh head, no baseline subtracted; tables show
    the mean (learning-hive's "forward").

    With an untrained head it is at chance; its published values are far above, so they were read
    later. `steps` reads it after so many steps of the task's training: 20 epochs of a task of 128
    samples in batches of 64 are 40 steps. Where the first k tasks are trained together, over tasks
    k and on.
    """

    summary = "mean"
    # 0: before the task is trained; n: after so many steps of it, which `evaluate: {every: n}`
    # measures.
    steps: NonNegativeInt = 0

    def value(self, run: RunView) -> Array | Undefined:
        if not run.tasks:
            return Undefined("there are no tasks")
        return self._after_steps(run) if self.steps else _untrained(run)

    def _after_steps(self, run: RunView) -> Array:
        found = followed(run)
        return np.array([self._within(found, task) for task in tested_after(run).tolist()])

    def _within(self, found: Followed, task: int) -> float:
        heights, since = found.since_begun(task)
        reached = heights[since == self.steps]
        if not len(reached) or np.isnan(reached).any():
            raise Undefined(
                f"task {task} was not evaluated after {self.steps} steps of its training:"
                " `evaluate: {every: n}` in the protocol does it where n divides them"
            )
        return float(reached[0])


class HiveBackward(AccuracyMetric):
    """Mean over all pairs j < i of R_ij - E_ij: the change during each task, every pair with equal
    weight ("backward" of learning-hive).

    Where the first k tasks are trained together, over i = k..T. What the first k-1 of them gain
    when they are learnt counts, as it does in learning-hive: it can make this number positive where
    nothing is transferred backward.
    """

    def value(self, run: RunView) -> float:
        later_tasks(run)  # without old tasks there are no pairs to list
        first = run.trained_together
        trained, task = _pairs(first, run.tasks)
        # E_ij = R_{i-1,j}; of the first joint training it is the untrained network, row 0.
        before = np.where(trained > first, trained - 1, 0)
        return float((run.at(trained, task) - run.at(before, task)).mean())


class Catastrophic(RecordMetric):
    """100 (1/T) sum_j (R_jj - R_Tj), in points: the last task counts, with 0 (learning-hive).
    Positive is bad.

    Of k tasks that are trained together first R_jj is R_kj.
    """

    higher_is_better = False
    unit = "points"

    def value(self, run: RunView) -> float:
        later_tasks(run)
        # In points.
        return float(100 * (learnt(run) - run.at(run.tasks, every_task(run))).mean())


class HiveAuc(ShareOfSamples):
    """Area under the accuracy curve within each task, by trapezoids, over the curve's length: its
    mean height; tables show the mean.

    learning-hive does not divide by the length: its figure is this one times the epochs a task.
    Needs `evaluate: {every: n}`. Where the first k tasks are trained together, over tasks k and on.
    """

    summary = "mean"
    # Accuracy over the tasks so far, or on the task being trained.
    curve: Literal["average", "current"] = "average"

    def value(self, run: RunView) -> Array:
        found = followed(run)
        return np.array([self._area(found, task) for task in tested_after(run).tolist()])

    def _area(self, found: Followed, task: int) -> float:
        height, steps = self._curve(found, task)
        if len(steps) < 2:
            raise Undefined(f"task {task} was evaluated less than twice while it was trained")
        if np.isnan(height).any():
            raise Undefined(f"not every task so far was evaluated while task {task} was trained")
        return _mean_height(height, steps)

    def _curve(self, found: Followed, task: int) -> tuple[Array, Array]:
        """Accuracies within a task, and their steps."""
        if self.curve == "current":
            return found.of_task(task)
        mine = found.trained == task
        return found.every_task[mine, :task].mean(axis=1), found.step[mine]


def _untrained(run: RunView) -> Array | Undefined:
    """Just before each task is trained, from the first task that is trained by itself on."""
    missing = np.flatnonzero(np.isnan(run.accuracy_before))
    if missing.size:
        return Undefined(f"task {missing[0] + 1} was not evaluated just before it was trained")
    # Entry k - 1 is task k, with which the first k tasks are trained.
    return run.accuracy_before[run.trained_together - 1 :]


def _pairs(first: int, tasks: int) -> tuple[Array, Array]:
    """All (i, j) with j < i, counted from 1, that have i >= first."""
    trained, task = (index + 1 for index in np.tril_indices(tasks, -1))
    kept = trained >= first
    return trained[kept], task[kept]


def _mean_height(height: Array, steps: Array) -> float:
    """The area of the trapezoids between the evaluations, over the length of the curve."""
    areas = np.diff(steps) * (height[1:] + height[:-1]) / 2
    return float(areas.sum() / (steps[-1] - steps[0]))
