"""One HDF5 file a data set: the arrays, what they are called, and their fingerprint.

Never a pickle.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from clbench.data.arrays import Arrays
from clbench.data.check import KEYS, fingerprint_arrays

FORMAT = "clbench data 1"
IMPORTED = "imported"


class Damaged(Exception):
    """The file is there, but it is not a whole data file of ours."""


@dataclass(frozen=True)
class Header:
    """What a data file says about itself.

    `stamp` names the files it was made from, or is `imported`.
    """

    name: str
    classes: int
    fingerprint: str
    stamp: str
    shape: tuple[int, int, int]


def read_header(path: Path) -> Header:
    """What `path` holds, without reading the arrays."""
    with _open(path) as file:
        return _header(file)


def read(path: Path) -> Arrays:
    """The arrays, compared with their fingerprint."""
    with _open(path) as file:
        header, scale = _header(file), float(file.attrs["scale"])
        # A damaged byte would change results, and nobody would see it.
        # Read whole: the fingerprint needs every byte.
        x_train, y_train, x_test, y_test = (file[key][()] for key in KEYS)
        if fingerprint_arrays(x_train, y_train, x_test, y_test) != header.fingerprint:
            raise Damaged(
                f"{path} is damaged: its arrays do not have the fingerprint they were stored with"
            )
    return Arrays(
        header.name, x_train, y_train, x_test, y_test, header.classes, header.fingerprint, scale
    )


def write(
    path: Path, arrays: Arrays, stamp: str, extra: Mapping[str, npt.NDArray[Any]] | None = None
) -> None:
    """Write under a temporary name, sync, rename: a reader never meets half a file.

    Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, for a rename works within one file system only.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
    try:
        os.close(handle)
        with h5py.File(temporary, "w") as file:
            _fill(file, arrays, stamp, extra or {})
        with open(temporary, "rb") as written:
            # The bytes first, then the name: after a crash there is the old file or the new one.
            os.fsync(written.fileno())
        os.chmod(temporary, 0o644)  # temporary files are their owner's alone
        os.replace(temporary, path)
    # Ctrl-C included.
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _fill(
    file: h5py.File, arrays: Arrays, stamp: str, extra: Mapping[str, npt.NDArray[Any]]
) -> None:
    for key in KEYS:
        file[key] = getattr(arrays, key)
    for key, value in extra.items():
        # HDF5 knows no fixed-width unicode.
        texts = value.dtype.kind == "U"
        file[f"extra/{key}"] = np.char.encode(value, "utf-8") if texts else value
    file.attrs.update(
        {
            "format": FORMAT,
            "name": arrays.name,
            "classes": arrays.classes,
            "scale": arrays.scale,
            "fingerprint": arrays.fingerprint,
            "stamp": stamp,
        }
    )


def _header(file: h5py.File) -> Header:
    attributes = file.attrs
    height, width, channels = file["x_train"].shape[1:]
    fingerprint, stamp = str(attributes["fingerprint"]), str(attributes["stamp"])
    return Header(
        str(attributes["name"]),
        int(attributes["classes"]),
        fingerprint,
        stamp,
        (height, width, channels),
    )


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    """A file of ours for reading; however a truncated or foreign one fails, it is `Damaged`."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise Damaged(f"{path} is not a data file of clbench")
            yield file
    # h5py raises any of these for a file that is cut off or of another kind.
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise Damaged(f"{path} is damaged: {error}") from error
