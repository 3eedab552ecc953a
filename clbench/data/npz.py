"""What an .npz file claims to hold, from the headers of its arrays: nothing else of it is read."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

NAMES = ("kB", "MB", "GB", "TB", "PB")


def npz_sizes(path: Path) -> dict[str, int]:
    """The bytes of each array; `ValueError` where a header is not that of what follows it."""
    sizes = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            with archive.open(member) as file:
                sizes[name] = _array_size(name, file, member.file_size)
    return sizes


def _array_size(name: str, file: IO[bytes], stored: int) -> int:
    shape, dtype = _header(name, file)
    if dtype.hasobject:
        raise ValueError(f"{name} holds pickled objects, which are never opened")
    size = int(dtype.itemsize)
    for length in shape:
        size *= int(length)
    # What is left behind the header; the archive's own size is of decompressed bytes.
    held = stored - file.tell()
    if size != held:
        raise ValueError(f"{name} claims {_in_words(size)}, but there are {_in_words(held)} of it")
    return size


def _header(name: str, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = npy.read_magic(file)
        # Format 3.0 has the layout of 2.0, but for the encoding of names.
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{name} is no array ({error})") from error
    return shape, dtype


def _in_words(size: int) -> str:
    """`931.3 GB`."""
    if size < 1000:
        return f"{size} bytes"
    power = min(int(math.log(size, 1000)), len(NAMES))
    return f"{size / 1000**power:,.1f} {NAMES[power - 1]}"
