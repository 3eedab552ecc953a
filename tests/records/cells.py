"""Cells and records that the tests of this folder share, small and made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from clbench.records import CellRecord, RecordFile


def cell(*seeds: int, key: str = "k", tasks: int = 2, **changes: Any) -> CellRecord:
    """A cell of these seeds, with every accuracy a half."""
    known: dict[str, Any] = {"scenario": "split", "strategy": "er", "label": "er"}
    known["seed"] = np.array(seeds, dtype=np.int64)
    known["accuracy"] = np.full((len(seeds), tasks + 1, tasks), 0.5)
    return CellRecord(key, **(known | changes))


def record(*cells: CellRecord, **changes: Any) -> RecordFile:
    """A record of these cells."""
    known: dict[str, Any] = {"suite": "demo", "suite_text": "name: demo\n", "environment": {}}
    return RecordFile(schema_version=2, cells=list(cells), **(known | changes))


def words(*texts: str) -> np.ndarray:
    """Texts as records hold them, a member each."""
    return np.array(texts, dtype=object)


def least(path: Path, change: Callable[[h5py.File], Any] = lambda file: None) -> Path:
    """The least that is a record, as anybody may write it, and then a change to it."""
    with h5py.File(path, "w") as file:
        file.attrs["schema_version"] = 1
        cell = file.create_group("cells/mine")
        cell.attrs["scenario"] = "split"
        cell.attrs["strategy"] = "mine"
        cell["seed"] = np.array([1.0, 0.0])
        cell["accuracy"] = np.stack([np.full((3, 2), 0.5), np.full((3, 2), 0.25)]).astype("f4")
        change(file)
    return path
