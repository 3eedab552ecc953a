"""The scores of runs as tables, a table a scenario, as `clbench.stats.evidence` wants them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from clbench.report.contest import BASELINE, Rules
from clbench.report.runs import Runs, common_seeds
from clbench.stats.evidence import table_at
from clbench.stats.questions import Plan
from clbench.typing import Array


@dataclass(frozen=True)
class Tables:
    """All tables have the same columns, one a strategy, and the same rows, one a seed."""

    names: tuple[str, ...]
    rows: Array  # the seeds, ascending
    scores: tuple[Array, ...]  # more is better, -inf failed, NaN no run

    def plan(self, rules: Rules) -> Plan:
        """What is asked of them."""
        baseline = None
        if rules.family == BASELINE and rules.baseline in self.names:
            baseline = self.names.index(rules.baseline)
        return Plan(rules.alpha, baseline=baseline)

    def places(self, rules: Rules) -> list[tuple[int, int]]:
        """The columns of the pairs that are asked for."""
        return self.plan(rules).pairs(len(self.names))

    def of_both(self, first: int, second: int) -> Iterator[tuple[Array, Array]]:
        """Of every scenario two columns, at the seeds that both have."""
        return (of_both(table, first, second) for table in self.scores)


def tables_of(scenarios: Collection[Sequence[Runs]]) -> Tables:
    """The runs of scenarios as tables; strategies in the order in which they first appear."""
    runs = list(chain.from_iterable(scenarios))
    names = tuple(dict.fromkeys(one.strategy for one in runs))
    rows = np.unique(np.concatenate([one.seed for one in runs]))
    return Tables(names, rows, tuple(_table(names, rows, here) for here in scenarios))


def _table(names: Sequence[str], rows: Array, here: Iterable[Runs]) -> Array:
    # A strategy that is not there has an empty column.
    nothing = np.empty(0)
    seeds = dict.fromkeys(names, nothing)
    scores = dict.fromkeys(names, nothing)
    for one in here:
        seeds[one.strategy] = one.seed
        scores[one.strategy] = one.score
    return table_at(rows, list(seeds.values()), list(scores.values()))


def scores_at_both(a: Runs, b: Runs) -> tuple[Array, Array]:
    """Their scores at the seeds that both have."""
    seeds = common_seeds([a, b])
    return a.at(seeds), b.at(seeds)


def of_both(table: Array, first: int, second: int) -> tuple[Array, Array]:
    """Two columns, at the seeds that both have."""
    a, b = table[:, first], table[:, second]
    both = ~(np.isnan(a) | np.isnan(b))
    return a[both], b[both]
