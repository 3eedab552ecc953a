"""The metrics of learning-hive (github.com/vlongle/learning-hive, src/shell/utils/metric.py), under names of their own.

E_ij is the accuracy on task j just before training on task i, when the head of task i exists. A new head changes
nothing for older tasks, so E_ij = R_{i-1,j} for j < i; only E_ii differs, and that is what `accuracy_before` keeps.
Its "avg_acc" is `average_incremental_accuracy` here, its "final_acc" the mean of `final_accuracy`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from clbench import RecordMetric, RunView, Undefined

from .base import AccuracyMetric, Array, ShareOfSamples, every_task, later_tasks
from .gap import Followed, followed


class HiveForward(ShareOfSamples):
    """E_ii for each task i: its accuracy with its fresh head, no baseline subtracted; tables show the mean (learning-hive's "forward")."""

    summary = "mean"

    def value(self, run: RunView) -> Array | Undefined:
        missing = np.flatnonzero(np.isnan(run.accuracy_before))
        if missing.size or not run.tasks:
            return Undefined(
                f"task {missing[0] + 1} was not evaluated just before it was trained"
                if run.tasks
                else "there are no tasks"
            )
        return run.accuracy_before


class HiveBackward(AccuracyMetric):
    """Mean over all pairs j < i of R_ij - E_ij: the change during each task, every pair with equal weight ("backward" of learning-hive)."""

    def value(self, run: RunView) -> float:
        run.at(run.tasks, later_tasks(run) - 1)  # without old tasks there are no pairs to list
        trained, task = (index + 1 for index in np.tril_indices(run.tasks, -1))
        return float((run.at(trained, task) - run.at(trained - 1, task)).mean())


class Catastrophic(RecordMetric):
    """100 (1/T) sum_j (R_jj - R_Tj), in points: the last task counts, with 0 (learning-hive). Positive is bad."""

    higher_is_better = False
    unit = "points"

    def value(self, run: RunView) -> float:
        later_tasks(run)
        task = every_task(run)
        return float(100 * (run.at(task, task) - run.at(run.tasks, task)).mean())


class HiveAuc(ShareOfSamples):
    """Area under the accuracy curve within each task, by trapezoids, over the curve's length: its mean height; tables show the mean.

    learning-hive does not divide by the length: its figure is this one times the epochs a task. Needs `evaluate: {every: n}`.
    """

    summary = "mean"
    # Accuracy over the tasks so far, or on the task being trained.
    curve: Literal["average", "current"] = "average"

    def value(self, run: RunView) -> Array:
        found = followed(run)
        return np.array([self._area(found, task) for task in every_task(run)])

    def _area(self, found: Followed, task: int) -> float:
        height, steps = self._curve(found, task)
        if len(steps) < 2:
            raise Undefined(f"task {task} was evaluated less than twice while it was trained")
        if np.isnan(height).any():
            raise Undefined(f"not every task so far was evaluated while task {task} was trained")
        return float(
            (np.diff(steps) * (height[1:] + height[:-1]) / 2).sum() / (steps[-1] - steps[0])
        )

    def _curve(self, found: Followed, task: int) -> tuple[Array, Array]:
        """Accuracies within a task, and their steps."""
        if self.curve == "current":
            return found.of_task(task)
        mine = found.trained == task
        return found.every_task[mine, :task].mean(axis=1), found.step[mine]
