"""Joining what several jobs, or several people, measured of one cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

import numpy as np

from clbench.errors import RecordError
from clbench.records.cell import (
    GROUPS,
    SINGLE,
    CellRecord,
    Entries,
    metric_of,
    select,
    settled,
    status_of,
)
from clbench.records.rows import Rows
from clbench.typing import Array

FINISHED = ("done", "diverged")
# What of a member may not differ between two measurements, besides its metrics, curves and notes.
COMPARED = ("member_status", "diverged_at", "accuracy", "accuracy_before", "loss")


class Conflict(RecordError):
    """A member that was measured twice, differently."""

    def __init__(self, cell: CellRecord, row: int, dataset: str) -> None:
        assert cell.agent is not None
        self.member = (cell.key, int(cell.seed[row]), int(cell.agent[row]))
        agent = f", agent {cell.agent[row]}" if cell.agent.any() else ""
        super().__init__(
            f"{cell.scenario}, {cell.label}: seed {cell.seed[row]}{agent} was measured twice, and {dataset} differs"
        )


def merge_cells(cells: Iterable[CellRecord], *, later_wins: bool = False) -> list[CellRecord]:
    """One cell a key, in the order in which the keys first appear, with the members of all.

    A member that is there twice must have been measured alike; with `later_wins` the later one wins. One that
    failed or ran out of time always gives way to one that came to an end. Labels, options and protocol are the
    first cell's. Costs are no part of the comparison: the same run takes another time elsewhere.
    """
    merged: dict[str, CellRecord] = {}
    for cell in map(settled, cells):
        merged[cell.key] = _join(merged[cell.key], cell, later_wins) if cell.key in merged else cell
    return list(merged.values())


def _join(old: CellRecord, new: CellRecord, later_wins: bool) -> CellRecord:
    old, new = _aligned(old, new)
    keep_old, keep_new = _who_stays(old, new, later_wins)
    first, second = select(old, keep_old), select(new, keep_new)
    joined = replace(
        first,
        **_measured(first, second),
        errors=_errors(old, first, new),
        declared=tuple(sorted({*old.declared, *new.declared})),
        chance=old.chance or new.chance,
        trained_together=max(old.trained_together, new.trained_together),
    )
    assert joined.member_status is not None
    joined.status = status_of(joined.member_status)
    return settled(joined)


def _measured(first: CellRecord, second: CellRecord) -> dict[str, Any]:
    """The arrays of both. A cell of which nobody stays leaves no trace; a metric measured in two ways stays as it was measured last."""
    if not first.members or not second.members:
        alone = first if first.members else second
        return {
            name: getattr(alone, name) for name in (*SINGLE, *GROUPS, "stored", "entries", "probes")
        }
    stale = {
        name
        for name in first.metrics
        if name in second.metrics and first.probes.get(name) != second.probes.get(name)
    }
    first = replace(
        first, metrics={name: array for name, array in first.metrics.items() if name not in stale}
    )
    return {
        "probes": {**first.probes, **second.probes},
        **{name: _joined(first, second, name) for name in SINGLE},
        **{folder: _joined_folder(first, second, folder) for folder in GROUPS},
        "stored": _joined_stored(first, second),
        "entries": _joined_entries(first.entries, second.entries),
    }


def _errors(old: CellRecord, first: CellRecord, new: CellRecord) -> tuple[str, ...]:
    """What both say, but for what the older says of metrics that were since measured in another way, or for everybody."""
    anew = {
        name
        for name in new.metrics
        if not first.members or first.probes.get(name) != new.probes.get(name)
    }
    return tuple(
        dict.fromkeys(
            [*(error for error in old.errors if metric_of(error) not in anew), *new.errors]
        )
    )


def _joined_stored(first: CellRecord, second: CellRecord) -> dict[str, Rows]:
    absent = Rows([None] * first.members), Rows([None] * second.members)
    names = sorted({*first.stored, *second.stored})
    return {
        name: first.stored.get(name, absent[0]) + second.stored.get(name, absent[1])
        for name in names
    }


def _joined_entries(first: Entries | None, second: Entries | None) -> Entries | None:
    return (
        None
        if first is None or second is None
        else replace(first, value=_stack(first.value, second.value))
    )


def _who_stays(old: CellRecord, new: CellRecord, later_wins: bool) -> tuple[Array, Array]:
    """The rows to take from each."""
    rows = {member: row for row, member in enumerate(_members(old))}
    drop_old, drop_new = [], []
    for row, member in enumerate(_members(new)):
        if member in rows:
            before = rows[member]
            if _later(old, before, new, row, later_wins):
                drop_old.append(before)
            else:
                drop_new.append(row)
    return np.delete(np.arange(old.members), drop_old), np.delete(np.arange(new.members), drop_new)


def _later(old: CellRecord, before: int, new: CellRecord, row: int, later_wins: bool) -> bool:
    """Whether the later of two measurements of one member stays."""
    assert old.member_status is not None
    assert new.member_status is not None
    ended = old.member_status[before] in FINISHED, new.member_status[row] in FINISHED
    if ended != (True, True):
        return ended != (True, False)
    if later_wins:
        return True
    different = _difference(select(old, np.array([before])), select(new, np.array([row])))
    if different is not None:
        raise Conflict(old, before, different)
    return False


def _members(cell: CellRecord) -> list[tuple[int, int]]:
    assert cell.agent is not None
    return list(zip(cell.seed.tolist(), cell.agent.tolist(), strict=True))


def _difference(one: CellRecord, other: CellRecord) -> str | None:
    """The first dataset that both have with other values. Costs are no part of it; metrics measured in two ways are not the same.

    Nor are metrics that were computed from the rest, and from the record's other cells, such as a reference.
    """
    alike = {name for name in one.metrics if one.probes.get(name) == other.probes.get(name)}
    ours, theirs = _measurements(one, alike), _measurements(other, alike)
    for name, array in ours.items():
        if name in theirs and not _equal(array, theirs[name]):
            return name
    return None


def _measurements(cell: CellRecord, metrics: Set[str]) -> dict[str, Array]:
    """Every dataset of the cell by its path, these metrics among them; without what was not measured."""
    found: dict[str, Array | None] = {name: getattr(cell, name) for name in COMPARED}
    if cell.entries is not None:
        found["entries/value"] = cell.entries.value
    for name, array in cell.metrics.items():
        if name in metrics and not _is_derived(cell, name):
            found[f"metrics/{name}"] = array
    for folder, curves in (("curves", cell.curves), ("notes", cell.notes)):
        for name, array in curves.items():
            found[f"{folder}/{name}"] = array
    return {name: np.asarray(array) for name, array in found.items() if array is not None}


def _is_derived(cell: CellRecord, metric: str) -> bool:
    how = cell.probes.get(metric)
    return isinstance(how, Mapping) and bool(how.get("derived"))


def _equal(one: Array, other: Array) -> bool:
    one, other = _padded(one, other)
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


# ---------------------------------------------------------------------- making arrays fit


def _aligned(old: CellRecord, new: CellRecord) -> tuple[CellRecord, CellRecord]:
    """Both with the same kind of accuracies, or none at all."""
    if old.entries is not None and new.entries is not None:
        return _aligned_entries(old, old.entries, new, new.entries)
    measured = [
        cell for cell in (old, new) if cell.accuracy is not None or cell.entries is not None
    ]
    if len(measured) == 2 and (
        old.accuracy is None or new.accuracy is None or old.tasks != new.tasks
    ):
        raise RecordError(
            f"{old.scenario}, {old.label}: cells of one key do not have the same accuracies, and cannot be merged"
        )
    if len(measured) == 1:
        return _blank(old, measured[0]), _blank(new, measured[0])
    return old, new


def _blank(cell: CellRecord, like: CellRecord) -> CellRecord:
    """A cell of failed members with accuracies that were never measured, shaped as another's."""
    if cell is like:
        return cell
    if like.accuracy is not None:
        return replace(cell, accuracy=np.full((cell.members, *like.accuracy.shape[1:]), np.nan))
    assert like.entries is not None
    return replace(
        cell,
        entries=replace(like.entries, value=np.full((cell.members, len(like.entries.row)), np.nan)),
    )


def _aligned_entries(
    old: CellRecord, a: Entries, new: CellRecord, b: Entries
) -> tuple[CellRecord, CellRecord]:
    if np.array_equal(a.row, b.row) and np.array_equal(a.column, b.column):
        return old, new
    places = {
        place: None
        for entries in (a, b)
        for place in zip(entries.row.tolist(), entries.column.tolist(), strict=True)
    }
    position = {place: k for k, place in enumerate(places)}
    row, column = (np.array([place[axis] for place in places], dtype=np.int64) for axis in (0, 1))

    def spread(cell: CellRecord, entries: Entries) -> CellRecord:
        pairs = zip(entries.row.tolist(), entries.column.tolist(), strict=True)
        where = [position[place] for place in pairs]

        def moved(values: Array) -> Array:
            table = np.full((cell.members, len(places)), np.nan)
            table[:, where] = values
            return table

        notes = {name: moved(values) for name, values in cell.notes.items()}
        return replace(cell, entries=Entries(row, column, moved(entries.value)), notes=notes)

    return spread(old, a), spread(new, b)


def _joined_folder(first: CellRecord, second: CellRecord, folder: str) -> dict[str, Array]:
    one: Mapping[str, Array] = getattr(first, folder)
    other: Mapping[str, Array] = getattr(second, folder)
    absent = np.full(first.members, np.nan), np.full(second.members, np.nan)
    return {
        name: _stack(one.get(name, absent[0]), other.get(name, absent[1]))
        for name in dict.fromkeys((*one, *other))
    }


def _joined(first: CellRecord, second: CellRecord, name: str) -> Array | None:
    """An array that a cell need not have; NaN for the members of the one without."""
    arrays = [getattr(cell, name) for cell in (first, second)]
    if all(array is None for array in arrays):
        return None
    one, other = (
        np.full(cell.members, np.nan) if array is None else array
        for cell, array in zip((first, second), arrays, strict=True)
    )
    return _stack(one, other)


def _stack(one: Array, other: Array) -> Array:
    return np.concatenate(_padded(one, other))


def _padded(one: Array, other: Array) -> tuple[Array, Array]:
    """Both with the same dimensions after the first, NaN where one of them has nothing."""
    depth = max(one.ndim, other.ndim)
    one, other = (
        array.reshape(*array.shape, *[1] * (depth - array.ndim)) for array in (one, other)
    )
    tail = tuple(max(a, b) for a, b in zip(one.shape[1:], other.shape[1:], strict=True))
    return _pad(one, tail), _pad(other, tail)


def _pad(array: Array, tail: tuple[int, ...]) -> Array:
    if array.shape[1:] == tail:
        return array
    full = np.full((len(array), *tail), np.nan)
    full[(slice(None), *(slice(length) for length in array.shape[1:]))] = array
    return full
