"""Small groups of classes, one a task, without end."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from clbench import Arrays, Layout, LazyTasks, Scenario, Stream, TaskSpec

Ints = npt.NDArray[np.int64]


class Pairs(Scenario):
    """Two classes a task, to be told apart; labels 0 and 1 in every task, the same two outputs.

    The classes of the data set are dealt out in a random order, another one for every seed. When
    they are used up, the stream goes on with the same tasks in the same order, or with a new order:
    there may be thousands of tasks. Classes that fill no task are left out of their pass. With
    `dataset: imagenet32` and the protocol's `head_reset: zero` this is Continual ImageNet (Dohare
    et al. 2024 repeat the order; Kumar et al. 2023 reshuffle it).

    Part of each class is held out for validation, the same part whenever the class comes back.
    """

    settings = ("domain", "task")
    setting = "domain"

    tasks: PositiveInt = 50  # how many tasks; any number
    classes_per_task: int = Field(2, ge=2)  # more than two: labels 0..n-1
    # When all classes were used: the same order of classes again, or a new one for each pass.
    recur: Literal["repeat", "reshuffle"] = "repeat"

    def check(self, classes: int) -> None:
        if self.classes_per_task > classes:
            self.refuse(
                "classes_per_task",
                f"a task of {self.classes_per_task} classes needs as many; there are {classes}",
            )

    def layout(self, arrays: Arrays) -> Layout:
        self.check(arrays.classes)
        return Layout(self.classes_per_task, self.tasks, self.setting, arrays.input_shape)

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        groups = self._groups(arrays.classes, seed, agent)
        held = self.held_out_by_class(arrays, seed, agent, validation)
        outputs = np.arange(self.classes_per_task)

        def task(index: int) -> TaskSpec:
            labels = np.full(arrays.classes, -1)
            # Label k is the k-th class of the group.
            labels[groups[index]] = outputs
            return self.task(
                arrays, seed, agent, index, validation, classes=outputs, labels=labels, held=held
            )

        return Stream(LazyTasks(self.tasks, task))

    def _groups(self, classes: int, seed: int, agent: int) -> Ints:
        """`[tasks, classes_per_task]`: the classes of every task."""
        width = self.classes_per_task
        tasks_a_pass = classes // width
        # Rounded up.
        passes = -(-self.tasks // tasks_a_pass)
        orders = [
            self._order(classes, seed, agent, number)[: tasks_a_pass * width]
            for number in range(passes)
        ]
        return np.concatenate(orders).reshape(-1, width)[: self.tasks]

    def _order(self, classes: int, seed: int, agent: int, number: int) -> Ints:
        """The order of the classes in one pass; that of the first is also that of `split`."""
        later = number > 0 and self.recur == "reshuffle"
        step = (number,) if later else ()
        # Pass 0 has no number in its stream, so that `repeat` draws the same order again.
        return self.generator(seed, agent, "class_order", *step).permutation(classes)
