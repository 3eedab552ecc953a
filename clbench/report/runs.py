"""One number a run: what a comparison compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from clbench.errors import UnknownName
from clbench.records import CellRecord, Measured, Results
from clbench.records.missing import Cause, Missing
from clbench.records.status import DONE
from clbench.typing import Array

NO_NUMBER = "no number"  # called done, though nothing that was measured is a number
FAILED_WORDS = {
    "diverged": "diverged",
    "failed": "failed",
    "timeout": "timed out",
    NO_NUMBER: "ended without a number",
}


@dataclass(frozen=True)
class Runs:
    """One strategy's runs on one scenario, by seed. Agents of one seed are no independent runs, and count as their mean."""

    scenario: str
    strategy: str
    name: str  # without the options in its label
    seed: Array  # [n], those with a value or a failure
    value: Array  # [n], NaN where the run failed
    failed: Array  # [n]
    requested: int  # the cell's seeds, whatever became of them
    notes: tuple[str, ...]  # what is missing, and why
    unit: str
    sign: int  # -1 where less is better
    limits: tuple[float, float] | None = None  # what no value lies beyond
    agents: int = 1  # of each seed

    @cached_property
    def score(self) -> Array:
        """Oriented values for ranks: more is better, and a failed run is below everything."""
        return np.where(self.failed, -np.inf, self.sign * self.value)

    @cached_property
    def finished(self) -> Array:
        """The values of finished runs."""
        return self.value[~self.failed]

    @property
    def mean(self) -> float:
        """Over finished runs; NaN where there is none."""
        return float(self.finished.mean()) if len(self.finished) else float("nan")

    def only(self, seeds: Array) -> Runs:
        """The runs of these seeds, all of which it has."""
        rows = np.searchsorted(self.seed, seeds)
        return replace(self, seed=self.seed[rows], value=self.value[rows], failed=self.failed[rows])

    def at(self, seeds: Array) -> Array:
        """Scores at these seeds, all of which it has."""
        return (
            self.score
            if len(seeds) == len(self.seed)
            else self.score[np.searchsorted(self.seed, seeds)]
        )


def common_seeds(runs: Sequence[Runs]) -> Array:
    """The seeds that all of them have, failed ones included."""
    seeds = runs[0].seed
    for other in runs[1:]:
        if not np.array_equal(seeds, other.seed):
            seeds = np.intersect1d(seeds, other.seed)
    return seeds


def runs_of(results: Results, metric: str, cell: CellRecord) -> Runs:
    """A cell's runs with their values of a metric."""
    measured = _measured(results, metric, cell)
    status = cell.member_status
    seeds, values, failed, why, absent = [], [], [], Counter[str](), Counter[str]()
    lost = _without_numbers(metric, cell, measured)
    for seed in np.unique(cell.seed):
        members = np.flatnonzero(cell.seed == seed)
        ended = next((str(status[member]) for member in members if status[member] != DONE), None)
        value = float(measured.summary[members].mean())
        if ended is None and not np.isfinite(value) and lost[members].any():
            ended = NO_NUMBER
        if ended is None and not np.isfinite(value):
            absent[_reason(measured, members)] += 1
            continue
        seeds.append(int(seed))
        values.append(float("nan") if ended else value)
        failed.append(ended is not None)
        why.update([FAILED_WORDS[ended]] if ended else [])
    notes = tuple(_notes(len(np.unique(cell.seed)), why, absent, metric))
    return Runs(
        cell.scenario,
        cell.label,
        cell.strategy,
        np.array(seeds, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.array(failed, dtype=bool),
        len(np.unique(cell.seed)),
        notes,
        measured.unit,
        1 if measured.higher_is_better else -1,
        measured.limits,
        cell.agents,
    )


def _without_numbers(metric: str, cell: CellRecord, measured: Measured) -> Array:
    """`[S]`: runs called done that have no number where other runs of the cell have one, or an infinite one.

    Leaving them out would let a strategy gain by its bad runs: records of other libraries call every run done. It is
    another matter where a metric has no value for a complete run, such as one that was not asked for when it ran.
    """
    done = cell.done
    lost = done & np.isinf(measured.summary)
    for numbers in _given_numbers(metric, cell):
        known = ~np.isnan(numbers.reshape(cell.members, -1))
        lost |= done & (known[done].any(axis=0) & ~known).any(axis=1)
    return lost


def _given_numbers(metric: str, cell: CellRecord) -> Iterable[Array]:
    """The accuracies; and the metric itself where a stranger's record gives it without a word on how it was measured."""
    if cell.accuracy is not None:
        yield cell.accuracy
    elif cell.entries is not None:
        yield cell.entries.value
    if metric in cell.metrics and metric not in cell.probes:
        yield np.asarray(cell.metrics[metric], dtype=np.float64)


def _measured(results: Results, metric: str, cell: CellRecord) -> Measured:
    """The metric; nothing but reasons where only other cells have it stored, and no plugin here knows it."""
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
    return next(
        (reason for reason in (measured.reasons[member] for member in members) if reason),
        "it is infinite",
    )


def _notes(total: int, why: Counter[str], absent: Counter[str], metric: str) -> Iterable[str]:
    for word, count in why.items():
        yield f"{count} of {total} runs {word}: they rank below every finished run, and means and intervals are over the others"
    for reason, count in absent.items():
        yield f"{count} of {total} runs have no value of {metric} ({reason}) and are left out"
