"""Arrays that stay on disk until somebody asks for them, such as weights, member by member."""

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
BLANKS = {"f": np.nan, "i": -1}  # what stands for nothing, by the kind of numbers; 0 for others
PACKED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def stamp_of(path: Path) -> Stamp:
    """Tells a file from the one that may take its place."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@dataclass(frozen=True)
class RowOnDisk:
    """One member's part of a dataset `[S, ...]`.

    `stamp` tells whether the file is still the same when it is read.
    """

    path: Path
    stamp: Stamp
    name: str
    row: int


class Rows:
    """`[S, ...]`: each member's array, where it lies on disk, or nothing.

    Reading fills up with NaN, whole numbers with -1.
    """

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
            parts = sources.parts(self.rows)
            shape, dtype, blank = _common(parts)
            full = np.full((len(self), *shape), blank, dtype)
            for row, part in enumerate(parts):
                if part is not None:
                    full[_cut(row, part.shape)] = part.read()
        return full

    def write(self, group: h5py.Group, name: str) -> h5py.Dataset:
        """A chunk a member.

        So members are copied from file to file as they are packed, one at a time.
        """
        with _sources() as sources:
            parts = sources.parts(self.rows)
            shape, dtype, blank = _common(parts)
            chunks = (1, *(max(length, 1) for length in shape))
            dataset = group.create_dataset(
                name, (len(self), *shape), dtype, chunks=chunks, fillvalue=blank, **PACKED
            )
            for row, part in enumerate(parts):
                if part is not None and not part.copy(dataset, row):
                    dataset[_cut(row, part.shape)] = part.read()
        return dataset


def _cut(row: int, shape: tuple[int, ...]) -> Any:
    """Where an array of this shape goes in a row that may be larger."""
    return (row, *(slice(length) for length in shape))


class _InMemory:
    """An array at hand."""

    def __init__(self, values: Array) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype

    def read(self) -> Array:
        return self.values

    def copy(self, target: h5py.Dataset, row: int) -> bool:
        """Nothing is packed yet."""
        return False


class _OnDisk:
    """A row of a dataset."""

    def __init__(self, dataset: h5py.Dataset, row: int) -> None:
        self.dataset, self.row = dataset, row
        self.shape, self.dtype = dataset.shape[1:], dataset.dtype

    def read(self) -> Array:
        values: Array = self.dataset[self.row]
        return values

    def copy(self, target: h5py.Dataset, row: int) -> bool:
        """Copy the packed bytes; False where the two are not packed alike."""
        if _packing(target) != _packing(self.dataset) or not target.size:
            return False
        inside = [0] * len(self.shape)
        here = (self.row, *inside)
        # A chunk that was never written is all blank, in the target too.
        if self.dataset.id.get_chunk_info_by_coord(here).byte_offset is not None:
            mask, packed = self.dataset.id.read_direct_chunk(here)
            target.id.write_direct_chunk((row, *inside), packed, mask)
        return True


def _packing(dataset: h5py.Dataset) -> tuple[Any, ...]:
    """What the bytes of a chunk depend on, beside its values."""
    how = (dataset.compression, dataset.compression_opts, dataset.shuffle)
    return (dataset.dtype, dataset.chunks, *how)


class _Sources:
    """Opens every file once."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.files: dict[Path, h5py.File] = {}
        self.datasets: dict[tuple[Path, str], h5py.Dataset] = {}

    def parts(self, rows: Sequence[RowOnDisk | Array | None]) -> list[_InMemory | _OnDisk | None]:
        """Each of the rows, ready to be read."""
        return [self._part(row) for row in rows]

    def _part(self, row: RowOnDisk | Array | None) -> _InMemory | _OnDisk | None:
        if row is None:
            return None
        if isinstance(row, RowOnDisk):
            return _OnDisk(self._dataset(row), row.row)
        return _InMemory(np.asarray(row))

    def _dataset(self, row: RowOnDisk) -> h5py.Dataset:
        key = row.path, row.name
        if key not in self.datasets:
            item = h5py.h5o.open(self._file(row).id, row.name.encode())
            why = _refusal(item, row.row)
            if why is not None:
                raise RecordError(f"{row.path}: {row.name} {why}")
            self.datasets[key] = h5py.Dataset(item)
        return self.datasets[key]

    def _file(self, row: RowOnDisk) -> h5py.File:
        path = row.path
        if path not in self.files:
            try:
                if stamp_of(path) != row.stamp:
                    raise RecordError(f"{path} has changed since it was opened; open it again")
                self.files[path] = self.stack.enter_context(h5py.File(path, "r"))
            except OSError as error:
                reason = error.strerror or error
                raise RecordError(f"{path} cannot be read any more: {reason}") from error
        return self.files[path]


def _refusal(item: Any, row: int) -> str | None:
    """Why a dataset is not read, as the end of a sentence about it; None where it is."""
    why = refusal(item)
    if why is not None:
        return why
    if is_text(item.dtype):
        return "holds texts"
    if not item.shape or row >= item.shape[0]:
        return "does not have a row a member"
    return None


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
    stamp = stamp_of(path)
    found: dict[str, Rows] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        rows: list[RowOnDisk | Array | None] = []
        for row, is_there in enumerate(item.attrs["there"]):
            rows.append(RowOnDisk(path, stamp, name, row) if is_there else None)
        found[name] = Rows(rows)

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
    shapes = [part.shape for part in there]
    shape = tuple(map(max, zip(*shapes, strict=True)))
    types = [part.dtype for part in there]
    dtype = np.result_type(*types) if types else np.dtype(np.float32)
    return shape, dtype, BLANKS.get(dtype.kind, 0)
