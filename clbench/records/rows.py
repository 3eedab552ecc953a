"""Arrays that stay on disk until somebody asks for them: weights and predictions, member by member."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from clbench.errors import RecordError
from clbench.records.atomic import atomic_file
from clbench.records.datasets import is_text, refusal
from clbench.typing import Array

Stamp = tuple[int, ...]
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def stamp_of(path: Path) -> Stamp:
    """Tells a file from the one that may take its place."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True)
class RowOnDisk:
    """One member's part of a dataset `[S, ...]`, in a file that must be the same when it is read."""

    path: Path
    stamp: Stamp
    name: str
    row: int


class Rows:
    """`[S, ...]`: each member's array, where it lies on disk, or nothing. Reading fills up with NaN, whole numbers with -1."""

    def __init__(self, rows: Sequence[RowOnDisk | Array | None]) -> None:
        self.rows = tuple(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, order: Array) -> Rows:
        return Rows([self.rows[row] for row in np.arange(len(self))[order]])

    def __add__(self, other: Rows) -> Rows:
        return Rows(self.rows + other.rows)

    def read(self) -> Array:
        """All of it, in memory."""
        with _sources() as sources:
            parts = [None if row is None else sources.part(row) for row in self.rows]
            full = _empty(len(self), parts)
            for row, part in enumerate(parts):
                if part is not None:
                    place: Any = (row, *(slice(length) for length in part.shape))
                    full[place] = part.read()
        return full

    def write(self, group: h5py.Group, name: str) -> h5py.Dataset:
        """A chunk a member, so that members are copied from file to file as they are packed, one at a time."""
        with _sources() as sources:
            parts = [None if row is None else sources.part(row) for row in self.rows]
            shape, dtype, blank = _common(parts)
            chunks = (1, *(max(length, 1) for length in shape))
            dataset = group.create_dataset(
                name, (len(self), *shape), dtype, chunks=chunks, fillvalue=blank, **PACKED
            )
            for row, part in enumerate(parts):
                if part is not None and not part.copy(dataset, row):
                    dataset[(row, *map(slice, part.shape))] = part.read()
        return dataset


class _InMemory:
    def __init__(self, values: Array) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def read(self) -> Array:
        return self.values

    def copy(self, target: h5py.Dataset, row: int) -> bool:
        return False


class _OnDisk:
    def __init__(self, dataset: h5py.Dataset, row: int) -> None:
        self.dataset, self.row = dataset, row
        self.shape, self.dtype = dataset.shape[1:], dataset.dtype

    def read(self) -> Array:
        values: Array = self.dataset[self.row]
        return values

    def copy(self, target: h5py.Dataset, row: int) -> bool:
        """Copy the packed bytes; False where the two are not packed alike."""
        ours, theirs = (
            (d.dtype, d.chunks, d.compression, d.compression_opts, d.shuffle)
            for d in (target, self.dataset)
        )
        if ours != theirs or not target.size:
            return False
        here = (self.row, *[0] * len(self.shape))
        if (
            self.dataset.id.get_chunk_info_by_coord(here).byte_offset is not None
        ):  # a chunk that was never written is all blank
            mask, packed = self.dataset.id.read_direct_chunk(here)
            target.id.write_direct_chunk((row, *here[1:]), packed, mask)
        return True


class _Sources:
    """Opens every file once."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.files: dict[Path, h5py.File] = {}
        self.datasets: dict[tuple[Path, str], h5py.Dataset] = {}

    def part(self, row: RowOnDisk | Array) -> _InMemory | _OnDisk:
        return (
            _OnDisk(self._dataset(row), row.row)
            if isinstance(row, RowOnDisk)
            else _InMemory(np.asarray(row))
        )

    def _dataset(self, place: RowOnDisk) -> h5py.Dataset:
        key = place.path, place.name
        if key not in self.datasets:
            item = h5py.h5o.open(self._file(place).id, place.name.encode())
            why = refusal(item) or ("holds texts" if is_text(item.dtype) else None)
            if why is None and (not item.shape or place.row >= item.shape[0]):
                why = "does not have a row a member"
            if why is not None:
                raise RecordError(f"{place.path}: {place.name} {why}")
            self.datasets[key] = h5py.Dataset(item)
        return self.datasets[key]

    def _file(self, place: RowOnDisk) -> h5py.File:
        if place.path not in self.files:
            try:
                if stamp_of(place.path) != place.stamp:
                    raise RecordError(
                        f"{place.path} has changed since it was opened; open it again"
                    )
                self.files[place.path] = self.stack.enter_context(h5py.File(place.path, "r"))
            except OSError as error:
                raise RecordError(
                    f"{place.path} cannot be read any more: {error.strerror or error}"
                ) from error
        return self.files[place.path]


def write_rows(path: Path, stored: Mapping[str, Rows]) -> None:
    """A file of these alone, written whole, that `find_rows` finds again."""
    with atomic_file(path) as target, h5py.File(target, "w", libver=("v108", "v110")) as file:
        for name, rows in stored.items():
            dataset = rows.write(file, name)
            dataset.attrs["there"] = np.array([row is not None for row in rows.rows], np.uint8)


def find_rows(path: Path) -> dict[str, Rows]:
    """Where the rows lie in a file of `write_rows`; nothing where there is none."""
    if not path.exists():
        return {}
    stamp, found = stamp_of(path), {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            there = item.attrs["there"]
            found[name] = Rows(
                [
                    RowOnDisk(path, stamp, name, row) if there[row] else None
                    for row in range(len(there))
                ]
            )

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


@contextlib.contextmanager
def _sources() -> Iterator[_Sources]:
    with contextlib.ExitStack() as stack:
        yield _Sources(stack)


def _common(parts: Sequence[_InMemory | _OnDisk | None]) -> tuple[tuple[int, ...], Any, Any]:
    """The shape and type that hold every member's array, and what stands for nothing."""
    there = [part for part in parts if part is not None]
    if len({len(part.shape) for part in there}) > 1:
        raise RecordError("what is kept of a cell's members does not have the same dimensions")
    shape = tuple(map(max, zip(*(part.shape for part in there), strict=True)))
    dtype = np.result_type(*(part.dtype for part in there)) if there else np.dtype(np.float32)
    return shape, dtype, {"f": np.nan, "i": -1}.get(dtype.kind, 0)


def _empty(size: int, parts: Sequence[_InMemory | _OnDisk | None]) -> Array:
    shape, dtype, blank = _common(parts)
    return np.full((size, *shape), blank, dtype)
