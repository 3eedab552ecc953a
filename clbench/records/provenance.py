"""When, where and with what versions each member was measured.

A run's facts are named by a hash of themselves, so that lists of several records unite without
renumbering: each member says the name of its run, and the record holds the facts once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from clbench.records.cell import CellRecord
from clbench.records.file import RecordFile

Facts = Mapping[str, Any]
LETTERS = 12  # of a run's name


def named(facts: Facts) -> Facts:
    """The facts with their name, `id`."""
    # Sorted, so that equal facts have equal names.
    text = json.dumps(facts, sort_keys=True, default=str)
    return {"id": hashlib.sha256(text.encode()).hexdigest()[:LETTERS], **facts}


def stamped(cell: CellRecord, run: Facts) -> CellRecord:
    """The cell with all members measured in this run."""
    return replace(cell, run=np.array([run["id"]] * cell.members, dtype=object))


def united(lists: Iterable[Sequence[Facts]]) -> tuple[Facts, ...]:
    """Each run once, in the order in which they first appear."""
    by_name: dict[str, Facts] = {}
    for run in chain.from_iterable(lists):
        by_name[str(run.get("id", ""))] = run
    return tuple(by_name.values())


def with_runs(record: RecordFile) -> RecordFile:
    """The record as it is.

    One from before runs were told apart says of all members what it said of itself.
    """
    if record.runs or not record.environment or "merged" in record.environment:
        return record
    if not any(cell.members for cell in (*record.cells, *record.apart)):
        return record
    run = named(record.environment)
    cells = [stamped(cell, run) for cell in record.cells]
    apart = [stamped(cell, run) for cell in record.apart]
    return replace(record, cells=cells, apart=apart, runs=(run,))


def runs_of(record: RecordFile, cell: CellRecord) -> list[tuple[Facts, list[int]]]:
    """The runs that measured a cell, in the record's order, each with its seeds.

    Members that say none are left out. A record from before runs were told apart says the same of
    all.
    """
    if not record.runs and record.environment and "merged" not in record.environment:
        return [(record.environment, np.unique(cell.seed).tolist())]
    found = []
    for run in record.runs:
        seeds = np.unique(cell.seed[cell.run == run.get("id")]).tolist()
        if seeds:
            found.append((run, seeds))
    return found


def environment_of(record: RecordFile, cell: CellRecord) -> Facts:
    """Where a cell was measured, the last time that anything of it was."""
    runs = runs_of(record, cell)
    return runs[-1][0] if runs else record.environment


def in_words(run: Facts) -> str:
    """`2026-11-28 19:26 UTC, clbench 0.1.0, torch 2.9.0, AMD EPYC`: what is known of a run."""
    known = []
    if run.get("date"):
        known.append(str(run["date"]).replace("T", " ").replace("+00:00", " UTC"))
    known += _versions(run.get("packages"))
    if machine := _machine(run):
        known.append(machine)
    if run.get("git"):
        known.append(f"commit {str(run['git'])[:12]}")
    return ", ".join(known) or "nothing is known of it"


def _versions(packages: Any) -> list[str]:
    """Of the packages that say most; a stranger's record may hold anything there."""
    if not isinstance(packages, Mapping):
        return []
    return [f"{name} {packages[name]}" for name in ("clbench", "torch") if packages.get(name)]


def _machine(run: Facts) -> str:
    """The GPU, or the processor where a CPU did the work."""
    device = run.get("device") or ""
    return str(run.get("cpu") or device) if device == "cpu" else str(device)
