"""A metric's values seed by seed: what is compared, and what a failed run counts as."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from clbench.errors import UnknownName
from clbench.records.cell import CellRecord
from clbench.records.metric_values import Measured
from clbench.records.missing import Cause, Missing
from clbench.records.results import Results
from clbench.records.status import DONE
from clbench.typing import Array

NO_NUMBER = "no number"  # called done, though nothing that was measured is a number


@dataclass(frozen=True)
class SeedValue:
    """One seed, with all its agents."""

    seed: int
    value: float  # the mean of its agents; NaN where the run failed
    ended: str = ""  # how, where it failed
    absent: str = ""  # why there is no value, where the run itself is done

    @property
    def counts(self) -> bool:
        """Whether a comparison can count it: by its value, or as a failure."""
        return bool(self.ended) or math.isfinite(self.value)


def values_by_seed(
    results: Results, metric: str, cell: CellRecord
) -> tuple[Measured, list[SeedValue]]:
    """A metric of a cell, and its value at each seed, ascending."""
    measured = _measured(results, metric, cell)
    lost = _without_numbers(metric, cell, measured)
    return measured, [_of_seed(cell, measured, lost, seed) for seed in np.unique(cell.seed)]


def _of_seed(cell: CellRecord, measured: Measured, lost: Array, seed: int) -> SeedValue:
    members = np.flatnonzero(cell.seed == seed)
    ended = _how_it_failed(cell.member_status[members])
    # NaN where one agent has no value: a mean over the others would favour failing.
    value = float(measured.summary[members].mean())
    if not ended and not np.isfinite(value) and lost[members].any():
        ended = NO_NUMBER
    if ended:
        return SeedValue(int(seed), float("nan"), ended=ended)
    if not np.isfinite(value):
        return SeedValue(int(seed), value, absent=_reason(measured, members))
    return SeedValue(int(seed), value)


def _how_it_failed(statuses: Array) -> str:
    """The first of the agents' statuses that is not done; empty where all are."""
    return next((str(status) for status in statuses if status != DONE), "")


def _without_numbers(metric: str, cell: CellRecord, measured: Measured) -> Array:
    """`[S]`: done runs without a number, or with an infinite one, where other runs have one.

    Leaving them out would let a strategy gain by its bad runs: records of other libraries call
    every run done. It is another matter where a metric has no value for a complete run, such as one
    that was not asked for when it ran.
    """
    done = cell.done
    lost = done & np.isinf(measured.summary)
    for numbers in _given_numbers(metric, cell):
        known = ~np.isnan(numbers.reshape(cell.members, -1))
        lost |= done & (known[done].any(axis=0) & ~known).any(axis=1)
    return lost


def _given_numbers(metric: str, cell: CellRecord) -> Iterable[Array]:
    """The accuracies.

    And the metric itself where a stranger's record gives it without a word on how it was measured.
    """
    if cell.accuracy is not None:
        yield cell.accuracy
    elif cell.entries is not None:
        yield cell.entries.value
    if metric in cell.metrics and metric not in cell.probes:
        yield np.asarray(cell.metrics[metric], dtype=np.float64)


def _measured(results: Results, metric: str, cell: CellRecord) -> Measured:
    """The metric.

    Nothing but reasons where only other cells have it stored, and no plugin here knows it.
    """
    try:
        return results.metric(metric, cell)
    except UnknownName:
        if not any(metric in other.metrics for other in results.cells):
            raise
        return Measured(
            metric,
            np.full(cell.members, np.nan),
            None,
            np.zeros((cell.members, 0)),
            (Missing(Cause.NOT_MEASURED),) * cell.members,
        )


def _reason(measured: Measured, members: Array) -> str:
    """Why the first of these members without a value has none."""
    reasons = [measured.reasons[member] for member in members]
    return next(filter(None, reasons), "it is infinite")
