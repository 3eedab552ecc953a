"""Reading a record that anybody may have written: nothing outside the file is followed, nothing in it is executed.

A record of a few cells is read and checked whole. Of a larger one only the names are, and each cell when it is first asked for.
Datasets are opened through h5py's lower level: a record of ten thousand runs has too many of them for the upper one.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from clbench.errors import RecordError
from clbench.records.cell import (
    DECLARATIONS,
    GROUPS,
    CellOnDisk,
    CellRecord,
    Entries,
    settled,
)
from clbench.records.datasets import is_text, refusal
from clbench.records.file import (
    APART,
    CELLS,
    CHANCE,
    DATASETS,
    JSON_ATTRIBUTES,
    SCHEMA_VERSION,
    STORED,
    RecordFile,
)
from clbench.records.rows import Place, Rows, stamp_of
from clbench.typing import Array

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
FEW = 200  # cells
KINDS = {dict: "object", list: "list", int: "number"}  # of JSON, as messages name them
OLD_BOUNDS = ("joint", "cumulative")  # built in since the first record; their names are taken


def read_record(path: Path) -> RecordFile:
    """The record; `RecordError` says in one sentence why a file is none."""
    path = Path(path)
    if not path.exists():
        raise RecordError(f"{path}: there is no such file{_perhaps(_of_suite(path.name))}")
    if path.is_dir():
        raise RecordError(f"{path} is a folder; name the record in it{_perhaps(path.glob('*.h5'))}")
    with _diagnosed(path):
        file = h5py.File(path, "r")
        record = _Reader(path, file).read()
        cells = [*record.cells, *record.apart]
        if len(cells) <= FEW:
            for cell in cells:
                assert isinstance(cell, CellOnDisk)
                cell.read()
            file.close()  # else it closes when the last cell is read or let go of
        return record


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
    if "truncated" in str(error):
        return "is truncated: a part of it is missing; copy it again, or run its suite again"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"is damaged: {lines[0]}"


class _Reader:
    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self.file, self.stamp = path, file, stamp_of(path)

    def read(self) -> RecordFile:
        root = self.file.id
        version = self._version(root)
        below = self._names()
        return RecordFile(
            schema_version=version,
            suite=self._text(root, "suite", self.path.stem),
            suite_text=self._text(root, "suite_text", ""),
            environment=self._json(root, "environment", {}),
            metrics=tuple(
                (str(name), dict(options)) for name, options in self._json(root, "metrics", [])
            ),
            cells=self._cells(CELLS, below),
            apart=self._cells(APART, below),
            purpose=self._text(root, "purpose", ""),
            metric_facts=self._json(root, "metric_facts", {}),
            runs=tuple(run for run in self._json(root, "runs", []) if isinstance(run, dict)),
        )

    def _version(self, root: Any) -> int:
        value = self._attribute(root, "schema_version")
        if value is None:
            raise RecordError(
                f"{self.path} is an HDF5 file, but no record: it has no attribute schema_version"
            )
        if not isinstance(value, int | float) or value != SCHEMA_VERSION:
            newer = (
                "; it was written by a newer clbench"
                if isinstance(value, int) and value > SCHEMA_VERSION
                else ""
            )
            raise RecordError(
                f"{self.path} has schema version {value!r}, and this clbench reads version {SCHEMA_VERSION}{newer}"
            )
        return SCHEMA_VERSION

    def _cells(self, folder: str, below: dict[tuple[str, str], set[str]]) -> list[CellRecord]:
        """The cells of a group, in the suite's order."""
        found = [
            self._announced(folder, key, names)
            for (where, key), names in below.items()
            if where == folder
        ]
        found.sort(key=lambda pair: (pair[0], pair[1].key))
        return [cell for _, cell in found]

    def _names(self) -> dict[tuple[str, str], set[str]]:
        """What is below each cell, by its group and key.

        Links that may lead out of the file, or in circles, are refused wherever they stand.
        """
        cells: dict[tuple[str, str], set[str]] = defaultdict(set)

        def visit(name: bytes | str, info: Any) -> str | None:
            text = name if isinstance(name, str) else name.decode(errors="replace")
            parts = text.split("/", 2)
            if parts[0] in (CELLS, APART) and len(parts) > 1:
                cells[parts[0], parts[1]].update(parts[2:])
            return None if info.type == h5py.h5l.TYPE_HARD else text  # a name ends the visit

        link = self.file.id.links.visit(visit, info=True)
        if link is not None:
            raise RecordError(
                f"{self.path}: {link} is a link to somewhere else; a record holds its data itself"
            )
        return cells

    # ------------------------------------------------------------------ one cell

    def _announced(self, folder: str, key: str, names: set[str]) -> tuple[float, CellOnDisk]:
        """The cell's place in the suite, and the cell, of which the rest is read when it is asked for."""
        if not key.isprintable():
            raise RecordError(f"{self.path}: a cell's key holds control characters: {key!r}")
        place = f"{folder}/{key}"
        group = h5py.h5o.open(self.file.id, place.encode())
        if not isinstance(group, h5py.h5g.GroupID):
            raise RecordError(f"{self.path}: {place} is not a group")
        for name in ("scenario", "strategy"):
            if not self._text(group, name, ""):
                raise RecordError(f"{self.path}: {place} has no attribute {name}")
        if "seed" not in names:
            raise RecordError(f"{self.path}: {place} has no dataset seed")
        strategy, position = self._text(group, "strategy", ""), self._attribute(group, "position")
        known = {
            "scenario": self._text(group, "scenario", ""),
            "strategy": strategy,
            "label": self._text(group, "label", "") or strategy,
        }
        for name in known.values():
            if not name.isprintable():
                raise RecordError(
                    f"{self.path}: {place} has a name that holds control characters: {name!r}"
                )
        cell = CellOnDisk.of(
            partial(self._cell, place, group, names, key=key, **known), key=key, **known
        )
        return (position if isinstance(position, int) else float("inf")), cell

    def _cell(self, place: str, group: Any, names: set[str], **known: Any) -> CellRecord:
        with _diagnosed(self.path):
            known |= {
                name: self._array(place, group, name) if name in names else None
                for name in DATASETS
            }
            known |= {name: self._json(group, name, {}) for name in JSON_ATTRIBUTES}
            known |= {folder: self._folder(place, group, folder, names) for folder in GROUPS}
            seed = self._array(place, group, "seed")
            cell = CellRecord(
                form=self._text(group, "form", ""),
                graphs=self._text(group, "graphs", ""),
                status=self._text(group, "status", "done"),
                apart=self._text(group, "apart", ""),
                errors=tuple(map(str, self._json(group, "errors", []))),
                chance=_chance(self._json(group, "chance", {})),
                about=self._text(group, "about", ""),
                declared=self._declared(group, str(known["strategy"])),
                trained_together=self._json(group, "trained_together", 1),
                entries=self._entries(place, group, names),
                seed=seed,
                stored=self._stored(place, group, names, seed.size),
                **known,
            )
            try:
                return settled(cell)
            except ValueError as error:
                raise RecordError(f"{self.path}: {place}: {error}") from None

    def _declared(self, group: Any, strategy: str) -> tuple[str, ...]:
        """What its classes declare. Older records say nothing of bounds, which are known by name there."""
        said = self._json(group, "declared", [])
        if not said and strategy in OLD_BOUNDS:
            return ("bound",)
        return tuple(name for name in DECLARATIONS if name in said)

    def _stored(self, place: str, group: Any, names: set[str], members: int) -> dict[str, Rows]:
        """Where what was kept lies; it is looked at when it is asked for. Groups on the way to it are no datasets."""
        found = sorted(
            name for name in names if name.partition("/")[0] in STORED and name.count("/") == 2
        )
        where = [(name, f"{place}/{name}") for name in found]
        return {
            name: Rows([Place(self.path, self.stamp, path, row) for row in range(members)])
            for name, path in where
        }

    def _entries(self, place: str, group: Any, names: set[str]) -> Entries | None:
        wanted = ("entries/row", "entries/column", "entries/value")
        if not any(name in names for name in wanted):
            return None
        for name in wanted:
            if name not in names:
                raise RecordError(f"{self.path}: {place} has entries, but no {name}")
        return Entries(*(self._array(place, group, name) for name in wanted))

    def _folder(self, place: str, group: Any, folder: str, names: set[str]) -> dict[str, Array]:
        """The arrays below a folder by name; names may hold slashes, folders and dimension scales are no data."""
        found = {}
        for name in sorted(name for name in names if name.startswith(f"{folder}/")):
            item = h5py.h5o.open(group, name.encode())
            if isinstance(item, h5py.h5d.DatasetID) and not h5py.h5ds.is_scale(item):
                found[name.removeprefix(f"{folder}/")] = self._values(f"{place}/{name}", item)
        return found

    # ------------------------------------------------------------------ datasets

    def _array(self, place: str, group: Any, name: str) -> Array:
        return self._values(f"{place}/{name}", h5py.h5o.open(group, name.encode()))

    def _values(self, place: str, item: Any) -> Array:
        why = refusal(item)
        if why is not None:
            raise RecordError(f"{self.path}: {place} {why}")
        dtype, shape, text = item.dtype, item.shape, is_text(item.dtype)
        values = np.empty(shape, dtype)
        if values.size:
            item.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        return (
            np.array([_decoded(value) for value in values.flat], dtype=object).reshape(shape)
            if text
            else values
        )

    # ------------------------------------------------------------------ attributes

    def _attribute(self, item: Any, name: str) -> Any:
        """A text or a number; None where there is no such attribute."""
        if not h5py.h5a.exists(item, name.encode()):
            return None
        attribute = h5py.h5a.open(item, name.encode())
        dtype = attribute.dtype
        text = is_text(dtype)
        shape = attribute.shape
        if (not text and dtype.kind not in "biuf") or math.prod(shape) != 1:
            raise RecordError(f"{self.path}: the attribute {name} is neither a text nor a number")
        value = np.empty(shape, dtype)
        attribute.read(value)
        return _decoded(value.item()) if text else value.item()

    def _text(self, item: Any, name: str, default: str) -> str:
        value = self._attribute(item, name)
        if value is not None and not isinstance(value, str):
            raise RecordError(f"{self.path}: the attribute {name} is not a text")
        return default if value is None else value

    def _json(self, item: Any, name: str, default: Any) -> Any:
        """Plain data of the default's type."""
        text = self._text(item, name, "")
        if not text:
            return default
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, type(default)):
            kind = KINDS[type(default)]
            raise RecordError(f"{self.path}: the attribute {name} is not a JSON {kind}")
        return value


def _chance(told: dict[str, Any]) -> dict[str, float]:
    """Accuracies by name; anything else that the attribute may hold is no chance level."""
    return {
        name: float(told[name])
        for name in CHANCE
        if isinstance(told.get(name), int | float) and 0 < told[name] < 1
    }


def _decoded(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
