"""How much is known, and when."""

from __future__ import annotations

import numpy as np

from clbench import RunView, Undefined

from .base import (
    AccuracyMetric,
    Array,
    ShareOfSamples,
    every_task,
    joint_accuracy,
    learnt,
    noted_after_each,
    tested_after,
)


class AverageAccuracy(ShareOfSamples):
    """A_i = (1/i) sum_{j<=i} R_ij after each task i; tables show A_T (Lopez-Paz & Ranzato 2017,
    Chaudhry et al. 2018).
    """

    def value(self, run: RunView) -> Array:
        run.at(run.tasks, every_task(run))  # without the last row there is no A_T
        return run.averages


class FinalAccuracy(ShareOfSamples):
    """R_Tj for each task j; tables show the unweighted mean (1/T) sum_j R_Tj, which is the "ACC" of
    Lopez-Paz & Ranzato 2017.
    """

    summary = "mean"

    def value(self, run: RunView) -> Array:
        return run.at(run.tasks, every_task(run))


class AverageIncrementalAccuracy(ShareOfSamples):
    """(1/T) sum_i A_i with A_i = (1/i) sum_{j<=i} R_ij: the mean over time (Rebuffi et al. 2017;
    "avg_acc" of learning-hive).

    Where the first k tasks are trained together, over i = k..T.
    """

    def value(self, run: RunView) -> float:
        tested = tested_after(run)
        # A row that is not complete would make its A_i NaN, and so the mean: named instead.
        for task in tested:
            run.at(task, np.arange(1, task + 1))
        # `averages[i - 1]` is A_i.
        return float(run.averages[tested - 1].mean())


class LearningAccuracy(ShareOfSamples):
    """R_ii for each task i, just after it was learnt; tables show the mean (Riemer et al. 2019).

    Of k tasks that are trained together first it is R_ki.
    """

    summary = "mean"

    def value(self, run: RunView) -> Array:
        return learnt(run)


class FirstTaskAccuracy(ShareOfSamples):
    """R_i1, the accuracy on the first task after each task i; tables show it after the last."""

    def value(self, run: RunView) -> Array:
        run.at(run.tasks, 1)  # what tables show
        return np.array([self._after(run, task) for task in every_task(run)])

    def _after(self, run: RunView, task: int) -> float:
        try:
            return float(run.at(task, 1))
        except Undefined:  # it was not tested then, or, in joint training, nothing was
            return float("nan")


class LastTaskAccuracy(ShareOfSamples):
    """R_TT: the accuracy on the last task, just after it was learnt."""

    def value(self, run: RunView) -> float:
        return float(run.at(run.tasks, run.tasks))


class WorstAccuracy(ShareOfSamples):
    """min_j R_Tj: the task that is known worst at the end."""

    def value(self, run: RunView) -> float:
        return float(run.at(run.tasks, every_task(run)).min())


class RelativeAccuracy(AccuracyMetric):
    """R_Tj / a*_j for each task j, a* the accuracy of joint training on the same stream; tables
    show the mean ("normalised accuracy").
    """

    summary = "mean"

    def value(self, run: RunView) -> Array | Undefined:
        final, reference = run.at(run.tasks, every_task(run)), joint_accuracy(run)
        if (reference == 0).any():
            return Undefined(
                f"joint training knows nothing of task {np.flatnonzero(reference == 0)[0] + 1}"
            )
        return final / reference


class OnlineAccuracy(ShareOfSamples):
    """Share of right predictions on training batches before the update with them, by task; tables
    show the mean (Dohare et al. 2024).
    """

    summary = "mean"
    needs = ("online_accuracy",)

    def value(self, run: RunView) -> Array:
        return online_accuracy(run)


class TrainAccuracy(ShareOfSamples):
    """Share of right predictions on the training batches of each epoch, before the update with them
    (Dohare et al. 2024).

    A value an epoch, through all tasks; tables show the mean. With one epoch a task it is
    `online_accuracy`.
    """

    summary = "mean"
    needs = ("train_accuracy",)

    def value(self, run: RunView) -> Array:
        return asked_curve(run, "train_accuracy")


def online_accuracy(run: RunView) -> Array:
    """`[T]`: the share of right predictions on each task's training batches before the update."""
    return asked_curve(run, "online_accuracy")


def asked_curve(run: RunView, name: str) -> Array:
    """A curve that the engine writes where a metric of the same name asks for it."""
    curve = run.curves.get(name)
    if curve is None:
        raise Undefined(
            f"the {name.replace('_', ' ')} of {run.label} was not measured; add {name} to the"
            " suite's metrics and run the suite again"
        )
    values: Array = curve[~np.isnan(curve)]
    return values


class PlasticitySlope(AccuracyMetric):
    """The least-squares slope of R_ii on i, a task: negative where later tasks are learnt less well
    (loss of plasticity).

    Of k tasks that are trained together first all are learnt at i = k.
    """

    def value(self, run: RunView) -> float | Undefined:
        if run.tasks < 2:
            return Undefined("it needs two tasks")
        when = run.learnt_after
        # sum (i - mean i) R_ii / sum (i - mean i)^2: the mean of R_ii drops out.
        centred = when - when.mean()
        return float(centred @ learnt(run) / (centred @ centred))


class RecencyBias(AccuracyMetric):
    """The share of predictions that fall on the last task's classes, minus the share of samples
    that do, after each task i.

    Over the test sets of tasks 1..i, which weigh alike; tables show it after the last task. With
    as many samples a task it is 1 - 1/i where everything is taken for the last task, 0 where
    classes are predicted as often as they occur. Of which outputs compete (`logits`) it says much.
    """

    higher_is_better = False
    needs = ("recency",)

    def value(self, run: RunView) -> Array | Undefined:
        if "recency" not in run.note_names:
            return Undefined(
                "it was not measured; add recency_bias to the suite's metrics and run the suite "
                "again"
            )
        return noted_after_each(run, "recency")
