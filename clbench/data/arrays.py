"""A data set as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Arrays:
    """Images as `uint8 [N, H, W, C]`, labels as `int64 [N]`; `pixel / scale` is the value in [0, 1]."""

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

    @cached_property
    def train_of_class(self) -> list[npt.NDArray[np.int64]]:
        """For each class, the positions of its training images in ascending order."""
        return _positions(self.y_train, self.classes)

    @cached_property
    def test_of_class(self) -> list[npt.NDArray[np.int64]]:
        """For each class, the positions of its test images in ascending order."""
        return _positions(self.y_test, self.classes)


def _positions(labels: npt.NDArray[np.int64], classes: int) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(labels, kind="stable")
    first_of_class = np.searchsorted(labels[order], np.arange(1, classes))
    return np.split(order, first_of_class)
