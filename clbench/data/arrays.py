"""A data set as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Arrays:
    """Images as `uint8 [N, H, W, C]`, labels as `int64 [N]`;
    `pixel / scale` is the value in [0, 1].
    """

    name: str
    x_train: npt.NDArray[np.uint8]
    y_train: npt.NDArray[np.int64]
    x_test: npt.NDArray[np.uint8]
    y_test: npt.NDArray[np.int64]
    classes: int
    fingerprint: str
    scale: float = 255.0

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width: what a model is built for."""
        height, width, channels = self.x_train.shape[1:]
        return channels, height, width

    def padded(self, border: int) -> Arrays:
        """The same images with so many pixels of zeros on every side."""
        if border == 0:
            return self
        widths = ((0, 0), (border, border), (border, border), (0, 0))
        return replace(
            self, x_train=np.pad(self.x_train, widths), x_test=np.pad(self.x_test, widths)
        )

    @cached_property
    def train_positions(self) -> Positions:
        """Where the training images of each class are."""
        return Positions(self.y_train, self.classes)

    @cached_property
    def test_positions(self) -> Positions:
        """Where the test images of each class are."""
        return Positions(self.y_test, self.classes)


class Positions:
    """Where the images of each class are:
    `of_class[c]` and `of_all` ascend, and are shared, so read-only.
    """

    def __init__(self, labels: npt.NDArray[np.int64], classes: int) -> None:
        # Stable, so that positions ascend within a class.
        order = np.argsort(labels, kind="stable")
        # Where the sorted labels reach class 1, 2, ...: `classes - 1` cuts.
        first_of_class = np.searchsorted(labels[order], np.arange(1, classes))
        order.flags.writeable = False
        self.of_class = np.split(order, first_of_class)
        self.of_all = np.arange(len(labels))
        self.of_all.flags.writeable = False

    def of(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """In ascending order, the positions of all images of the classes that are chosen."""
        if chosen.all():
            return self.of_all
        found = [self.of_class[number] for number in np.flatnonzero(chosen).tolist()]
        return np.sort(np.concatenate(found)) if found else self.of_all[:0]
