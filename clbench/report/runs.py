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
from clbench.report.findings import LostRuns, RunsWithoutValue
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
    """One strategy's runs on one scenario, by seed.

    Agents of one seed are no independent runs, and count as their mean.
    """

    scenario: str
    strategy: str
    name: str  # without the options in its label
    seed: Array  # [n], those with a value or a failure
    value: Array  # [n], NaN where the run failed
    failed: Array  # [n]
    requested: int  # the cell's seeds, whatever became of them
    left_out: tuple[LostRuns | RunsWithoutValue, ...]  # what is missing, and why
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
    lost = _without_numbers(metric, cell, measured)
    seeds = np.unique(cell.seed)
    runs = [_run(cell, measured, lost, seed) for seed in seeds]
    kept = [run for run in runs if run.ended or np.isfinite(run.value)]
    kept_seeds = [run.seed for run in kept]
    values = [run.value for run in kept]
    failed = [bool(run.ended) for run in kept]
    return Runs(
        scenario=cell.scenario,
        strategy=cell.label,
        name=cell.strategy,
        seed=np.array(kept_seeds, dtype=np.int64),
        value=np.array(values, dtype=np.float64),
        failed=np.array(failed, dtype=bool),
        requested=len(seeds),
        left_out=tuple(_left_out(runs, metric)),
        unit=measured.unit,
        sign=1 if measured.higher_is_better else -1,
        limits=measured.limits,
        agents=cell.agents,
    )


@dataclass(frozen=True)
class _Run:
    """One seed."""

    seed: int
    value: float  # the mean of its agents; NaN where the run failed
    ended: str = ""  # how, where it failed
    absent: str = ""  # why there is no value, where the run itself is done


def _run(cell: CellRecord, measured: Measured, lost: Array, seed: int) -> _Run:
    members = np.flatnonzero(cell.seed == seed)
    statuses = [str(cell.member_status[member]) for member in members]
    ended = next((status for status in statuses if status != DONE), "")
    # NaN where one agent has no value: a mean over the others would favour failing.
    value = float(measured.summary[members].mean())
    if not ended and not np.isfinite(value) and lost[members].any():
        ended = NO_NUMBER
    if ended:
        return _Run(int(seed), float("nan"), ended=ended)
    if not np.isfinite(value):
        return _Run(int(seed), value, absent=_reason(measured, members))
    return _Run(int(seed), value)


def _without_numbers(metric: str, cell: CellRecord, measured: Measured) -> Array:
    """`[S]`: runs called done that have no number where other runs of the cell have one, or an
    infinite one.

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


def _left_out(runs: Sequence[_Run], metric: str) -> Iterable[LostRuns | RunsWithoutValue]:
    """What is missing, and why."""
    total = len(runs)
    lost = Counter(FAILED_WORDS[run.ended] for run in runs if run.ended)
    for word, count in lost.items():
        yield LostRuns(word, count, total)
    absent = Counter(run.absent for run in runs if run.absent)
    for reason, count in absent.items():
        yield RunsWithoutValue(metric, reason, count, total)
