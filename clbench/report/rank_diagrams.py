"""What a critical-difference diagram shows (Demsar 2006), before anything draws it: the figures and
the page draw the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.report.compared import Comparison
from clbench.report.contest import difference_matrix
from clbench.report.runs import Runs, common_seeds
from clbench.stats.letters import groups
from clbench.stats.several import average_ranks
from clbench.typing import Array

APART = 0.2  # ranks between two bars of a row
NAN = float("nan")


@dataclass(frozen=True)
class RankDiagram:
    """Average ranks, best first, and bars over those that cannot be told apart: rows of bars, each
    the ranks of its members.
    """

    scenario: str | None  # None over all of them
    ranks: dict[str, float]
    bars: list[list[Array]]
    critical: float  # NaN where pairs were tested one by one


def rank_diagrams(comparison: Comparison) -> list[RankDiagram]:
    """Over scenarios where there are several, then each scenario's, over seeds that all have."""
    return [*_over_scenarios(comparison), *_of_scenarios(comparison)]


def _over_scenarios(comparison: Comparison) -> Iterable[RankDiagram]:
    overall = comparison.overall
    if overall is not None:
        # The table goes by what is proven; a diagram by the average ranks themselves.
        order = sorted(overall.ranks, key=lambda row: row.average_rank)
        ranks = {row.strategy: row.average_rank for row in order}
        different = difference_matrix(list(ranks), overall.pairs, comparison.alpha)
        yield RankDiagram(None, ranks, _bars(ranks, different), overall.critical_difference)


def _of_scenarios(comparison: Comparison) -> Iterable[RankDiagram]:
    for scenario in comparison.scenarios:
        ranks = _ranks_by_seed([one for one in comparison.runs if one.scenario == scenario])
        if len(ranks) > 1:
            pairs = [pair for pair in comparison.pairs if pair.scenario == scenario]
            different = difference_matrix(list(ranks), pairs, comparison.alpha)
            yield RankDiagram(scenario, ranks, _bars(ranks, different), NAN)


def _ranks_by_seed(runs: Sequence[Runs]) -> dict[str, float]:
    """Average ranks over the seeds that all have, best first."""
    seeds = common_seeds(runs)
    if not len(seeds):
        return {}
    ranks = average_ranks(np.stack([one.at(seeds) for one in runs], axis=1))
    order = np.argsort(ranks, kind="stable")
    return {runs[place].strategy: float(ranks[place]) for place in order}


def _bars(ranks: dict[str, float], different: Array) -> list[list[Array]]:
    values = np.array(list(ranks.values()))
    several = [list(members) for members in groups(different) if len(members) > 1]
    return stacked([values[members] for members in several])


def stacked(bars: Sequence[Array]) -> list[list[Array]]:
    """Bars in as few rows as they fit in without touching.

    Each is the sorted places of its members.
    """
    rows: list[list[Array]] = []
    for bar in sorted(bars, key=lambda bar: float(bar[0])):
        with_room = [row for row in rows if row[-1][-1] + APART < bar[0]]
        if with_room:
            with_room[0].append(bar)
        else:
            rows.append([bar])
    return rows
