"""The whole data set in every task, its pixels moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from clbench import Arrays, Layout, LazyTasks, Scenario, Stream, TaskSpec, Warp

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Warped(Scenario):
    """What `permuted` and `rotated` share. In the domain setting every task has the data set's
    labels; in the class and task settings task t has outputs of its own, t*n to t*n + n - 1, or
    with `shared_outputs` 0 to n - 1 as well.
    """

    settings = ("class", "task", "domain")

    tasks: PositiveInt = 10  # how many tasks
    # Training images of a task, drawn anew for each; by default all. What is held out is part of
    # them.
    samples: PositiveInt | None = None
    # In the task setting: all tasks have the same outputs, as in the domain setting, and methods
    # are told the task.
    shared_outputs: bool = False
    setting = "domain"

    @property
    def shares_outputs(self) -> bool:
        """Whether every task has the same outputs."""
        setting: str = self.setting
        return setting == "domain" or self.shared_outputs

    def check(self, classes: int) -> None:
        setting: str = self.setting
        if self.shared_outputs and setting == "class":
            self.refuse("shared_outputs", "in the class setting a task has outputs of its own")

    def layout(self, arrays: Arrays) -> Layout:
        self.check(arrays.classes)
        self._check_samples(len(arrays.y_train))
        apart = not self.shares_outputs
        outputs = arrays.classes * (self.tasks if apart else 1)
        return Layout(outputs, self.tasks, self.setting, arrays.input_shape, own_outputs=apart)

    def _check_samples(self, there: int) -> None:
        if self.samples is not None and self.samples > there:
            self.refuse("samples", f"{self.samples} images a task, and the data set has {there}")

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        warps = self.warps(arrays, seed, agent)

        def task(index: int) -> TaskSpec:
            first = 0 if self.shares_outputs else index * arrays.classes
            # Task t has the outputs t n to t n + n - 1, or 0 to n - 1 like all.
            labels = np.arange(arrays.classes) + first
            return self.task(
                arrays,
                seed,
                agent,
                index,
                validation,
                classes=labels,
                labels=labels,
                warp=warps(index),
                samples=self.samples,
            )

        return Stream(LazyTasks(self.tasks, task))

    def warps(self, arrays: Arrays, seed: int, agent: int) -> Callable[[int], Warp | None]:
        """How the pixels of task `index` are moved; None where they stay."""
        raise NotImplementedError


class Permuted(Warped):
    """The data set under a new random permutation of the pixels in every task, for every seed.

    The first task has the pixels in place, as in van de Ven & Tolias and von Oswald et al.; `first:
    permuted` is for comparison with work where it has not.

    Online Permuted MNIST (Dohare et al. 2024) is `first: permuted, compose: true` under the
    protocol's `epochs: 1` and `batch_size: 1`, measured by `online_accuracy`; images come in
    another order in every task. With `samples: 10000` and batches of 16 it is that of Kumar et al.
    2023.
    """

    first: Literal["identity", "permuted"] = "identity"  # the pixels of the first task
    # Permute the images of the task before once more, not the stored ones.
    compose: bool = False

    def warps(self, arrays: Arrays, seed: int, agent: int) -> Callable[[int], Warp | None]:
        _, height, width = arrays.input_shape

        def drawn(index: int) -> Ints:
            if index == 0 and self.first == "identity":
                return np.arange(height * width)
            return self.generator(seed, agent, "permutation", index).permutation(height * width)

        permutation = Composed(drawn) if self.compose else drawn

        def warp(index: int) -> Warp | None:
            if index == 0 and self.first == "identity":
                return None
            # `[P, 1]`: one source for each pixel, without weights.
            return Warp(permutation(index)[:, None])

        return warp


class Composed:
    """Permutation `index` of those of tasks 0 to `index`, one applied after the other."""

    def __init__(self, drawn: Callable[[int], Ints]) -> None:
        self.drawn = drawn
        self._last = 0, drawn(0)  # where the last call came to: tasks are asked for in order

    def __call__(self, index: int) -> Ints:
        number, whole = self._last
        # Asked out of order: composed again from the start.
        if index < number:
            number, whole = 0, self.drawn(0)
        for later in range(number + 1, index + 1):
            # Pixel p shows pixel drawn[p] of the image before.
            whole = whole[self.drawn(later)]
        self._last = index, whole
        return whole


class Rotated(Warped):
    """The data set rotated counter-clockwise about the image's centre, by another angle a task.

    Pixels are interpolated bilinearly; what comes from outside the image is 0. Angles are 0, step,
    2 step, ... unless they are listed, or drawn for every seed.
    """

    step: float = 10.0  # degrees from a task to the next
    degrees: list[float] | None = None  # the angles, one a task
    # Draw each task's angle evenly from this range, anew for every seed.
    between: tuple[float, float] | None = None

    def check(self, classes: int) -> None:
        super().check(classes)
        if self.degrees is None:
            return
        if self.between is not None:
            self.refuse(
                "between", "the angles are either listed (degrees) or drawn (between), not both"
            )
        if len(self.degrees) != self.tasks:
            self.refuse("degrees", f"lists {len(self.degrees)} angles for {self.tasks} tasks")

    def warps(self, arrays: Arrays, seed: int, agent: int) -> Callable[[int], Warp | None]:
        def warp(index: int) -> Warp | None:
            angle = self._angle(seed, agent, index)
            return None if angle % 360 == 0 else rotation(*arrays.input_shape[1:], angle)

        return warp

    def _angle(self, seed: int, agent: int, index: int) -> float:
        if self.degrees is not None:
            return self.degrees[index]
        if self.between is not None:
            return float(self.generator(seed, agent, "angle", index).uniform(*self.between))
        return index * self.step


def rotation(height: int, width: int, degrees: float) -> Warp:
    """For every pixel of the rotated image, four neighbours in the stored one, and weights."""
    source_y, source_x = _sources(height, width, degrees)
    index, weight = [], []
    for row, of_row in _neighbours(source_y):
        for column, of_column in _neighbours(source_x):
            # What lies outside counts 0, under any index that exists.
            inside = _within(row, height) & _within(column, width)
            index.append(np.where(inside, row * width + column, 0))
            weight.append(np.where(inside, of_row * of_column, 0))
    return Warp(np.stack(index, axis=1), np.stack(weight, axis=1).astype(np.float32))


def _neighbours(source: Floats) -> list[tuple[Ints, Floats]]:
    """The whole numbers on either side of each, and their shares in linear interpolation."""
    below = np.floor(source).astype(np.int64)
    # How far the source lies beyond it, 0 .. 1.
    beyond = source - below
    return [(below, 1 - beyond), (below + 1, beyond)]


def _sources(height: int, width: int, degrees: float) -> tuple[Floats, Floats]:
    """Where each pixel seen comes from: row and column, which are no whole numbers."""
    radians = np.deg2rad(degrees)
    sine, cosine = np.sin(radians), np.cos(radians)
    row, column = (axis.ravel() for axis in np.mgrid[:height, :width])
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    # Coordinates about the centre.
    y, x = row - middle_y, column - middle_x
    # The inverse rotation. Rows count downwards.
    return cosine * y + sine * x + middle_y, cosine * x - sine * y + middle_x


def _within(place: Ints, size: int) -> npt.NDArray[np.bool_]:
    return (place >= 0) & (place < size)
