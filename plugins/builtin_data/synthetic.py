"""Data made up on the spot, as hard and as large as a test needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, NonNegativeFloat, PositiveInt

from clbench import Dataset

AT_ONCE = 10_000  # images


class Synthetic(Dataset):
    """One random picture a class, seen through noise: the same arrays for the same options."""

    classes: Annotated[int, Field(ge=2)] = 10  # how many classes
    size: PositiveInt = 8  # height and width of the images
    channels: PositiveInt = 1  # 1 grey, 3 colour
    train: PositiveInt = 1000  # training images in all, the classes in turn
    test: PositiveInt = 200  # test images in all
    # Standard deviation of a pixel around its class, in units of the pixel range.
    noise: NonNegativeFloat = 0.3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels, as the options say."""
        return self.size, self.size, self.channels

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        # A fixed key: the pictures belong to the options, not to a seed of the run.
        rng = np.random.Generator(np.random.Philox(key=0))
        pictures = rng.random((self.classes, *self.shape))
        x_train, y_train = self._draw(rng, pictures, self.train)
        x_test, y_test = self._draw(rng, pictures, self.test)
        return x_train, y_train, x_test, y_test

    def _draw(
        self, rng: np.random.Generator, pictures: npt.NDArray[Any], count: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Some at a time: numbers of double precision take eight times the room of the images."""
        # The classes in turn, so every prefix is balanced.
        y = np.arange(count) % self.classes
        x = np.empty((count, *self.shape), dtype=np.uint8)
        # Rounded up: parts of at most AT_ONCE images.
        for some in np.array_split(np.arange(count), -(-count // AT_ONCE)):
            seen = pictures[y[some]] + self.noise * rng.standard_normal((len(some), *self.shape))
            # A pixel beyond the range is cut off.
            x[some] = np.rint(255 * seen.clip(0, 1))
        return x, y
