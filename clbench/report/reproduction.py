"""Whether a cell was measured more than once, and whether the numbers agree: the only reproduction
a record can prove.

Two records that hold the same cell (the same content key: options, streams, protocol, code) and the
same seeds are two measurements, unless one is a copy of the other. What tells them apart is the
time the training took: nobody measures the same seconds twice. Records that say nothing of their
time, or of what their key stands for, prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clbench.records import CellRecord, RecordFile
from clbench.records.cell import select
from clbench.records.provenance import environment_of
from clbench.stats.intervals import mean_interval
from clbench.typing import Array

SAME, AGREES, DIFFERS = "same", "agrees", "differs"
ELSEWHERE = ("cpu", "device", "platform", "packages")  # what makes an environment another one


@dataclass(frozen=True)
class Repeat:
    """A cell that was measured again.

    `first` and `again` are its mean final accuracies over the seeds that both records have.
    """

    verdict: (
        str  # same to the last bit; agrees: the new mean lies in the old one's interval; differs
    )
    seeds: int
    elsewhere: bool  # on another machine, or with other versions
    first: float
    again: float
    largest: float  # difference between a seed's two final accuracies


def repeats(
    records: Sequence[RecordFile],
) -> tuple[list[RecordFile], dict[str, tuple[Repeat, ...]]]:
    """The records without what an earlier one has already, so that the first measurement stands.

    And, by cell, what the others found.
    """
    known: dict[str, list[tuple[CellRecord, Mapping[str, Any]]]] = {}
    found: dict[str, list[Repeat]] = {}
    kept = []
    for record in records:
        cells = []
        for cell in record.cells:
            earlier = known.setdefault(cell.key, []) if cell.content else []
            for other, environment in earlier:
                found.setdefault(cell.key, []).extend(
                    _repeat(other, cell, _moved(environment, environment_of(record, cell)))
                )
            cells.append(_without(cell, [other for other, _ in earlier]))
            if cell.content:
                earlier.append((cell, environment_of(record, cell)))
        kept.append(replace(record, cells=[cell for cell in cells if cell.members]))
    return kept, {key: tuple(all_of) for key, all_of in found.items()}


def _moved(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(_differ(one.get(name), other.get(name)) for name in ELSEWHERE)


def _differ(one: Any, other: Any) -> bool:
    """Of packages those count that both name: newer records name more."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return any(one[name] != other[name] for name in one.keys() & other.keys())
    return bool(one != other)


def _without(cell: CellRecord, earlier: Iterable[CellRecord]) -> CellRecord:
    """The members that no earlier record brought to an end."""
    taken = {member for other in earlier for member in _ended(other)}
    ended = _ended(cell)
    rows = [
        row
        for row in range(cell.members)
        if (_member(cell, row) not in taken) or _member(cell, row) not in ended
    ]
    return cell if len(rows) == cell.members else select(cell, np.array(rows, dtype=np.int64))


def _member(cell: CellRecord, row: int) -> tuple[int, int]:
    return int(cell.seed[row]), int(cell.agent[row])


def _ended(cell: CellRecord) -> dict[tuple[int, int], int]:
    """Where each member that came to an end stands."""
    return {_member(cell, row): row for row in np.flatnonzero(cell.finished).tolist()}


def _repeat(first: CellRecord, again: CellRecord, elsewhere: bool) -> Iterable[Repeat]:
    """Nothing where the later record is a copy, or no member is in both."""
    old, new = _ended(first), _ended(again)
    both = [member for member in old if member in new]
    rows = [np.array([where[member] for member in both], dtype=np.int64) for where in (old, new)]
    if not both or not _measured_twice(select(first, rows[0]), select(again, rows[1])):
        return
    old_cell, new_cell = (select(cell, at) for cell, at in zip((first, again), rows, strict=True))
    before, after = _final(old_cell), _final(new_cell)
    gaps = np.abs(before - after)
    verdict = (
        SAME
        if np.array_equal(_values(old_cell), _values(new_cell), equal_nan=True)
        else _close(before, after)
    )
    yield Repeat(
        verdict,
        len({seed for seed, _ in both}),
        elsewhere,
        _mean(before),
        _mean(after),
        float(np.nanmax(gaps, initial=0.0)),
    )


def _close(before: Array, after: Array) -> str:
    interval = mean_interval(before[np.isfinite(before)])
    return AGREES if interval.low <= _mean(after) <= interval.high else DIFFERS


def _values(cell: CellRecord) -> Array:
    """All accuracies."""
    if cell.accuracy is not None:
        return cell.accuracy
    assert cell.entries is not None
    return cell.entries.value


def _measured_twice(first: CellRecord, again: CellRecord) -> bool:
    one, other = (cell.cost.get("train_seconds") for cell in (first, again))
    return one is not None and other is not None and not np.array_equal(one, other, equal_nan=True)


def _final(cell: CellRecord) -> Array:
    """Each member's accuracy after the last task, over the tasks measured then.

    NaN where it diverged.
    """
    values = _values(cell)
    last = (
        values[:, -1]
        if cell.entries is None
        else values[:, cell.entries.row == cell.entries.row.max(initial=0)]
    )
    known = ~np.isnan(last)
    total = np.where(known, last, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
