"""What tasks do to each other. With one task all of these are undefined, not 0."""

from __future__ import annotations

import numpy as np

from clbench import RunView

from .base import AccuracyMetric, Array, ShareOfSamples, every_task, joint_accuracy, later_tasks


class ForwardTransfer(AccuracyMetric):
    """(1/(T-1)) sum_{i>=2} (R_{i-1,i} - b_i), b the untrained network's accuracies (Lopez-Paz & Ranzato 2017).

    Needs accuracies on tasks before they are trained. With a head a task, the task's head is untrained then.
    """

    def value(self, run: RunView) -> float:
        later = later_tasks(run)
        return float((run.at(later - 1, later) - run.at(0, later)).mean())


class BackwardTransfer(AccuracyMetric):
    """(1/(T-1)) sum_{j<T} (R_Tj - R_jj): what later tasks did to earlier ones (Lopez-Paz & Ranzato 2017)."""

    def value(self, run: RunView) -> float:
        return -_lost(run)


class ForgettingDiagonal(AccuracyMetric):
    """(1/(T-1)) sum_{j<T} (R_jj - R_Tj) = -backward_transfer: lost since each task was learnt (Avalanche's forgetting)."""

    higher_is_better = False

    def value(self, run: RunView) -> float:
        return _lost(run)


class Forgetting(AccuracyMetric):
    """F_k = (1/(k-1)) sum_{j<k} (max_{l<k} R_lj - R_kj) after each task k >= 2; tables show F_T (Chaudhry et al. 2018).

    The maximum includes l < j, accuracies before the task was trained, and leaves the last row out: forgetting may
    be negative, and is not clipped.
    """

    higher_is_better = False

    def value(self, run: RunView) -> Array:
        later = later_tasks(run)
        matrix = run.at(every_task(run)[:, None], every_task(run)[:-1])
        best = np.maximum.accumulate(matrix)
        after = [(best[k - 2, : k - 1] - matrix[k - 1, : k - 1]).mean() for k in later]
        return np.array([np.nan, *after])


class ForgettingColumn(AccuracyMetric):
    """(1/(T-1)) sum_{j<T} (max_l R_lj - R_Tj), the maximum over the whole column with the last row, so never negative (Mammoth)."""

    higher_is_better = False

    def value(self, run: RunView) -> float:
        earlier = later_tasks(run) - 1
        matrix = run.at(every_task(run)[:, None], earlier)
        return float((matrix.max(axis=0) - matrix[-1]).mean())


class Intransigence(AccuracyMetric):
    """I_k = a*_k - R_kk for each task k, a* the accuracy of joint training on the same stream; tables show the mean (Chaudhry et al. 2018).

    Needs a `joint` cell of the same scenario in the record.
    """

    higher_is_better = False
    summary = "mean"

    def value(self, run: RunView) -> Array:
        return joint_accuracy(run) - run.at(every_task(run), every_task(run))


class ZeroShotAccuracy(ShareOfSamples):
    """(1/(T-1)) sum_{i>=2} R_{i-1,i}: a task's accuracy just before it is trained, from the accuracy matrix.

    `hive_forward` is the same with the task's own head in place, and with the first task.
    """

    def value(self, run: RunView) -> float:
        later = later_tasks(run)
        return float(run.at(later - 1, later).mean())


def _lost(run: RunView) -> float:
    earlier = later_tasks(run) - 1
    return float((run.at(earlier, earlier) - run.at(run.tasks, earlier)).mean())
