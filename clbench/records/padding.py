"""Making the arrays of two cells fit, so that they can be joined: NaN where one has nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clbench.errors import RecordError
from clbench.records.cell import CellRecord, Entries
from clbench.typing import Array


def joined_arrays(one: Array, other: Array) -> Array:
    """The rows of both, one after the other."""
    return np.concatenate(padded(one, other))


def padded(one: Array, other: Array) -> tuple[Array, Array]:
    """Both with the same dimensions after the first, NaN where one of them has nothing."""
    depth = max(one.ndim, other.ndim)
    one, other = _with_dimensions(one, depth), _with_dimensions(other, depth)
    tail = tuple(map(max, one.shape[1:], other.shape[1:]))
    return _pad(one, tail), _pad(other, tail)


def _with_dimensions(array: Array, count: int) -> Array:
    return array.reshape(*array.shape, *[1] * (count - array.ndim))


def _pad(array: Array, tail: tuple[int, ...]) -> Array:
    if array.shape[1:] == tail:
        return array
    full = np.full((len(array), *tail), np.nan)
    known = tuple(slice(length) for length in array.shape[1:])
    full[(slice(None), *known)] = array
    return full


# ---------------------------------------------------------------------- accuracies


def aligned(old: CellRecord, new: CellRecord) -> tuple[CellRecord, CellRecord]:
    """Both with the same kind of accuracies, or none at all."""
    if old.entries is not None and new.entries is not None:
        return _aligned_entries(old, old.entries, new, new.entries)
    measured = [cell for cell in (old, new) if _is_measured(cell)]
    if len(measured) == 2 and not _have_equal_matrices(old, new):
        raise RecordError(
            f"{old.scenario}, {old.label}: cells of one key do not have the same accuracies,"
            " and cannot be merged"
        )
    if len(measured) == 1:
        return _blank(old, measured[0]), _blank(new, measured[0])
    return old, new


def _is_measured(cell: CellRecord) -> bool:
    return cell.accuracy is not None or cell.entries is not None


def _have_equal_matrices(old: CellRecord, new: CellRecord) -> bool:
    return old.accuracy is not None and new.accuracy is not None and old.tasks == new.tasks


def _blank(cell: CellRecord, like: CellRecord) -> CellRecord:
    """A cell of failed members with accuracies that were never measured, shaped as another's."""
    if cell is like:
        return cell
    if like.accuracy is not None:
        return replace(cell, accuracy=np.full((cell.members, *like.accuracy.shape[1:]), np.nan))
    assert like.entries is not None
    value = np.full((cell.members, len(like.entries.row)), np.nan)
    return replace(cell, entries=replace(like.entries, value=value))


def joined_entries(first: Entries | None, second: Entries | None) -> Entries | None:
    """The rows of both, which are entries of the same tasks."""
    if first is None or second is None:
        return None
    return replace(first, value=joined_arrays(first.value, second.value))


def _aligned_entries(
    old: CellRecord, ours: Entries, new: CellRecord, theirs: Entries
) -> tuple[CellRecord, CellRecord]:
    """Both with the entries of either."""
    if np.array_equal(ours.row, theirs.row) and np.array_equal(ours.column, theirs.column):
        return old, new
    # In the order of the older, so that equal records stay equal.
    pairs = list(dict.fromkeys([*_pairs(ours), *_pairs(theirs)]))
    return _spread(old, ours, pairs), _spread(new, theirs, pairs)


def _pairs(entries: Entries) -> list[tuple[int, int]]:
    """The row and column of each entry."""
    return list(zip(entries.row.tolist(), entries.column.tolist(), strict=True))


def _spread(cell: CellRecord, entries: Entries, pairs: list[tuple[int, int]]) -> CellRecord:
    """The cell with these entries; NaN where it has not measured one."""
    position = {pair: k for k, pair in enumerate(pairs)}
    known = [position[pair] for pair in _pairs(entries)]

    def spread(values: Array) -> Array:
        table = np.full((cell.members, len(pairs)), np.nan)
        table[:, known] = values
        return table

    row, column = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    notes = {name: spread(values) for name, values in cell.notes.items()}
    return replace(cell, entries=Entries(row, column, spread(entries.value)), notes=notes)
