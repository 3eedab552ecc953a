"""Reading a record, whoever wrote it.

Names of cells, datasets and attributes that nobody knows are ignored, what is missing has a
default, and a file that does not fit is refused in one sentence. A record of many cells is read in
two steps: what all of them are called, and each cell when it is first asked for.
"""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py

from clbench.errors import RecordError
from clbench.records import version_1
from clbench.records.cell import NAMES, CellOnDisk, CellRecord, Entries
from clbench.records.fields import (
    ATTRIBUTES,
    FOLDERS,
    MEMBER_ARRAYS,
    RECORD_FIELDS,
    Field,
    Storage,
)
from clbench.records.file import (
    APART,
    CELLS,
    KNOWN_VERSIONS,
    SCHEMA_VERSION,
    STORED,
    RecordFile,
)
from clbench.records.hdf5 import Source
from clbench.records.looks import Look, read_looks
from clbench.records.rows import RowOnDisk, Rows, stamp_of
from clbench.records.validation import validated
from clbench.typing import Array

# What h5py, numpy and our own checks raise of a file that is damaged.
_DAMAGE = (
    OSError,
    KeyError,
    RuntimeError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
)
READ_AT_ONCE = 200  # cells; those of a larger record are read when they are asked for
ENTRIES = ("entries/row", "entries/column", "entries/value")


def read_record(path: Path) -> RecordFile:
    """The record; `RecordError` says in one sentence why a file is none."""
    path = Path(path)
    _refuse_what_is_no_file(path)
    with _diagnosed(path):
        file = h5py.File(path, "r")
        record = _Reader(path, file).read()
        cells = [*record.cells, *record.apart]
        if len(cells) <= READ_AT_ONCE:
            for cell in cells:
                assert isinstance(cell, CellOnDisk)
                cell.read()
            file.close()  # else it closes when the last cell is read or let go of
        return record


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        is_there, is_folder = path.exists(), path.is_dir()
    except OSError as error:  # a name that no file can have
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    if is_folder:
        raise RecordError(f"{path} is a folder; name the record in it{_perhaps(path.glob('*.h5'))}")
    if not is_there:
        raise RecordError(f"{path}: there is no such file{_perhaps(_of_suite(path.name))}")


def looks_in(path: Path) -> tuple[Look, ...]:
    """The looks alone, of a file that was read as a record before."""
    with _diagnosed(path), h5py.File(path, "r") as file:
        return read_looks(Source(path), file)


def _of_suite(name: str) -> Iterator[Path]:
    """Where `clbench run` puts the record of a suite of this name."""
    path = Path("results", name, f"{name}.h5")
    if path.is_file():
        yield path


def _perhaps(found: Iterable[Path]) -> str:
    first = next(iter(sorted(found)), None)
    return f"; did you mean {first}?" if first else ""


@contextlib.contextmanager
def _diagnosed(path: Path) -> Iterator[None]:
    """What goes wrong with a file, in a sentence about it."""
    try:
        yield
    except PermissionError:
        raise RecordError(f"{path} cannot be read: permission denied") from None
    except _DAMAGE as error:
        raise RecordError(f"{path} {_diagnosis(path, error)}") from error


def _diagnosis(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        size = len(file.read(8))
    if size == 0:
        return "is empty, not a record"
    if not h5py.is_hdf5(path):
        if path.suffix in {".yaml", ".yml"}:
            return "is a suite, not a record; `clbench run` on it writes one, and says where"
        return "is not an HDF5 file, so it is no record"
    if "truncated" in str(error):  # only HDF5's message tells that from other damage
        return "is truncated: a part of it is missing; copy it again, or run its suite again"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"is damaged: {lines[0]}"


@dataclass(frozen=True)
class _Group:
    """The group of a cell: its path in the file, h5py's object, and the names of all below it."""

    location: str
    item: Any
    names: set[str]


class _Reader:
    """Reads one file, of any schema that is known."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self.file = path, file
        self.stamp = stamp_of(path)
        self.source = Source(path)
        self.version = self._version()

    def read(self) -> RecordFile:
        below = self._names()
        told = {one.name: self._attribute(self.file.id, one) for one in RECORD_FIELDS}
        told["suite"] = self.source.text(self.file.id, "suite", self.path.stem)
        return RecordFile(
            schema_version=self.version,
            cells=self._cells(CELLS, below),
            apart=self._cells(APART, below),
            looks=read_looks(self.source, self.file),
            **told,
        )

    def _version(self) -> int:
        value = self.source.attribute(self.file.id, "schema_version")
        if value is None:
            raise RecordError(
                f"{self.path} is an HDF5 file, but no record: it has no attribute schema_version"
            )
        if isinstance(value, int | float) and value in KNOWN_VERSIONS:
            return int(value)
        known = " and ".join(map(str, KNOWN_VERSIONS))
        newer = ""
        if isinstance(value, int) and value > SCHEMA_VERSION:
            newer = "; it was written by a newer clbench"
        raise RecordError(
            f"{self.path} has schema version {value!r},"
            f" and this clbench reads versions {known}{newer}"
        )

    def _attribute(self, item: Any, one: Field) -> Any:
        """The value of a field that is an attribute; as usual where the file does not hold it."""
        if one.storage is Storage.TEXT:
            return self.source.text(item, one.name, one.usual)
        usual = copy(one.usual)  # cells must not share a dictionary
        return one.decode(self.source.json(item, one.name, usual))

    def _cells(self, folder: str, below: dict[tuple[str, str], set[str]]) -> list[CellRecord]:
        """The cells of a group, in the suite's order."""
        found = []
        for (where, key), names in below.items():
            if where == folder:
                found.append(self._announced(folder, key, names))
        found.sort(key=lambda pair: (pair[0], pair[1].key))
        return [cell for _, cell in found]

    def _names(self) -> dict[tuple[str, str], set[str]]:
        """What is below each cell, by its group and key.

        Links that may lead out of the file, or in circles, are refused wherever they stand.
        """
        cells: dict[tuple[str, str], set[str]] = defaultdict(set)

        def visit(name: bytes | str, info: Any) -> str | None:
            text = name if isinstance(name, str) else name.decode(errors="replace")
            # One visit of all names is much faster than opening every group.
            folder, *below = text.split("/", 2)
            if folder in (CELLS, APART) and below:
                key, *rest = below
                cells[folder, key].update(rest)
            is_plain = info.type == h5py.h5l.TYPE_HARD
            return None if is_plain else text  # a name ends the visit

        link = self.file.id.links.visit(visit, info=True)
        if link is not None:
            raise RecordError(
                f"{self.path}: {link} is a link to somewhere else; a record holds its data itself"
            )
        return cells

    # ------------------------------------------------------------------ one cell

    def _announced(self, folder: str, key: str, names: set[str]) -> tuple[float, CellOnDisk]:
        """The cell's position in the suite, and the cell, of which the rest is read later."""
        if not key.isprintable():
            raise RecordError(f"{self.path}: a cell's key holds control characters: {key!r}")
        group = self._group(f"{folder}/{key}", names)
        known = {"key": key, **self._known_names(group)}
        if "seed" not in names:
            raise RecordError(f"{self.path}: {group.location} has no dataset seed")
        self._check_printable(group.location, known)
        position = self.source.attribute(group.item, "position")
        cell = CellOnDisk.of(partial(self._cell, group, known), **known)
        # Cells that do not say it come last, by key.
        return (position if isinstance(position, int) else math.inf), cell

    def _group(self, location: str, names: set[str]) -> _Group:
        item = h5py.h5o.open(self.file.id, location.encode())
        if not isinstance(item, h5py.h5g.GroupID):
            raise RecordError(f"{self.path}: {location} is not a group")
        return _Group(location, item, names)

    def _known_names(self, group: _Group) -> dict[str, str]:
        names = {}
        for name in ("scenario", "strategy"):
            names[name] = self.source.text(group.item, name)
            if not names[name]:
                raise RecordError(f"{self.path}: {group.location} has no attribute {name}")
        names["label"] = self.source.text(group.item, "label") or names["strategy"]
        return names

    def _check_printable(self, location: str, names: dict[str, str]) -> None:
        for name in names.values():
            if not name.isprintable():
                raise RecordError(
                    f"{self.path}: {location} has a name that holds control characters: {name!r}"
                )

    def _cell(self, group: _Group, known: dict[str, str]) -> CellRecord:
        with _diagnosed(self.path):
            told = {**known, **self._attributes(group), **self._arrays(group)}
            if self.version == version_1.SCHEMA_VERSION:
                self._translate(group, told)
            try:
                return validated(CellRecord(**told))
            except ValueError as error:
                raise RecordError(f"{self.path}: {group.location}: {error}") from None

    def _attributes(self, group: _Group) -> dict[str, Any]:
        """Those that are not known already."""
        told = {}
        for one in ATTRIBUTES:
            if one.name not in NAMES:
                told[one.name] = self._attribute(group.item, one)
        return told

    def _arrays(self, group: _Group) -> dict[str, Any]:
        # A cell has no accuracy where it has entries, or failed.
        found: dict[str, Any] = {"accuracy": None}
        for name in MEMBER_ARRAYS:
            if name in group.names:
                found[name] = self.source.array(group.location, group.item, name)
        for folder in FOLDERS:
            found[folder] = self._folder(group, folder)
        found["entries"] = self._entries(group)
        found["stored"] = self._stored(group, found["seed"].size)
        return found

    def _translate(self, group: _Group, told: dict[str, Any]) -> None:
        """What schema 1 said in another way."""
        sentences = self.source.json(group.item, "errors", [])
        told["faults"] = tuple(version_1.fault_of(str(one)) for one in sentences)
        told["declared"] = version_1.declared(told["declared"], told["strategy"])

    def _stored(self, group: _Group, members: int) -> dict[str, Rows]:
        """Where what was kept lies; it is looked at when it is asked for."""
        found = {}
        for name in sorted(group.names):
            # Groups on the way to a dataset, which has two above it, are none.
            if name.partition("/")[0] in STORED and name.count("/") == 2:
                path = f"{group.location}/{name}"
                rows = [RowOnDisk(self.path, self.stamp, path, row) for row in range(members)]
                found[name] = Rows(rows)
        return found

    def _entries(self, group: _Group) -> Entries | None:
        there = [name for name in ENTRIES if name in group.names]
        if not there:
            return None
        for name in ENTRIES:
            if name not in there:
                raise RecordError(f"{self.path}: {group.location} has entries, but no {name}")
        row, column, value = (
            self.source.array(group.location, group.item, name) for name in ENTRIES
        )
        return Entries(row, column, value)

    def _folder(self, group: _Group, folder: str) -> dict[str, Array]:
        """The arrays below a folder by name, which may hold slashes.

        Folders and dimension scales are no data.
        """
        found = {}
        for name in sorted(name for name in group.names if name.startswith(f"{folder}/")):
            item = h5py.h5o.open(group.item, name.encode())
            if isinstance(item, h5py.h5d.DatasetID) and not h5py.h5ds.is_scale(item):
                values = self.source.values(f"{group.location}/{name}", item)
                found[name.removeprefix(f"{folder}/")] = values
        return found
