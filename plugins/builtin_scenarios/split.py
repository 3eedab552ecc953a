"""The classes of a data set, dealt out to tasks."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from clbench import Arrays, Layout, Scenario, Stream, TaskSpec

from .labels import Labels, are_mapped, check_labels


class Split(Scenario):
    """The classes of a data set in groups of equal size, one group a task.

    In the class and task settings a sample keeps its own label and the network has an output for
    every class; in the domain setting labels are mapped to 0..n-1 in every task (n classes a task),
    in the order of the stream's classes.
    """

    settings = ("class", "task", "domain")

    tasks: PositiveInt = 5  # how many tasks
    classes_per_task: PositiveInt | None = None  # by default all classes are dealt out
    # 0, 1, 2, ...; a new order for every seed; or this list.
    class_order: Literal["fixed", "random"] | list[int] = "fixed"
    # mapped: to 0..n-1 in every task (domain: always; task: if wanted)
    labels: Labels | None = None

    def check(self, classes: int) -> None:
        self._check_tasks(classes)
        order = self.class_order
        if isinstance(order, list) and sorted(order) != list(range(classes)):
            self.refuse(
                "class_order",
                f"must name each of the classes 0..{classes - 1} once; it has {len(order)} entries",
            )
        check_labels(self, self.labels)

    def _check_tasks(self, classes: int) -> None:
        """Refuse more tasks than there are classes for, and classes that would be left over."""
        needed = self.tasks * (self.classes_per_task or max(classes // self.tasks, 1))
        if needed > classes:
            self.refuse(
                "tasks",
                f"{self.tasks} tasks need {needed} classes at least; there are {classes}",
            )
        if self.classes_per_task is None and classes % self.tasks:
            self.refuse(
                "tasks",
                f"{classes} classes do not divide into {self.tasks} tasks; set classes_per_task "
                "to leave some out",
            )

    def layout(self, arrays: Arrays) -> Layout:
        self.check(arrays.classes)
        outputs = self._width(arrays.classes) if self._mapped else arrays.classes
        return Layout(
            outputs, self.tasks, self.setting, arrays.input_shape, own_outputs=not self._mapped
        )

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        order, width = self._order(arrays.classes, seed, agent), self._width(arrays.classes)

        def task(index: int) -> TaskSpec:
            # Task t has the classes t n to (t + 1) n - 1 of the order.
            chosen = order[index * width : (index + 1) * width]
            labels = np.full(arrays.classes, -1)
            labels[chosen] = np.arange(width) if self._mapped else chosen
            own = np.sort(labels[chosen])
            return self.task(arrays, seed, agent, index, validation, classes=own, labels=labels)

        return Stream(tuple(map(task, range(self.tasks))))

    @property
    def _mapped(self) -> bool:
        return are_mapped(self, self.labels)

    def _width(self, classes: int) -> int:
        return self.classes_per_task or classes // self.tasks

    def _order(self, classes: int, seed: int, agent: int) -> npt.NDArray[Any]:
        if self.class_order == "random":
            return self.generator(seed, agent, "class_order").permutation(classes)
        return np.arange(classes) if self.class_order == "fixed" else np.array(self.class_order)
