"""What accuracy is reached without a look at the images: who is not above it has learnt nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clbench.scenarios.stream import Layout, Stream

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays

TASK, ALL = "task", "all"


def chance_levels(arrays: Arrays, layout: Layout, streams: Sequence[Stream]) -> dict[str, float]:
    """The highest mean accuracies of answers that depend on no image, mean over streams.

    `task`: over tasks, where answers may depend on the task: its most frequent class. That is what a network can reach
    on each task when it has just trained on it, knowing nothing but which classes were there.
    `all`: over all tasks at the end. Answers may depend on the task where the setting tells it; elsewhere they are one
    class for all samples.
    """
    levels = np.array([_levels(arrays, layout, stream) for stream in streams])
    by_task, all_alike = (float(level) for level in levels.mean(axis=0))
    return {TASK: by_task, ALL: by_task if layout.setting == "task" else all_alike}


def _levels(arrays: Arrays, layout: Layout, stream: Stream) -> tuple[float, float]:
    """With each task's most frequent class, and with the one class that is best over all tasks."""
    most = 0.0
    shares = np.zeros(layout.classes)
    for task in stream.tasks:
        labels, counts = np.unique(task.labels[arrays.y_test[task.test]], return_counts=True)
        share = counts / counts.sum()
        most += share.max()
        shares[labels] += share
    return most / len(stream.tasks), float(shares.max()) / len(stream.tasks)
