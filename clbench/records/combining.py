"""Several records as one file: seeds of a cell unite, and where each part came from stays known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clbench.errors import RecordError
from clbench.records.apart import divided
from clbench.records.cell import CellRecord
from clbench.records.file import SCHEMA_VERSION, SMOKE, RecordFile
from clbench.records.merging import Conflict, merge_cells
from clbench.records.provenance import united, with_runs
from clbench.records.reading import read_record
from clbench.records.writing import write_file


def merge_records(paths: Sequence[Path], out: Path) -> RecordFile:
    """Join records into a new file. Members measured twice, differently, are named and refused; an existing file is never replaced."""
    if len({path.resolve() for path in paths}) < len(paths):
        raise RecordError("a record is named twice; name each one once")
    records = [with_runs(read_record(path)) for path in paths]
    if out.exists():
        which = (
            "is one of the records to merge"
            if out.resolve() in {path.resolve() for path in paths}
            else "exists"
        )
        raise RecordError(f"{out} {which}; choose another name with --out, or remove it")
    combined = _combined(list(paths), records)
    write_file(out, combined)
    return combined


def _combined(paths: Sequence[Path], records: Sequence[RecordFile]) -> RecordFile:
    cells: list[CellRecord] = []
    known: dict[str, CellRecord] = {}
    holders: dict[tuple[str, int, int], Path] = {}
    origin: dict[str, str] = {}
    sources: list[dict[str, Any]] = []
    for path, record in zip(paths, records, strict=True):
        own = [keyed_apart(cell, known) for cell in record.cells]
        try:
            cells = merge_cells([*cells, *own])
        except Conflict as conflict:
            raise RecordError(
                f"{conflict}: in {holders[conflict.member]} and in {path}; merge one of the two without it"
            ) from None
        for cell in own:
            known.setdefault(cell.key, cell)
            origin.setdefault(cell.key, record.suite)
            for seed, agent in zip(cell.seed.tolist(), cell.agent.tolist(), strict=True):
                holders.setdefault((cell.key, seed, agent), path)
        sources += _sources(path, record, [cell.key for cell in own])
    texts = list(dict.fromkeys(source["suite_text"] for source in sources))
    return RecordFile(
        schema_version=SCHEMA_VERSION,
        suite=" + ".join(dict.fromkeys(record.suite for record in records)),
        suite_text=texts[0] if len(texts) == 1 else "",
        environment={"merged": sources},
        cells=tell_apart(cells, origin),
        metrics=metrics_of(records),
        apart=_apart(records),
        runs=united(record.runs for record in records),
        purpose=_purpose(records),
        metric_facts=metric_facts_of(records),
    )


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
    for cell in (cell for record in records for cell in record.cells):
        asked.setdefault(cell.key, set()).update(cell.seed.tolist())
    rest = [
        divided(cell, asked.get(cell.key, set()), why=cell.apart)[1]
        for cell in (cell for record in records for cell in record.apart)
    ]
    return merge_cells([cell for cell in rest if cell is not None])


def keyed_apart(cell: CellRecord, known: Mapping[str, CellRecord]) -> CellRecord:
    """A key that says nothing of what it names (another library's) may be another file's name for something else."""
    key, number = cell.key, 1
    while not cell.content and key in known and identity(known[key]) != identity(cell):
        number += 1
        key = f"{cell.key}-{number}"
    return cell if key == cell.key else replace(cell, key=key)


def identity(cell: CellRecord) -> tuple[str, ...]:
    """What a cell is said to be, where its key is only a name: scenario, strategy and how it was trained."""
    how = (json.dumps(told, sort_keys=True, default=str) for told in (cell.options, cell.protocol))
    return cell.scenario, cell.strategy, cell.label, *how


def _sources(path: Path, record: RecordFile, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The record, or where it was merged itself, what it was merged from."""
    merged = record.environment.get("merged")
    if isinstance(merged, list) and all(isinstance(source, dict) for source in merged):
        return [{"suite": "", "suite_text": "", **source} for source in merged]
    described = {
        "file": path.name,
        "suite": record.suite,
        "suite_text": record.suite_text,
        "environment": dict(record.environment),
    }
    return [{**described, "cells": list(keys)}]


def separated(record: RecordFile) -> list[RecordFile]:
    """A merged record as one record a suite: only methods of one suite are comparable by declaration."""
    merged = record.environment.get("merged")
    suites: dict[tuple[str, str], list[str]] = {}
    for source in merged if isinstance(merged, list) else []:
        if isinstance(source, dict) and isinstance(source.get("cells"), list):
            suites.setdefault(
                (str(source.get("suite", "")), str(source.get("suite_text", ""))), []
            ).extend(map(str, source["cells"]))
    if len(suites) < 2:
        return [record]
    taken: set[str] = set()
    parts = []
    for (suite, text), keys in suites.items():
        cells = [cell for cell in record.cells if cell.key in set(keys) - taken]
        taken |= set(keys)
        parts.append(replace(record, suite=suite, suite_text=text, cells=cells))
    rest = [cell for cell in record.cells if cell.key not in taken]
    found = [part for part in [*parts, replace(record, cells=rest)] if part.cells]
    return [found[0], *(replace(part, apart=[]) for part in found[1:])] if found else []


def tell_apart(cells: list[CellRecord], origin: Mapping[str, str]) -> list[CellRecord]:
    """What two suites call alike and is not gets its suite's name behind its label; where that is not enough, its key."""
    for suffix in (origin, {cell.key: cell.key[-8:] for cell in cells}):
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
