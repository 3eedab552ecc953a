"""Attributes and datasets of a stranger's HDF5 file, through h5py's lower level.

A record of ten thousand runs has too many of them for the upper one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from clbench.errors import RecordError
from clbench.records.datasets import is_text, refusal
from clbench.typing import Array

JSON_KINDS = {dict: "object", list: "list", int: "number"}  # as messages name them


@dataclass(frozen=True)
class Source:
    """Reads what the objects of one file hold; `RecordError` names the file and what is wrong."""

    path: Path

    def attribute(self, item: Any, name: str) -> Any:
        """A text or a number; None where there is no such attribute, or nothing in it."""
        if not h5py.h5a.exists(item, name.encode()):
            return None
        attribute = h5py.h5a.open(item, name.encode())
        if attribute.shape is None:  # as netCDF's library writes an empty text
            return None
        if not _is_text_or_number(attribute):
            raise RecordError(f"{self.path}: the attribute {name} is neither a text nor a number")
        value = np.empty(attribute.shape, attribute.dtype)
        attribute.read(value)
        return _decoded(value.item())

    def text(self, item: Any, name: str, default: str = "") -> str:
        """The attribute, which must be a text; the default where there is none."""
        value = self.attribute(item, name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise RecordError(f"{self.path}: the attribute {name} is not a text")
        return value

    def json(self, item: Any, name: str, default: Any) -> Any:
        """Plain data of the default's type."""
        text = self.text(item, name)
        if not text:
            return default
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, type(default)):
            kind = JSON_KINDS[type(default)]
            raise RecordError(f"{self.path}: the attribute {name} is not a JSON {kind}")
        return value

    def array(self, location: str, group: Any, name: str) -> Array:
        """The values of a dataset below a group, whose path in the file is `location`."""
        return self.values(f"{location}/{name}", h5py.h5o.open(group, name.encode()))

    def values(self, location: str, item: Any) -> Array:
        """The values of a dataset; texts as Python's."""
        why = refusal(item)
        if why is not None:
            raise RecordError(f"{self.path}: {location} {why}")
        values = np.empty(item.shape, item.dtype)
        if values.size:
            item.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        if not is_text(item.dtype):
            return values
        texts = [_decoded(value) for value in values.flat]
        return np.array(texts, dtype=object).reshape(values.shape)


def _is_text_or_number(attribute: Any) -> bool:
    """Whether it holds one of either."""
    holds_one = math.prod(attribute.shape) == 1
    return holds_one and (is_text(attribute.dtype) or attribute.dtype.kind in "biuf")


def _decoded(value: Any) -> Any:
    """h5py gives texts of a fixed length as bytes."""
    return value.decode() if isinstance(value, bytes) else value
