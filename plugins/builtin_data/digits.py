"""Handwritten digits that come with scikit-learn: nothing to download."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench import Dataset


class Digits(Dataset):
    """Handwritten digits of 8x8 pixels that come with scikit-learn, 1,442 / 355: every fifth image of each digit is for testing."""

    classes = 10
    shape = (8, 8, 1)
    scale = 16.0

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        x, y = _images_and_labels()
        test = np.zeros(len(y), dtype=bool)
        for digit in range(self.classes):
            test[np.flatnonzero(y == digit)[4::5]] = True
        return x[~test], y[~test], x[test], y[test]


@cache
def _images_and_labels() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Read once: scikit-learn parses its file anew at every call. Who loads is given copies."""
    from sklearn.datasets import load_digits  # takes a second, so not before it is needed

    found = load_digits()
    return found.images.astype(np.uint8), found.target
