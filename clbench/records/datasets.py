"""Which datasets of a stranger's file are read.

They are plain numbers and texts that the file holds itself, and really holds.
"""

from __future__ import annotations

import math
from typing import Any

import h5py

_PLAUSIBLE_BYTES = 1 << 26  # a larger dataset must have something behind it in the file
_BEST_COMPRESSION = 1100  # of deflate: about 1032 to 1


def is_text(dtype: Any) -> bool:
    """Whether h5py gives its values as bytes or strings."""
    return h5py.check_string_dtype(dtype) is not None


def refusal(item: Any) -> str | None:
    """Why a dataset (of h5py's lower level) is not read, as the end of a sentence about it."""
    if not isinstance(item, h5py.h5d.DatasetID):
        return "is not a dataset"
    if item.get_offset() is None and _kept_elsewhere(item):
        return "keeps its values in another file; a record holds its data itself"
    if item.shape is None:
        return "holds nothing, not even a shape"
    dtype = item.dtype
    if not is_text(dtype) and dtype.kind not in "biuf":
        return "holds neither numbers nor text, and nothing else is read"
    size = math.prod(item.shape) * dtype.itemsize
    if size > _PLAUSIBLE_BYTES and size > _BEST_COMPRESSION * item.get_storage_size():
        return f"claims {size} bytes, and the file does not hold them"
    return None


def _kept_elsewhere(item: Any) -> bool:
    """Virtual datasets and raw files; a plain dataset lies in this file, and need not be asked."""
    plan = item.get_create_plist()
    return bool(plan.get_layout() == h5py.h5d.VIRTUAL or plan.get_external_count())
