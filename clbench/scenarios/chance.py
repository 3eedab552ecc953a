"""What accuracy is reached without a look at the images: who is not above it has learnt nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clbench.scenarios.stream import Ints, Layout, Stream, TaskSpec, labelled

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays

Floats = npt.NDArray[np.float64]
TASK, ALL = "task", "all"


def chance_levels(arrays: Arrays, layout: Layout, streams: Sequence[Stream]) -> dict[str, float]:
    """The highest mean accuracies of answers that depend on no image, mean over streams.

    `task`: over tasks, where answers may depend on the task: its most frequent class. That is what
    a network can reach on each task when it has just trained on it, knowing nothing but which
    classes were there. `all`: over all tasks at the end. Answers may depend on the task where the
    setting tells it; elsewhere they are one class for all samples.
    """
    tally = ChanceTally(arrays, layout)
    for stream in streams:
        tally.begin_stream(stream)
        for task in stream.tasks:
            tally.add(task)
    return tally.levels()


class ChanceTally:
    """`chance_levels` by one task after the other, for who looks at every task anyway."""

    def __init__(self, arrays: Arrays, layout: Layout) -> None:
        self.arrays, self.layout = arrays, layout
        self.most: list[float] = []  # of each stream: the sum over tasks of the largest share
        self.tested: Ints = arrays.y_test
        self.shares: list[Floats] = []  # of each stream: each label's share, summed over tasks

    def begin_stream(self, stream: Stream) -> None:
        """The tasks that follow are this stream's."""
        self.tested = labelled(self.arrays, stream)["test"]
        self.most.append(0.0)
        self.shares.append(np.zeros(self.layout.classes))

    def add(self, task: TaskSpec) -> None:
        """Count the test labels of a task."""
        # Labels in the task's own numbering; -1 where a class is not in it.
        labels = task.labels[self.tested[task.test]]
        counts = np.bincount(labels[labels >= 0], minlength=self.layout.classes)
        share = counts / max(1, counts.sum())
        self.most[-1] += share.max()
        self.shares[-1] += share

    def levels(self) -> dict[str, float]:
        """The means over streams."""
        tasks = self.layout.tasks
        by_task = float(np.mean([most / tasks for most in self.most]))
        if self.layout.setting == "task":
            return {TASK: by_task, ALL: by_task}
        return {
            TASK: by_task,
            # One class for all samples: the one with the largest share, summed over tasks.
            ALL: float(np.mean([share.max() / tasks for share in self.shares])),
        }
