"""What the metrics of this plugin share."""

from __future__ import annotations

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


def later_tasks(run: RunView) -> Array:
    """2..T; transfer between tasks is undefined where there is one."""
    if run.tasks < 2:
        raise Undefined("it needs two tasks")
    return np.arange(2, run.tasks + 1)


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
