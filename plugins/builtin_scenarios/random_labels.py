"""Images with labels that mean nothing: what is learnt is learnt by heart."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from clbench import Arrays, Layout, LazyTasks, Scenario, Stream, TaskSpec

Ints = npt.NDArray[np.int64]


class RandomLabels(Scenario):
    """The same images in every task, each time under new labels drawn at random.

    Random labels say nothing of other images, so there is nothing to generalise to, no test set,
    and no validation part. What is called test accuracy here is *memorisation*: the accuracy on the
    task's own training images under the task's labels. The usual measure is `online_accuracy`, over
    all passes of a task. (Lyle et al. 2023; Kumar et al. 2023: 1,200 images, 50 tasks of 400 passes
    in batches of 16.)
    """

    settings = ("domain",)
    setting = "domain"
    holds_out: ClassVar[bool] = False

    tasks: PositiveInt = 50  # how many tasks
    samples: PositiveInt = 1200  # images of a task, drawn from the training images for every seed
    # The same images in every task, or others drawn for each.
    images: Literal["fixed", "drawn"] = "fixed"

    def layout(self, arrays: Arrays) -> Layout:
        there = len(arrays.y_train)
        if self.samples > there:
            self.refuse("samples", f"{self.samples} images, and the data set has {there}")
        return Layout(
            arrays.classes,
            self.tasks,
            self.setting,
            arrays.input_shape,
            groups=self._groups(arrays),
        )

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        classes, groups = np.arange(arrays.classes), self._groups(arrays)
        group_of = self._group_of(arrays, seed, agent)

        def task(index: int) -> TaskSpec:
            step = () if self.images == "fixed" else (index,)
            images = self._images(arrays, seed, agent, *step)
            labels = np.full(groups, -1)
            draw = self.generator(seed, agent, "labels", index)
            # A label for each image, drawn with replacement.
            labels[group_of[images]] = draw.integers(arrays.classes, size=self.samples)
            # Tests are on the training images themselves.
            return TaskSpec(classes, labels, images, images, images[:0])

        return Stream(LazyTasks(self.tasks, task), groups=group_of)

    def _groups(self, arrays: Arrays) -> int:
        """How many groups the training images are in."""
        return self.samples + 1 if self.images == "fixed" else len(arrays.y_train)

    def _group_of(self, arrays: Arrays, seed: int, agent: int) -> Ints:
        """The group of each training image."""
        if self.images == "drawn":
            return np.arange(len(arrays.y_train))
        # A task labels these alone, and all others share a group without a label.
        group_of = np.full(len(arrays.y_train), self.samples)
        group_of[self._images(arrays, seed, agent)] = np.arange(self.samples)
        return group_of

    def _images(self, arrays: Arrays, seed: int, agent: int, *step: int) -> Ints:
        """The images of a task, in ascending order."""
        draw = self.generator(seed, agent, "images", *step)
        return np.sort(draw.choice(len(arrays.y_train), self.samples, replace=False, shuffle=False))
