"""Writing a record, straight to disk: what is kept of it may be larger than memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from clbench.records.atomic import atomic_file
from clbench.records.cell import CellRecord
from clbench.records.fields import (
    ATTRIBUTES,
    DATASETS,
    FOLDERS,
    RECORD_FIELDS,
    Field,
    Storage,
)
from clbench.records.file import APART, CELLS, SCHEMA_VERSION, RecordFile
from clbench.records.looks import write_looks
from clbench.records.names import why_not_kept
from clbench.records.validation import validated
from clbench.typing import Array

# What netCDF readers take for a dimension without coordinates, rather than for data.
_BARE_DIMENSION = "This is a netCDF dimension but not a netCDF variable.%10d"


def write_record(
    path: Path,
    cells: Sequence[CellRecord],
    *,
    suite: str,
    suite_text: str,
    environment: Mapping[str, Any],
    metrics: Sequence[tuple[str, Mapping[str, Any]]] = (),
) -> None:
    """`write_file` with the parts of a record one by one.

    `metrics` are those the suite asks for, with their options.
    """
    record = RecordFile(SCHEMA_VERSION, suite, suite_text, environment, list(cells), tuple(metrics))
    write_file(path, record)


def write_file(path: Path, record: RecordFile) -> None:
    """Write a record in one atomic step; equal content gives equal bytes."""
    with atomic_file(Path(path)) as target, h5py.File(target, "w", libver=("v108", "v110")) as file:
        _write(record, file)


def _write(record: RecordFile, file: h5py.File) -> None:
    file.attrs["schema_version"] = SCHEMA_VERSION
    _write_attributes(file, record, RECORD_FIELDS)
    _write_cells(file.create_group(CELLS), record.cells)
    if record.apart:
        _write_cells(file.create_group(APART), record.apart)
    if record.looks:
        write_looks(file, record.looks)


def _write_attributes(target: h5py.Group, owner: Any, fields: Sequence[Field]) -> None:
    """The fields of a record, or of a cell, that are attributes."""
    for one in fields:
        value = one.encode(getattr(owner, one.name))
        if value == one.usual and not one.always:
            continue
        target.attrs[one.name] = _text(value) if one.storage is Storage.TEXT else _json(value)


def _write_cells(folder: h5py.Group, cells: Sequence[CellRecord]) -> None:
    for position, cell in enumerate(cells):
        _check_names(cell)
        _CellWriter(folder.create_group(_text(cell.key)), validated(cell)).write(position)


def _check_names(cell: CellRecord) -> None:
    """Refuse what the file could not hold, or could not be read again with."""
    if "/" in cell.key or cell.key in ("", "."):
        raise ValueError(f"a cell cannot have the key {cell.key!r}: it names a group of the file")
    for folder in FOLDERS:
        known: list[str] = []
        for name in getattr(cell, folder):
            why = why_not_kept(name, known)
            if why is not None:
                raise ValueError(f"{folder}/{name} {why}")
            known.append(name)


class _CellWriter:
    """One cell's group, and the dimension scales its datasets share."""

    def __init__(self, group: h5py.Group, cell: CellRecord) -> None:
        self.group, self.cell = group, cell
        self.scales: dict[str, h5py.h5d.DatasetID] = {}

    def write(self, position: int) -> None:
        _write_attributes(self.group, self.cell, ATTRIBUTES)
        self.group.attrs["position"] = position
        # First, because every other dataset is attached to it.
        self._scale("seed", self.cell.seed)
        for name, axes in DATASETS.items():
            value = getattr(self.cell, name)
            if value is not None:
                self._dataset(name, value, axes)
        self._entries()
        for folder in FOLDERS:
            self._folder(folder, getattr(self.cell, folder))
        for name, rows in self.cell.stored.items():
            dataset = rows.write(self.group, name)
            self._attach(dataset, self._axes("stored", dataset.shape))

    def _folder(self, folder: str, arrays: Mapping[str, Array]) -> None:
        for name, value in arrays.items():
            self._dataset(f"{folder}/{_text(name)}", value, self._axes(folder, value.shape))

    def _entries(self) -> None:
        entries = self.cell.entries
        if entries is not None:
            length = f"axis_{len(entries.row)}"
            self._dataset("entries/row", entries.row, (length,))
            self._dataset("entries/column", entries.column, (length,))
            self._dataset("entries/value", entries.value, ("seed", length))

    def _axes(self, folder: str, shape: tuple[int, ...]) -> tuple[str, ...]:
        """The members, the tasks where the length says so, and nameless dimensions.

        Each stands at most once at a dataset. A curve runs along steps first, even where they are
        as many as the tasks; weights and predictions along neither.
        """
        if folder == "notes" and len(shape) == 3:
            return DATASETS["accuracy"]
        axes = ["seed"]
        for place, length in enumerate(shape[1:]):
            may_be_tasks = folder != "stored" and (place > 0 or folder != "curves")
            if may_be_tasks and length == self.cell.tasks and "task" not in axes:
                axes.append("task")
                continue
            name = f"axis_{length}"
            axes.append(name if name not in axes else f"{name}_{len(axes)}")
        return tuple(axes)

    def _dataset(self, name: str, value: Array, axes: Sequence[str]) -> None:
        dataset = self.group.create_dataset(name, data=value, dtype=_stored_type(value))
        self._attach(dataset, axes)

    def _attach(self, dataset: h5py.Dataset, axes: Sequence[str]) -> None:
        for axis, (scale, length) in enumerate(zip(axes, dataset.shape, strict=True)):
            h5py.h5ds.attach_scale(dataset.id, self._scale_of(scale, length), axis)

    def _scale_of(self, name: str, length: int) -> h5py.h5d.DatasetID:
        if name in self.scales:
            return self.scales[name]
        if name in ("task", "after_task"):
            return self._scale(name, np.arange(length) + (name == "task"))
        return self._scale(name, np.zeros(length, np.int8), _BARE_DIMENSION % length)

    def _scale(self, name: str, value: Array, title: str | None = None) -> h5py.h5d.DatasetID:
        dataset = self.group.create_dataset(name, data=value).id
        h5py.h5ds.set_scale(dataset, (title or name).encode())
        self.scales[name] = dataset
        return dataset


def _text(value: str) -> str:
    """HDF5's strings end at the first zero byte."""
    return str(value).replace("\0", "\\0")


def _json(value: Any) -> str:
    return json.dumps(
        dict(value) if isinstance(value, Mapping) else value, sort_keys=True, default=_plain
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return dict(value) if isinstance(value, Mapping) else str(value)


def _stored_type(value: Array) -> Any:
    """Strings and truth values have types of their own in HDF5."""
    if value.dtype == object:
        return h5py.string_dtype()
    # HDF5 has no truth values; h5py would write an enumeration, which not every reader knows.
    return np.uint8 if value.dtype == bool else value.dtype
