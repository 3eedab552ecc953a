"""One number a run: what a comparison compares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from clbench.records import CellRecord, Results
from clbench.records.seed_values import NO_NUMBER, SeedValue, values_by_seed
from clbench.report.findings import LostRuns, RunsWithoutValue
from clbench.typing import Array

FAILED_WORDS = {
    "diverged": "diverged",
    "failed": "failed",
    "timeout": "timed out",
    NO_NUMBER: "ended without a number",
}


_Placed = TypeVar("_Placed", "Runs", CellRecord)  # what belongs to a scenario


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
    requested: int  # the seeds that the suite asks for or the cell has, whatever became of them
    left_out: tuple[LostRuns | RunsWithoutValue, ...]  # what is missing, and why
    unit: str
    sign: int  # -1 where less is better
    limits: tuple[float, float] | None = None  # what no value lies beyond
    agents: int = 1  # of each seed
    is_bound: bool = False  # joint training, and what else no method is to be ranked with

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
        if len(seeds) == len(self.seed):
            return self.score
        return self.score[np.searchsorted(self.seed, seeds)]


def by_scenario(every: Iterable[_Placed]) -> dict[str, list[_Placed]]:
    """Runs or cells, scenario by scenario, in the order in which they first come."""
    found: dict[str, list[_Placed]] = defaultdict(list)
    for one in every:
        found[one.scenario].append(one)
    return found


def common_seeds(runs: Sequence[Runs]) -> Array:
    """The seeds that all of them have, failed ones included."""
    seeds = runs[0].seed
    for other in runs[1:]:
        if not np.array_equal(seeds, other.seed):
            seeds = np.intersect1d(seeds, other.seed)
    return seeds


def runs_of(results: Results, metric: str, cell: CellRecord, asked: Iterable[int] = ()) -> Runs:
    """A cell's runs with their values of a metric; `asked` are the seeds that the suite wants."""
    measured, runs = values_by_seed(results, metric, cell)
    every_seed = [run.seed for run in runs]
    kept = [run for run in runs if run.counts]
    seeds = [run.seed for run in kept]
    values = [run.value for run in kept]
    failed = [bool(run.ended) for run in kept]
    return Runs(
        scenario=cell.scenario,
        strategy=cell.label,
        name=cell.strategy,
        seed=np.array(seeds, dtype=np.int64),
        value=np.array(values, dtype=np.float64),
        failed=np.array(failed, dtype=bool),
        requested=len({*asked, *every_seed}),
        left_out=tuple(_left_out(runs, metric)),
        unit=measured.unit,
        sign=1 if measured.higher_is_better else -1,
        limits=measured.limits,
        agents=cell.agents,
        is_bound=cell.is_bound,
    )


def _left_out(runs: Sequence[SeedValue], metric: str) -> Iterable[LostRuns | RunsWithoutValue]:
    """What is missing, and why."""
    lost = Counter(run.ended for run in runs if run.ended)
    for ended, count in lost.items():
        yield LostRuns(FAILED_WORDS[ended], count, len(runs))
    absent = Counter(run.absent for run in runs if run.absent)
    for reason, count in absent.items():
        yield RunsWithoutValue(metric, reason, count, len(runs))
