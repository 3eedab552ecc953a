"""From whatever an author or a file gives to `Arrays`, or one sentence that says what is wrong."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clbench.data.arrays import Arrays
from clbench.errors import UserError

if TYPE_CHECKING:
    from clbench.data.dataset import Dataset, Four

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

KEYS = ("x_train", "y_train", "x_test", "y_test")


def make_arrays(name: str, four: Four, dataset: Dataset | None = None) -> Arrays:
    """Checked `Arrays`; `dataset` is the data set they claim to be,
    whose declared classes and image size they must have.
    """
    # Lists and other sequences are taken, too; what they become is checked below.
    parts = dict(zip(KEYS, map(np.asarray, four), strict=True))
    x_train, x_test = (_images(name, key, parts[key]) for key in ("x_train", "x_test"))
    if x_train.shape[1:] != x_test.shape[1:]:
        sizes = f"images of x_train are {_size(x_train)}, those of x_test {_size(x_test)}"
        raise _wrong(name, f"{sizes}; they must be of one size")
    y_train = _labels(name, "y_train", parts["y_train"], len(x_train))
    y_test = _labels(name, "y_test", parts["y_test"], len(x_test))
    classes = _classes(name, y_train, y_test, None if dataset is None else dataset.classes)
    shape = None if dataset is None else dataset.shape
    if shape is not None and x_train.shape[1:] != tuple(shape):
        wanted = "x".join(map(str, shape))
        raise _wrong(name, f"images are {_size(x_train)}, but {name!r} has {wanted}")
    return Arrays(
        name,
        x_train,
        y_train,
        x_test,
        y_test,
        classes,
        fingerprint_arrays(x_train, y_train, x_test, y_test),
        255.0 if dataset is None else dataset.scale,
    )


def _classes(name: str, y_train: Labels, y_test: Labels, declared: int | None) -> int:
    """How many classes there are: as many as are declared, or else as the labels say."""
    found = int(max(y_train.max(), y_test.max())) + 1
    if declared is not None:
        if found > declared:
            raise _wrong(
                name,
                f"there is a label {found - 1}, but {name!r} has the classes 0..{declared - 1}",
            )
        return declared
    trained = np.unique(y_train)
    if len(trained) < found:
        # Labels may be anything, so only as many numbers as there are labels are looked at.
        gaps = np.flatnonzero(trained != np.arange(len(trained)))
        absent = int(gaps[0]) if gaps.size else len(trained)
        raise _wrong(
            name,
            f"labels go up to {found - 1}, but y_train has none of class {absent};"
            " count them from 0 without a gap",
        )
    return found


def fingerprint_arrays(*arrays: npt.NDArray[Any]) -> str:
    """A hash of shapes, types and values in a fixed order:
    the way the data came in leaves no trace in it.
    """
    digest = hashlib.sha256()
    for array in arrays:
        # With the shape: the same bytes as another image size are other data.
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return f"sha256:{digest.hexdigest()}"


def _images(name: str, key: str, x: npt.NDArray[Any]) -> Images:
    if x.dtype != np.uint8:
        raise _wrong(name, f"{key} must be uint8, not {x.dtype}")
    if x.ndim not in (3, 4):
        raise _wrong(
            name,
            f"{key} must be [N, H, W, C] or, for grey images, [N, H, W]; it is {list(x.shape)}",
        )
    if not x.size:
        raise _wrong(name, f"{key} is empty")
    # As torch has them; no image has more than four channels.
    if x.ndim == 4 and x.shape[1] in (1, 3) and x.shape[3] > 4:
        raise _wrong(
            name, f"{key} is {list(x.shape)}, which looks like [N, C, H, W]; give [N, H, W, C]"
        )
    # `[N, H, W]` becomes `[N, H, W, 1]`; contiguous, as the fingerprint reads it.
    return np.ascontiguousarray(x if x.ndim == 4 else x[..., None])


def _labels(name: str, key: str, y: npt.NDArray[Any], count: int) -> Labels:
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise _wrong(
            name,
            f"{key} must be a row of integers, one label an image; it is {y.dtype} {list(y.shape)}",
        )
    if len(y) != count:
        raise _wrong(name, f"{key} has {len(y)} labels for {count} images")
    if y.min() < 0:
        raise _wrong(name, f"{key} has a negative label, {y.min()}; labels count from 0")
    return np.ascontiguousarray(y, dtype=np.int64)


def _size(x: npt.NDArray[Any]) -> str:
    return "x".join(map(str, x.shape[1:]))


def _wrong(name: str, sentence: str) -> UserError:
    return UserError(f"data set {name!r}: {sentence}")
