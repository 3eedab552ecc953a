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
    """k..T: after how many tasks accuracies were measured, k tasks having been trained together
    first.
    """
    return np.arange(run.trained_together, run.tasks + 1)


def later_tasks(run: RunView) -> Array:
    """k+1..T, of k tasks trained together first, as a rule one; transfer between tasks needs others
    before.
    """
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
