"""What a comparison over several scenarios says: one question, its tests, ranks and means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.report.contenders import Contenders
from clbench.report.contest import NAN, Omnibus, Pair, Rules
from clbench.report.ranking import Entry, Place, ranking
from clbench.report.runs import Runs, common_seeds
from clbench.stats.evidence import table_at
from clbench.stats.intervals import NONE, Interval
from clbench.typing import Array


@dataclass(frozen=True)
class OverallRank:
    """One strategy over all scenarios. Mean and interval are over the seeds that all have."""

    strategy: str
    average_rank: float
    group: str
    mean: float
    ci_low: float
    ci_high: float
    rank_best: int | None
    rank_worst: int | None
    rank_reason: str  # why there is no rank


@dataclass(frozen=True)
class Across:
    """The comparison over scenarios, before words are put to it."""

    question: str  # THESE or LIKE_THESE of `contest`
    omnibus: Omnibus | None
    correction: str
    critical_difference: float  # NaN where pairs are not tested by their average ranks
    ranks: tuple[OverallRank, ...]
    pairs: tuple[Pair, ...]


Estimates = Mapping[str, tuple[float, Interval]]
NO_INTERVAL = Interval(NAN, NAN, NONE)


def overall_ranks(
    contenders: Contenders,
    average_rank: Sequence[float],
    means: Estimates,
    finished: Mapping[str, tuple[int, int]],
    pairs: Sequence[Pair],
    rules: Rules,
) -> tuple[OverallRank, ...]:
    """Best first. `finished`: of each strategy the blocks that it finished, of how many."""
    average = dict(zip(contenders.names, average_rank, strict=True))
    entries = []
    for one in contenders.runs[0]:
        name = one.strategy
        entries.append(Entry(name, -average[name], *finished[name], is_bound=one.is_bound))
    found = []
    for place in ranking(entries, pairs, rules):
        name = place.strategy
        found.append(_overall_rank(place, average[name], *means[name]))
    return tuple(found)


def _overall_rank(place: Place, average: float, mean: float, ends: Interval) -> OverallRank:
    return OverallRank(
        strategy=place.strategy,
        average_rank=float(average),
        group=place.group,
        mean=mean,
        ci_low=ends.low,
        ci_high=ends.high,
        rank_best=place.rank_best,
        rank_worst=place.rank_worst,
        rank_reason=place.rank_reason,
    )


def finished_scenarios(contenders: Contenders) -> dict[str, tuple[int, int]]:
    """Of each strategy the scenarios on which it finished a run, and how many there are."""
    counts = {}
    for name, runs in contenders.by_strategy.items():
        finished = sum(len(one.finished) > 0 for one in runs)
        counts[name] = finished, len(runs)
    return counts


def ranks_by_lead(lead: Array) -> Array:
    """`[k]`: 1 + how many are ahead, those even counted half.

    `lead [k, k]` is 1 where the row is ahead of the column, -1 where it is behind, 0 where the two
    are even, or the mean of that over scenarios.
    """
    others = len(lead) - 1
    ranks: Array = 1 + (others - lead.sum(axis=1)) / 2
    return ranks


def at_common_seeds(here: Sequence[Runs]) -> list[Runs]:
    """The runs of the seeds that all have."""
    return at_seeds(here, common_seeds(here))


def at_seeds(here: Iterable[Runs], seeds: Array) -> list[Runs]:
    """The runs of these seeds, which all of them have."""
    return [one.only(seeds) for one in here]


def by_seed(here: Sequence[Runs]) -> Array:
    """`[seeds, k]`: values, NaN where a strategy has none."""
    seeds = [one.seed for one in here]
    values = [one.value for one in here]
    return table_at(np.unique(np.concatenate(seeds)), seeds, values)
