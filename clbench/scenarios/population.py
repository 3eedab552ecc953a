"""How many test images all runs of a scenario share: what intervals over seeds say nothing of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clbench.scenarios.stream import Layout, TaskSpec

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays


class TestedImages:
    """Which images of the data set's test part each stream is tested on, task by task."""

    __test__ = False  # no test of pytest's

    def __init__(self, arrays: Arrays, layout: Layout) -> None:
        self.size = len(arrays.y_test)
        # With groups the tests are on training images, of each stream its own.
        self.on_test_part = layout.groups is None
        self.tested: list[np.ndarray] = []  # of each stream `[size]`, whether it is tested on it

    def begin_stream(self) -> None:
        """The tasks that follow are another stream's."""
        if self.on_test_part:
            self.tested.append(np.zeros(self.size, dtype=bool))

    def add(self, task: TaskSpec) -> None:
        """Note the test images of a task; several tasks may be tested on one image."""
        if self.on_test_part:
            self.tested[-1][task.test] = True

    def shared(self) -> int:
        """How many images the test set has, where every stream is tested on all of them; else 0.

        Streams that are each tested on a part of the data need not have the same.
        """
        all_of_them = self.on_test_part and all(tested.all() for tested in self.tested)
        return self.size if all_of_them else 0
