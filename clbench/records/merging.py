"""Joining what several jobs, or several people, measured of one cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

import numpy as np

from clbench.errors import RecordError
from clbench.records.cell import CellRecord, select
from clbench.records.faults import Fault
from clbench.records.fields import (
    COMPARED_DATASETS,
    COMPARED_FOLDERS,
    FOLDERS,
    MEMBER_ARRAYS,
)
from clbench.records.padding import aligned, joined_arrays, joined_entries, padded
from clbench.records.rows import Rows
from clbench.records.status import status_of
from clbench.records.validation import validated
from clbench.typing import Array


class Conflict(RecordError):
    """A member that was measured twice, differently."""

    def __init__(self, cell: CellRecord, row: int, dataset: str) -> None:
        seed, agent = int(cell.seed[row]), int(cell.agent[row])
        self.member = (cell.key, seed, agent)
        who = f"seed {seed}, agent {agent}" if cell.agent.any() else f"seed {seed}"
        super().__init__(
            f"{cell.scenario}, {cell.label}: {who} was measured twice, and {dataset} differs"
        )


def merge_cells(cells: Iterable[CellRecord], *, later_wins: bool = False) -> list[CellRecord]:
    """One cell a key, in the order in which the keys first appear, with the members of all.

    A member that is there twice must have been measured alike; with `later_wins` the later one
    wins. One that failed or ran out of time always gives way to one that came to an end. Labels,
    options and protocol are the first cell's. Costs are no part of the comparison: the same run
    takes another time elsewhere.
    """
    merged: dict[str, CellRecord] = {}
    for cell in map(validated, cells):
        known = merged.get(cell.key)
        merged[cell.key] = cell if known is None else _join(known, cell, later_wins)
    return list(merged.values())


def _join(old: CellRecord, new: CellRecord, later_wins: bool) -> CellRecord:
    old, new = aligned(old, new)
    keep_old, keep_new = _who_stays(old, new, later_wins)
    first, second = select(old, keep_old), select(new, keep_new)
    joined = replace(
        first,
        **_measured(first, second),
        faults=_faults(old, first, new),
        declared=tuple(sorted({*old.declared, *new.declared})),
        papers={**old.papers, **new.papers},
        defaults=new.defaults or old.defaults,
        chance=old.chance or new.chance,
        test_images=old.test_images or new.test_images,
        trained_together=max(old.trained_together, new.trained_together),
    )
    joined.status = status_of(joined.member_status)
    return validated(joined)


def _measured(first: CellRecord, second: CellRecord) -> dict[str, Any]:
    """What was measured of the members of both. A cell of which nobody stays leaves no trace."""
    if not first.members or not second.members:
        alone = first if first.members else second
        names = (*MEMBER_ARRAYS, *FOLDERS, "stored", "entries", "probes")
        return {name: getattr(alone, name) for name in names}
    first = _without_stale_metrics(first, second)
    measured: dict[str, Any] = {"probes": {**first.probes, **second.probes}}
    for name in MEMBER_ARRAYS:
        measured[name] = _joined_array(first, second, name)
    for folder in FOLDERS:
        measured[folder] = _joined_folder(first, second, folder)
    measured["stored"] = _joined_stored(first, second)
    measured["entries"] = joined_entries(first.entries, second.entries)
    return measured


def _without_stale_metrics(first: CellRecord, second: CellRecord) -> CellRecord:
    """A metric that was measured in two ways stays as it was measured last."""
    kept = {}
    for name, array in first.metrics.items():
        if name not in second.metrics or first.probes.get(name) == second.probes.get(name):
            kept[name] = array
    return replace(first, metrics=kept)


def _faults(old: CellRecord, first: CellRecord, new: CellRecord) -> tuple[Fault, ...]:
    """What both say, but for what the older says of metrics that were since measured in another
    way, or for everybody.
    """
    measured_anew = set()
    for name in new.metrics:
        if not first.members or first.probes.get(name) != new.probes.get(name):
            measured_anew.add(name)
    # The fault of a job has no metric, and stays.
    still_true = [fault for fault in old.faults if fault.metric not in measured_anew]
    return tuple(dict.fromkeys([*still_true, *new.faults]))


# ---------------------------------------------------------------------- who stays


def _who_stays(old: CellRecord, new: CellRecord, later_wins: bool) -> tuple[Array, Array]:
    """The rows to take from each."""
    row_of = {member: row for row, member in enumerate(old.who)}
    drop_old: list[int] = []
    drop_new: list[int] = []
    for row, member in enumerate(new.who):
        if member not in row_of:
            continue
        before = row_of[member]
        if _later_stays(old, before, new, row, later_wins):
            drop_old.append(before)
        else:
            drop_new.append(row)
    return np.delete(np.arange(old.members), drop_old), np.delete(np.arange(new.members), drop_new)


def _later_stays(old: CellRecord, before: int, new: CellRecord, row: int, later_wins: bool) -> bool:
    """Whether the later of two measurements of one member stays."""
    old_finished, new_finished = bool(old.finished[before]), bool(new.finished[row])
    if not (old_finished and new_finished):
        return not old_finished
    if later_wins:
        return True
    # Both came to an end: of the same streams and code they should have measured the same.
    different = _difference(select(old, np.array([before])), select(new, np.array([row])))
    if different is not None:
        raise Conflict(old, before, different)
    return False


# ---------------------------------------------------------------------- what differs


def _difference(one: CellRecord, other: CellRecord) -> str | None:
    """The first dataset in which both differ; metrics measured in two ways are not the same.

    Nor are metrics that were computed from the rest, and from the record's other cells, such as a
    reference.
    """
    alike = {name for name in one.metrics if one.probes.get(name) == other.probes.get(name)}
    ours, theirs = _measurements(one, alike), _measurements(other, alike)
    for name, array in ours.items():
        if name in theirs and not _equal(array, theirs[name]):
            return name
    return None


def _measurements(cell: CellRecord, metrics: Set[str]) -> dict[str, Array]:
    """Every dataset of the cell by its path, these metrics among them, that two measurements of a
    member must agree in; without what was not measured.
    """
    found: dict[str, Any] = {name: getattr(cell, name) for name in COMPARED_DATASETS}
    if cell.entries is not None:
        found["entries/value"] = cell.entries.value
    for name in cell.metrics:
        if name in metrics and not _is_derived(cell, name):
            found[f"metrics/{name}"] = cell.metrics[name]
    for folder in COMPARED_FOLDERS:
        for name, array in getattr(cell, folder).items():
            found[f"{folder}/{name}"] = array
    return {name: np.asarray(array) for name, array in found.items() if array is not None}


def _is_derived(cell: CellRecord, metric: str) -> bool:
    how = cell.probes.get(metric)
    return isinstance(how, Mapping) and bool(how.get("derived"))


def _equal(one: Array, other: Array) -> bool:
    one, other = padded(one, other)
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


# ---------------------------------------------------------------------- joining


def _joined_array(first: CellRecord, second: CellRecord, name: str) -> Array | None:
    """An array that a cell need not have; NaN for the members of the one without."""
    one, other = getattr(first, name), getattr(second, name)
    if one is None and other is None:
        return None
    if one is None:
        one = np.full(first.members, np.nan)
    if other is None:
        other = np.full(second.members, np.nan)
    return joined_arrays(one, other)


def _joined_folder(first: CellRecord, second: CellRecord, folder: str) -> dict[str, Array]:
    one: Mapping[str, Array] = getattr(first, folder)
    other: Mapping[str, Array] = getattr(second, folder)
    none_of_first = np.full(first.members, np.nan)
    none_of_second = np.full(second.members, np.nan)
    joined = {}
    for name in dict.fromkeys((*one, *other)):
        arrays = one.get(name, none_of_first), other.get(name, none_of_second)
        joined[name] = joined_arrays(*arrays)
    return joined


def _joined_stored(first: CellRecord, second: CellRecord) -> dict[str, Rows]:
    none_of_first = Rows([None] * first.members)
    none_of_second = Rows([None] * second.members)
    joined = {}
    for name in sorted({*first.stored, *second.stored}):
        ours = first.stored.get(name, none_of_first)
        joined[name] = ours + second.stored.get(name, none_of_second)
    return joined
