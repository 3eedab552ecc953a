"""More and more classes, with all their data."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from clbench import Arrays, Layout, LazyTasks, Scenario, Stream, TaskSpec

Ints = npt.NDArray[np.int64]


class Growing(Scenario):
    """Stage i has all classes so far, with all their data: some at first, a few more in each stage.

    Nothing is taken away, so nothing need be forgotten: what is measured is whether a network that
    has been trained for long still learns as a fresh one does. The test set of a stage has all
    classes so far, so R_ii (`learning_accuracy`) is the accuracy on all of them; test with
    `evaluate: current` and leave averages over stages alone, for earlier classes count in each.
    With the protocol's `logits: seen` the outputs of classes to come take no part in training and
    evaluation. (Incremental CIFAR-100 of Dohare et al. 2024: 5 classes and 5 more in each of 19
    stages, `validation: 0.1`, `restore: best`.)

    Part of each class is held out for validation, the same part in every stage.
    """

    settings = ("class",)

    classes_at_first: PositiveInt = 5  # classes of the first stage
    classes_per_stage: PositiveInt = 5  # classes that come in each later stage
    tasks: PositiveInt | None = None  # stages; by default until all classes are there
    # A new order of the classes for every seed, or 0, 1, 2, ...
    class_order: Literal["random", "fixed"] = "random"

    def check(self, classes: int) -> None:
        later = classes - self.classes_at_first
        if later < 0:
            self.refuse("classes_at_first", f"{self.classes_at_first} classes; there are {classes}")
        most = self._most_stages(classes)
        if self.tasks is not None and self.tasks > most:
            self.refuse("tasks", f"{self.tasks} stages; {classes} classes are enough for {most}")
        if self.tasks is None and later % self.classes_per_stage:
            self.refuse(
                "classes_per_stage",
                f"{later} classes after the first stage do not divide into stages of"
                f" {self.classes_per_stage}; set tasks to leave some out",
            )

    def layout(self, arrays: Arrays) -> Layout:
        self.check(arrays.classes)
        return Layout(
            arrays.classes,
            self._stages(arrays.classes),
            self.setting,
            arrays.input_shape,
            nested=True,
        )

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        order = self._order(arrays.classes, seed, agent)
        held = self.held_out_by_class(arrays, seed, agent, validation)

        def task(index: int) -> TaskSpec:
            # Stage i has the first classes of the order, n0 + i n of them.
            so_far = np.sort(order[: self.classes_at_first + index * self.classes_per_stage])
            labels = np.full(arrays.classes, -1)
            # Labels are the data set's own.
            labels[so_far] = so_far
            return self.task(
                arrays, seed, agent, index, validation, classes=so_far, labels=labels, held=held
            )

        return Stream(LazyTasks(self._stages(arrays.classes), task))

    def _stages(self, classes: int) -> int:
        return self.tasks or self._most_stages(classes)

    def _most_stages(self, classes: int) -> int:
        later = classes - self.classes_at_first
        return 1 + later // self.classes_per_stage

    def _order(self, classes: int, seed: int, agent: int) -> Ints:
        if self.class_order == "fixed":
            return np.arange(classes)
        return self.generator(seed, agent, "class_order").permutation(classes)
