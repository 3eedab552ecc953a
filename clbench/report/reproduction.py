"""Whether a cell was measured more than once, and whether the numbers agree.

It is the only reproduction a record can prove. Two records that hold the same cell (the same
content key: options, streams, protocol, code) and the same seeds are two measurements, unless one
is a copy of the other. What tells them apart is the time the training took: nobody measures the
same seconds twice. Records that say nothing of their time, or of what their key stands for, prove
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clbench.records import CellRecord, RecordFile
from clbench.records.cell import select
from clbench.records.provenance import environment_of
from clbench.report.bins import mean_of_known, means_by_seed
from clbench.stats import repeats as paired
from clbench.typing import Array, Member

SAME = "same"  # every accuracy, to the last bit
EQUAL = "equal"  # the final accuracies, on paper
DIFFERS, NOT_SHOWN, TOO_FEW = paired.DIFFERS, paired.NOT_SHOWN, paired.TOO_FEW
FEWEST_SEEDS = paired.FEWEST_SEEDS  # for a verdict on numbers that are not the same
LEAST_GAP = 1e-9  # less is no image more or less, but the rounding of a mean
ELSEWHERE = ("cpu", "device", "platform", "packages")  # what makes an environment another one


@dataclass(frozen=True)
class Repeat:
    """A cell that was measured again: the same seeds, paired; differences are again minus first.

    Of its final accuracies, over the seeds that finished both times. Agents of one seed count as
    their mean.
    """

    verdict: str  # SAME, EQUAL, DIFFERS, NOT_SHOWN or TOO_FEW
    seeds: int
    elsewhere: bool  # on another machine, or with other versions
    first: float
    again: float
    difference: float
    low: float  # of the difference's interval, as both ends
    high: float
    largest: float  # difference of a seed, in either direction
    unlike: int  # seeds that finished one time and failed the other
    p: float


@dataclass(frozen=True)
class _Measurement:
    """A cell of one record, and where it was measured."""

    cell: CellRecord
    environment: Mapping[str, Any]


def repeats(
    records: Sequence[RecordFile], alpha: float = 0.05
) -> tuple[list[RecordFile], dict[str, tuple[Repeat, ...]]]:
    """The records without what an earlier one has already, so that the first measurement stands.

    And, by cell, what the others found, at the level `alpha`.
    """
    known: dict[str, list[_Measurement]] = defaultdict(list)
    found: dict[str, tuple[Repeat, ...]] = {}
    kept = []
    for record in records:
        cells = []
        for cell in record.cells:
            if not cell.content:  # nobody knows what its key stands for
                cells.append(cell)
                continue
            now = _Measurement(cell, environment_of(record, cell))
            earlier = known[cell.key]
            if again := tuple(_repeats_of(now, earlier, alpha)):
                found[cell.key] = found.get(cell.key, ()) + again
            cells.append(_without(cell, [before.cell for before in earlier]))
            earlier.append(now)
        kept.append(replace(record, cells=[cell for cell in cells if cell.members]))
    return kept, found


def _repeats_of(
    now: _Measurement, earlier: Iterable[_Measurement], alpha: float
) -> Iterable[Repeat]:
    """What it says of each that was measured before."""
    for before in earlier:
        again = _repeat(before, now, alpha)
        if again is not None:
            yield again


def _moved(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(_differ(one.get(name), other.get(name)) for name in ELSEWHERE)


def _differ(one: Any, other: Any) -> bool:
    """Of packages those count that both name: newer records name more."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return any(one[name] != other[name] for name in one.keys() & other.keys())
    return bool(one != other)


def _without(cell: CellRecord, earlier: Iterable[CellRecord]) -> CellRecord:
    """Without the members that came to an end here, and did so in an earlier record."""
    taken: set[Member] = set()
    for other in earlier:
        # A member that failed before may be measured now.
        taken |= _finished(other).keys()
    repeated = [row for member, row in _finished(cell).items() if member in taken]
    if not repeated:
        return cell
    return select(cell, np.delete(np.arange(cell.members), repeated))


def _finished(cell: CellRecord) -> dict[Member, int]:
    """The row of each member that came to an end."""
    rows = np.flatnonzero(cell.finished).tolist()
    return {(int(cell.seed[row]), int(cell.agent[row])): row for row in rows}


def _repeat(first: _Measurement, again: _Measurement, alpha: float) -> Repeat | None:
    """What the later measurement says of the first.

    None where it is a copy, or shares no member.
    """
    old, new = _shared_members(first.cell, again.cell)
    if not old.members or not _measured_twice(old, new):
        return None
    before, after = _final(old), _final(new)
    found = paired.repeated(before, after, alpha)
    both_finished = np.isfinite(before) & np.isfinite(after)
    return Repeat(
        verdict=_verdict(found, _are_same(old, new)),
        seeds=found.seeds,
        elsewhere=_moved(first.environment, again.environment),
        first=_mean(before[both_finished]),
        again=_mean(after[both_finished]),
        difference=found.difference,
        low=found.interval.low,
        high=found.interval.high,
        largest=found.largest_gap,
        unlike=found.unlike,
        p=found.p,
    )


def _shared_members(first: CellRecord, again: CellRecord) -> tuple[CellRecord, CellRecord]:
    """Of both the members that came to an end in both, in one order."""
    old, new = _finished(first), _finished(again)
    both = [member for member in old if member in new]
    old_rows = np.array([old[member] for member in both], dtype=np.int64)
    new_rows = np.array([new[member] for member in both], dtype=np.int64)
    return select(first, old_rows), select(again, new_rows)


def _are_same(first: CellRecord, again: CellRecord) -> bool:
    """In all accuracies to the last bit, not in the final ones alone."""
    return np.array_equal(_values(first), _values(again), equal_nan=True)


def _verdict(found: paired.Repeated, same_bits: bool) -> str:
    if found.unlike or found.largest_gap >= LEAST_GAP:
        return found.verdict
    return SAME if same_bits else EQUAL


def _values(cell: CellRecord) -> Array:
    """All accuracies."""
    if cell.accuracy is not None:
        return cell.accuracy
    assert cell.entries is not None
    return cell.entries.value


def _measured_twice(first: CellRecord, again: CellRecord) -> bool:
    """Whether both say how long the training took, and not the same."""
    one, other = first.cost.get("train_seconds"), again.cost.get("train_seconds")
    if one is None or other is None:
        return False
    return not np.array_equal(one, other, equal_nan=True)


def _final(cell: CellRecord) -> Array:
    """By seed, the accuracy after the last task, over the tasks measured then.

    NaN where a run failed; of agents the mean.
    """
    final = np.where(cell.done, mean_of_known(_last(cell), axis=1), np.nan)
    return means_by_seed(final, cell.seed)


def _last(cell: CellRecord) -> Array:
    """`[members, n]`: what was measured after the last task."""
    values = _values(cell)
    if cell.entries is None:
        return values[:, -1]
    last_row = cell.entries.row.max(initial=0)
    return values[:, cell.entries.row == last_row]


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")
