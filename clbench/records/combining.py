"""Several records as one file: seeds of a cell unite, and where each part came from stays known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clbench.errors import RecordError
from clbench.records.apart import divided
from clbench.records.cell import CellRecord
from clbench.records.file import SCHEMA_VERSION, SMOKE, RecordFile
from clbench.records.looks import united_looks
from clbench.records.merging import Conflict, merge_cells
from clbench.records.provenance import united, with_runs
from clbench.records.reading import read_record
from clbench.records.writing import write_file

KEY_LETTERS = 8  # of a key, where a label alone does not tell cells apart


def merge_records(paths: Sequence[Path], out: Path) -> RecordFile:
    """Join records into a new file.

    Members measured twice, differently, are named and refused; an existing file is never replaced.
    """
    resolved = {path.resolve() for path in paths}
    if len(resolved) < len(paths):
        raise RecordError("a record is named twice; name each one once")
    records = [with_runs(read_record(path)) for path in paths]
    if out.exists():
        which = "is one of the records to merge" if out.resolve() in resolved else "exists"
        raise RecordError(f"{out} {which}; choose another name with --out, or remove it")
    combined = _combined(list(paths), records)
    write_file(out, combined)
    return combined


def _combined(paths: Sequence[Path], records: Sequence[RecordFile]) -> RecordFile:
    parts = _Parts()
    for path, record in zip(paths, records, strict=True):
        parts.add(path, record)
    texts = {source["suite_text"] for source in parts.sources}
    suites = dict.fromkeys(record.suite for record in records)
    runs = united(record.runs for record in records)
    looks = united_looks(record.looks for record in records)
    return RecordFile(
        schema_version=SCHEMA_VERSION,
        suite=" + ".join(suites),
        suite_text=texts.pop() if len(texts) == 1 else "",
        environment={"merged": parts.sources},
        cells=tell_apart(parts.cells, parts.origin),
        metrics=metrics_of(records),
        apart=_apart(records),
        runs=runs,
        purpose=_purpose(records),
        metric_facts=metric_facts_of(records),
        looks=looks,
    )


class _Parts:
    """The cells of several records, and where each of them came from."""

    def __init__(self) -> None:
        self.cells: list[CellRecord] = []
        self.sources: list[dict[str, Any]] = []
        self.origin: dict[str, str] = {}  # by key: the suite that had the cell first
        self._known: dict[str, CellRecord] = {}
        self._holders: dict[tuple[str, int, int], Path] = {}  # by key, seed and agent

    def add(self, path: Path, record: RecordFile) -> None:
        """The cells of one more record."""
        own = [keyed_apart(cell, self._known) for cell in record.cells]
        try:
            # One record at a time, so that a conflict names the file.
            self.cells = merge_cells([*self.cells, *own])
        except Conflict as conflict:
            raise RecordError(
                f"{conflict}: in {self._holders[conflict.member]} and in {path};"
                " merge one of the two without it"
            ) from None
        for cell in own:
            self._known.setdefault(cell.key, cell)
            self.origin.setdefault(cell.key, record.suite)
            self._note_holder(path, cell)
        self.sources += _sources(path, record, [cell.key for cell in own])

    def _note_holder(self, path: Path, cell: CellRecord) -> None:
        """The file that had a member first."""
        for member in cell.who:
            self._holders.setdefault((cell.key, *member), path)


def metrics_of(records: Sequence[RecordFile]) -> tuple[tuple[str, Any], ...]:
    """What any of the suites asks for; of one metric with several options, as the first asks."""
    asked: dict[str, Any] = {}
    for record in reversed(records):
        asked |= dict(record.metrics)
    return tuple(asked.items())


def metric_facts_of(records: Sequence[RecordFile]) -> dict[str, Any]:
    """Unit, direction and the like of the stored metrics, as the first record that has one says."""
    known: dict[str, Any] = {}
    for record in reversed(records):
        known |= record.metric_facts
    return known


def _purpose(records: Sequence[RecordFile]) -> str:
    """One record of made-up data makes all of it so."""
    purposes = {record.purpose for record in records}
    if SMOKE in purposes:
        return SMOKE
    return purposes.pop() if len(purposes) == 1 else ""


def _apart(records: Sequence[RecordFile]) -> list[CellRecord]:
    """What any of them keeps apart, but for runs that another one asks for."""
    asked: dict[str, set[int]] = {}
    for record in records:
        for cell in record.cells:
            asked.setdefault(cell.key, set()).update(cell.seed.tolist())
    left = []
    for record in records:
        for cell in record.apart:
            _, rest = divided(cell, asked.get(cell.key, set()), why=cell.apart)
            if rest is not None:
                left.append(rest)
    return merge_cells(left)


# ---------------------------------------------------------------------- names


def keyed_apart(cell: CellRecord, known: Mapping[str, CellRecord]) -> CellRecord:
    """The cell under a key that is no other cell's.

    A key that says nothing of what it names (another library's) may be another file's name for
    something else.
    """
    key, number = cell.key, 1
    while not cell.content and key in known and identity(known[key]) != identity(cell):
        number += 1
        key = f"{cell.key}-{number}"
    return cell if key == cell.key else replace(cell, key=key)


def identity(cell: CellRecord) -> tuple[str, ...]:
    """What a cell is said to be, where its key is only a name: what was trained, and how."""
    how = _as_text(cell.options), _as_text(cell.protocol)
    return cell.scenario, cell.strategy, cell.label, *how


def _as_text(options: Mapping[str, Any]) -> str:
    """The same of equal options, in whatever order they are given."""
    return json.dumps(options, sort_keys=True, default=str)


def tell_apart(cells: list[CellRecord], origin: Mapping[str, str]) -> list[CellRecord]:
    """What two suites call alike and is not gets its suite's name behind its label.

    Where that is not enough, it gets the end of its key.
    """
    ends = {cell.key: cell.key[-KEY_LETTERS:] for cell in cells}
    for suffix in (origin, ends):
        alike = ambiguous(cells)
        cells = [
            replace(cell, label=f"{cell.label} [{suffix[cell.key]}]")
            if cell.label in alike
            else cell
            for cell in cells
        ]
    return cells


def ambiguous(cells: Iterable[CellRecord]) -> set[str]:
    """Labels that more than one cell of a scenario has."""
    count = Counter((cell.scenario, cell.label) for cell in cells)
    return {label for (_, label), cells_of in count.items() if cells_of > 1}


# ---------------------------------------------------------------------- where it came from


def _sources(path: Path, record: RecordFile, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The record, or where it was merged itself, what it was merged from."""
    merged = record.environment.get("merged")
    if isinstance(merged, list) and all(isinstance(source, dict) for source in merged):
        return [{"suite": "", "suite_text": "", **source} for source in merged]
    return [
        {
            "file": path.name,
            "suite": record.suite,
            "suite_text": record.suite_text,
            "environment": dict(record.environment),
            "cells": list(keys),
        }
    ]


def separated(record: RecordFile) -> list[RecordFile]:
    """A merged record as one record a suite: only methods of one suite are declared comparable."""
    suites = _keys_by_suite(record)
    if len(suites) < 2:
        return [record]
    parts = [part for part in _parts(record, suites) if part.cells]
    # What is kept apart is kept once.
    return [*parts[:1], *(replace(part, apart=[]) for part in parts[1:])]


def _keys_by_suite(record: RecordFile) -> dict[tuple[str, str], set[str]]:
    """By name and text of a suite, the keys of its cells, as a merged record says."""
    merged = record.environment.get("merged")
    suites: dict[tuple[str, str], set[str]] = {}
    for source in merged if isinstance(merged, list) else []:
        if isinstance(source, dict) and isinstance(source.get("cells"), list):
            suite = str(source.get("suite", "")), str(source.get("suite_text", ""))
            suites.setdefault(suite, set()).update(map(str, source["cells"]))
    return suites


def _parts(record: RecordFile, suites: Mapping[tuple[str, str], set[str]]) -> Iterator[RecordFile]:
    """The cells of each suite, and last those that none has.

    A cell of several is the first one's.
    """
    taken: set[str] = set()
    for (suite, text), keys in suites.items():
        cells = [cell for cell in record.cells if cell.key in keys - taken]
        taken |= keys
        yield replace(record, suite=suite, suite_text=text, cells=cells)
    yield replace(record, cells=[cell for cell in record.cells if cell.key not in taken])
