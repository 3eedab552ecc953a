"""How well new tasks are learnt: against a fresh network, and how fast."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import PositiveInt

from clbench import RunView, Undefined

from .accuracy import online_accuracy
from .base import AccuracyMetric, Array, ShareOfSamples, every_task, learnt, reference_run
from .gap import Followed, followed


class PlasticityLoss(AccuracyMetric):
    """L_i = S_i - R_ii for each task i, S_i what a fresh network (`scratch`) reaches on it; tables
    show the mean.

    Above 0 where the method learns a task less well than a network that has learnt nothing before
    (loss of plasticity: Dohare et al. 2024), below 0 where what it learnt before helps. Needs a
    `scratch` cell of the same scenario in the record.
    """

    higher_is_better = False
    summary = "mean"
    # Accuracy on a task's test samples once it is learnt, or on its training batches before each
    # update.
    accuracy: Literal["learnt", "online"] = "learnt"
    # The mean over so many tasks at the end of the stream alone; none: a value for every task.
    last: PositiveInt | None = None

    def value(self, run: RunView) -> Array | float:
        fresh = self._of(reference_run(run, "scratch"))
        # S_i, on the same seed and stream.
        loss: Array = fresh - self._of(run)
        return loss if self.last is None else float(loss[-self.last :].mean())

    def _of(self, run: RunView) -> Array:
        if self.accuracy == "learnt":
            return learnt(run)
        online = online_accuracy(run)
        if len(online) < run.tasks:
            raise Undefined(
                f"the online accuracy of {run.tasks - len(online)} of {run.tasks} tasks is missing"
                f" in the run of {run.label}"
            )
        return online


class LearningCurveArea(ShareOfSamples):
    """The mean height of the learning curve of each task i: its accuracy before training and at
    each evaluation in it.

    LCA = 1/(B+1) sum_{b=0..B} a_i(b), a_i(b) the accuracy on task i after b evaluation intervals
    of its training, a_i(0) = E_ii; tables show the mean over tasks. With `evaluate: {every: 1}`
    and `steps: 10` this is LCA_10 of Chaudhry et al. 2019 (A-GEM), which is high where tasks are
    learnt fast. Needs `evaluate: {every: n}`.
    """

    summary = "mean"
    # The first so many steps of a task's training; none: all of it.
    steps: PositiveInt | None = None

    def value(self, run: RunView) -> Array:
        found = followed(run)
        return np.array([self._area(run, found, task) for task in every_task(run)])

    def _area(self, run: RunView, found: Followed, task: int) -> float:
        heights, since = found.since_begun(task)
        before = run.accuracy_before[task - 1]
        if np.isnan(before):
            raise Undefined(f"task {task} was not evaluated just before it was trained")
        heights = self._counted(task, heights, since)
        # a(0), and one value for each interval after it.
        return float((before + heights.sum()) / (1 + len(heights)))

    def _counted(self, task: int, heights: Array, since: Array) -> Array:
        """Accuracies on a task in its own training, as far as they count."""
        if not len(heights) or np.isnan(heights).any():
            raise Undefined(f"task {task} was not evaluated while it was trained")
        if self.steps is None:
            return heights
        if since.min() > self.steps:
            raise Undefined(f"nothing was evaluated in the first {self.steps} steps of task {task}")
        return heights[since <= self.steps]
