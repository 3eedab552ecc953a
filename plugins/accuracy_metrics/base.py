"""What the metrics of this plugin share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench import RecordMetric, RunView, Undefined

Array = npt.NDArray[Any]


class AccuracyMetric(RecordMetric):
    """A metric in fractions of the test samples."""

    unit = "fraction"


class ShareOfSamples(AccuracyMetric):
    """An accuracy, rather than what two of them differ by."""

    limits = (0.0, 1.0)


def every_task(run: RunView) -> Array:
    """1..T."""
    return np.arange(1, run.tasks + 1)


def tested_after(run: RunView) -> Array:
    """k..T: the numbers of tasks after which accuracies were measured; k were trained together."""
    return np.arange(run.trained_together, run.tasks + 1)


def later_tasks(run: RunView) -> Array:
    """k+1..T, of k tasks trained together first (as a rule one): transfer needs tasks before."""
    if run.tasks < 2:
        raise Undefined("it needs two tasks")
    return tested_after(run)[1:]


def earlier_tasks(run: RunView) -> Array:
    """1..T-1: those that other tasks came after."""
    later_tasks(run)
    return np.arange(1, run.tasks)


def learnt(run: RunView) -> Array:
    """R_ii: the accuracy on each task when it was learnt, itself or together with others."""
    return run.at(run.learnt_after, every_task(run))


def after_each(run: RunView, later: Sequence[float]) -> Array:
    """`[T]`: a number after each of the last tasks; NaN before them."""
    # Numbers stand at the end of the row, under their own tasks.
    return np.array([*[np.nan] * (run.tasks - len(later)), *later])


def reference_run(run: RunView, strategy: str) -> RunView:
    """The finished run of another strategy on the same stream."""
    found = run.reference(strategy)
    if found is None:
        raise Undefined(
            f"it needs a finished run of `{strategy}` on the same scenario and seed"
            f" ({run.scenario}, seed {run.seed})"
        )
    return found


def joint_accuracy(run: RunView) -> Array:
    """a*: what joint training reaches on each task of the same stream, `[T]`."""
    joint = reference_run(run, "joint")
    return joint.at(joint.tasks, every_task(joint))


def noted_after_each(run: RunView, note: str) -> Array:
    """`[T]`: the mean of what was noted of the test sets of the tasks so far, after each task."""
    run.note_at(note, run.tasks, every_task(run))  # what tables show: it has to be there
    return np.array([_noted_after(run, note, task) for task in every_task(run)])


def _noted_after(run: RunView, note: str, task: int) -> float:
    try:
        # Over test sets, not over samples.
        return float(run.note_at(note, task, np.arange(1, task + 1)).mean())
    except Undefined:  # not every task was tested then: joint training is tested at the end alone
        return float("nan")
