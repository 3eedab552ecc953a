"""What tasks do to each other. With one task all of these are undefined, not 0.

Where the first k tasks are trained together, R_jj stands for R_kj of these, and sums over tasks
that come after others begin with task k+1.
"""

from __future__ import annotations

import numpy as np
from pydantic import PositiveInt

from clbench import RunView, Undefined

from .base import (
    AccuracyMetric,
    Array,
    ShareOfSamples,
    after_each,
    earlier_tasks,
    joint_accuracy,
    later_tasks,
    learnt,
    tested_after,
)


class ForwardTransfer(AccuracyMetric):
    """(1/(T-1)) sum_{i>=2} (R_{i-1,i} - b_i), b the untrained network's accuracies (Lopez-Paz &
    Ranzato 2017).

    Needs accuracies on tasks before they are trained. With a head a task, the task's head is
    untrained then.
    """

    def value(self, run: RunView) -> float:
        later = later_tasks(run)
        return float((run.at(later - 1, later) - run.at(0, later)).mean())


class BackwardTransfer(AccuracyMetric):
    """(1/(T-1)) sum_{j<T} (R_Tj - R_jj): what later tasks did to earlier ones (Lopez-Paz & Ranzato
    2017).
    """

    def value(self, run: RunView) -> float:
        return -_lost(run)


class ForgettingDiagonal(AccuracyMetric):
    """(1/(T-1)) sum_{j<T} (R_jj - R_Tj) = -backward_transfer: lost since each task was learnt
    (Avalanche's forgetting).
    """

    higher_is_better = False

    def value(self, run: RunView) -> float:
        return _lost(run)


class Forgetting(AccuracyMetric):
    """F_k = (1/(k-1)) sum_{j<k} (max_{l<k} R_lj - R_kj) after each task k >= 2; tables show F_T
    (Chaudhry et al. 2018).

    The maximum includes l < j, accuracies before the task was trained, and leaves the last row out:
    forgetting may be negative, and is not clipped.
    """

    higher_is_better = False

    def value(self, run: RunView) -> Array:
        later = later_tasks(run)
        # Rows are l = k..T, columns the tasks j < T.
        matrix = run.at(tested_after(run)[:, None], earlier_tasks(run))
        # Running maximum over rows: row r has max_{l <= k+r}, so the last row of a comparison is
        # left out.
        best = np.maximum.accumulate(matrix)
        lost = best[:-1] - matrix[1:]
        # After task k over the tasks before it.
        return after_each(
            run, [row[: task - 1].mean() for row, task in zip(lost, later, strict=True)]
        )


class ForgettingColumn(AccuracyMetric):
    """(1/(T-1)) sum_{j<T} (max_l R_lj - R_Tj), the maximum over the whole column with the last row,
    so never negative (Mammoth).
    """

    higher_is_better = False

    def value(self, run: RunView) -> float:
        matrix = run.at(tested_after(run)[:, None], earlier_tasks(run))
        # With the last row, so at least 0.
        return float((matrix.max(axis=0) - matrix[-1]).mean())


class OneStepBackwardTransfer(AccuracyMetric):
    """(1/(T-1)) sum_{i>=2} (R_{i,i-1} - R_{i-1,i-1}): what a task does to the one before it (Kumar
    et al. 2023).

    `evaluate: {last: 2}` measures all that it needs, in a stream of any length.
    """

    def value(self, run: RunView) -> float:
        later = later_tasks(run)
        return float((run.at(later, later - 1) - run.at(later - 1, later - 1)).mean())


class WindowedForgetting(AccuracyMetric):
    """F_k over the tasks learnt last: (1/w) sum_{j=k-w..k-1} (max_{j<=l<k} R_lj - R_kj) after each
    task k >= 2.

    `w` is `window`, or k - 1 where there are fewer tasks; tables show F_T. Chaudhry's forgetting,
    but for accuracies before a task was trained, over as many tasks as a long stream can test
    again: `evaluate: {last: w + 1}`. (WF of De Lange et al. 2023, the largest drop within a number
    of evaluations, is another one.)
    """

    higher_is_better = False
    window: PositiveInt = 10  # tasks

    def value(self, run: RunView) -> Array:
        try:
            lost = [self._after(run, task) for task in later_tasks(run)]
        except Undefined as lacking:
            raise Undefined(
                f"{lacking.reason} (`evaluate: {{last: {self.window + 1}}}` in the protocol"
                " measures all that is needed)"
                if run.tasks > 1
                else lacking.reason
            ) from None
        return after_each(run, lost)

    def _after(self, run: RunView, task: int) -> float:
        """F_k."""
        # The w tasks before task k.
        before = np.arange(max(1, task - self.window), task)
        # In place of an accuracy before the task was learnt stands that when it was: no maximum
        # changes by a number that is there twice.
        # `[w, w]`: after task l, for each of these j.
        rows = np.maximum(before[:, None], run.learnt_after[before - 1])
        best = run.at(rows, before).max(axis=0)
        return float((best - run.at(task, before)).mean())


class Intransigence(AccuracyMetric):
    """I_k = a*_k - R_kk for each task k, a* the accuracy of joint training on the same stream;
    tables show the mean (Chaudhry et al. 2018).

    Needs a `joint` cell of the same scenario in the record.
    """

    higher_is_better = False
    summary = "mean"

    def value(self, run: RunView) -> Array:
        return joint_accuracy(run) - learnt(run)


class ZeroShotAccuracy(ShareOfSamples):
    """(1/(T-1)) sum_{i>=2} R_{i-1,i}: a task's accuracy just before it is trained, from the matrix.

    `hive_forward` is the same with the task's own head in place, and with the first task.
    """

    def value(self, run: RunView) -> float:
        later = later_tasks(run)
        return float(run.at(later - 1, later).mean())


def _lost(run: RunView) -> float:
    earlier = earlier_tasks(run)
    # R_jj, or R_kj of tasks trained together first.
    when = run.learnt_after[earlier - 1]
    return float((run.at(when, earlier) - run.at(run.tasks, earlier)).mean())
