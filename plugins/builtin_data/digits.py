"""Handwritten digits that come with scikit-learn: nothing to download."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench import Dataset

FILE = Path("datasets", "data", "digits.csv.gz")  # in the package of scikit-learn


class Digits(Dataset):
    """Handwritten digits of 8x8 pixels that come with scikit-learn, 1,442 / 355: every fifth image
    of each digit is for testing.
    """

    classes = 10
    shape = (8, 8, 1)
    scale = 16.0

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        x, y = _images_and_labels()
        test = np.zeros(len(y), dtype=bool)
        for digit in range(self.classes):
            # Every fifth image of each digit.
            test[np.flatnonzero(y == digit)[4::5]] = True
        return x[~test], y[~test], x[test], y[test]


@cache
def _images_and_labels() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Read once. What `load` takes of them are copies.

    The file is read as `sklearn.datasets.load_digits` reads it, without the import of scikit-learn,
    which takes longer than all else that a small run needs.
    """
    package = importlib.util.find_spec("sklearn")
    assert package is not None  # clbench requires it
    assert package.origin is not None
    table = np.loadtxt(Path(package.origin).parent / FILE, delimiter=",", dtype=np.int64)
    # 64 pixels, and the label in the last column.
    return table[:, :-1].reshape(-1, 8, 8).astype(np.uint8), table[:, -1]
