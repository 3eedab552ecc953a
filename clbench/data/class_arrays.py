"""A folder with one .npy file a class: checked as a whole, then copied class by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from clbench.data.dataset import Four
from clbench.data.room import check_room
from clbench.errors import UserError

MAX_SHOWN = 3  # names of files in a message
Size = tuple[int, int, int]


def class_files(folder: Path, classes: int) -> list[Path]:
    """Where the arrays of the classes lie: `0.npy`, `1.npy`, ..."""
    return [folder / f"{label}.npy" for label in range(classes)]


def read_class_arrays(folder: Path, *, classes: int, shape: Size, train: int, test: int) -> Four:
    """`x_train, y_train, x_test, y_test` of a folder with one file a class: `0.npy`, `1.npy`, ...

    Each file is `uint8 [train + test, H, W, C]`, or `[train + test, C, H, W]`: the first `train`
    images are for training, the others for testing. All files are checked before an image is read,
    and nothing is unpickled; then one class after the other is copied, so that memory holds the
    result and no second copy of it.
    """
    files = class_files(folder, classes)
    _check_complete(folder, files)
    for file in files:
        _opened(file, shape, train, test)  # its header alone
    # In bytes: images are uint8.
    check_room(folder, classes * (train + test) * math.prod(shape))
    x_train = np.empty((classes * train, *shape), dtype=np.uint8)
    x_test = np.empty((classes * test, *shape), dtype=np.uint8)
    for label, file in enumerate(files):
        images = _opened(file, shape, train, test)
        # Read from the file here, a class at a time.
        x_train[label * train : (label + 1) * train] = images[:train]
        x_test[label * test : (label + 1) * test] = images[train:]
    labels = np.arange(classes)
    return x_train, labels.repeat(train), x_test, labels.repeat(test)


def _check_complete(folder: Path, files: Sequence[Path]) -> None:
    absent = [file.name for file in files if not file.is_file()]
    if absent:
        others = f" and {len(absent) - MAX_SHOWN:,} more" if len(absent) > MAX_SHOWN else ""
        raise UserError(
            f"{folder} lacks {', '.join(absent[:MAX_SHOWN])}{others}; "
            f"it must hold {files[0].name} to {files[-1].name}, one file a class"
        )


def _opened(file: Path, shape: Size, train: int, test: int) -> npt.NDArray[np.uint8]:
    """The images of a class, channels last, as a view of its file:
    they are read when they are copied.
    """
    found = _mapped(file)
    height, width, channels = shape
    last = (train + test, height, width, channels)
    first = (train + test, channels, height, width)
    if found.dtype != np.uint8 or found.shape not in (last, first):
        raise UserError(
            f"{file} is {found.dtype} {list(found.shape)}; a class is uint8 {list(last)} or "
            f"{list(first)}, {train} images for training and then {test} for testing"
        )
    # `[n, C, H, W]` to `[n, H, W, C]`, a view.
    return found if found.shape == last else found.transpose(0, 2, 3, 1)


def _mapped(file: Path) -> npt.NDArray[Any]:
    """The array of a file, of which the header alone is read.

    A pickle is no array and is refused.
    """
    try:
        # Never unpickles: object arrays raise ValueError.
        return npy.open_memmap(file, mode="r")
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise UserError(
            f"{file} cannot be read as an .npy file of a plain array: {error}"
        ) from error
