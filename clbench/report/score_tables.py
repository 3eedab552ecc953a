"""The scores of runs as tables, a table a scenario, as `clbench.stats.evidence` wants them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.report.contest import BASELINE, Rules
from clbench.report.runs import Runs
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


def tables_of(scenarios: Iterable[Sequence[Runs]]) -> Tables:
    """The runs of scenarios as tables; strategies in the order in which they first appear."""
    every = [list(here) for here in scenarios]
    runs = [one for here in every for one in here]
    names = tuple(dict.fromkeys(one.strategy for one in runs))
    rows = np.unique(np.concatenate([one.seed for one in runs]))
    return Tables(names, rows, tuple(_table(names, rows, here) for here in every))


def _table(names: Sequence[str], rows: Array, here: Sequence[Runs]) -> Array:
    known = {one.strategy: one for one in here}
    seeds, scores = [], []
    for name in names:
        # A strategy that is not there has an empty column.
        one = known.get(name)
        seeds.append(rows[:0] if one is None else one.seed)
        scores.append(np.empty(0) if one is None else one.score)
    return table_at(rows, seeds, scores)
