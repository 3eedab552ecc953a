"""The comparison over scenarios: who is ahead of whom on each of them, and by how much on average.

All of it stands on pairs within scenarios: two strategies are compared at the seeds that both have,
by the ranks of their runs, a failed run below every finished one of the two. So neither a
strategy's failures, nor seeds that others lack, nor other strategies can move one of the two ahead
of the other.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clbench.report.contest import (
    NAN,
    Omnibus,
    Pair,
    Rules,
    difference_matrix,
    of_friedman,
    of_pair,
    tested_pair,
    verdict,
)
from clbench.report.findings import NoCommonSeeds, NotEverywhere
from clbench.report.runs import Runs, common_seeds
from clbench.stats import design
from clbench.stats.intervals import (
    NONE,
    Interval,
    hierarchical_means,
    over_scenarios,
    resamples_scenarios,
)
from clbench.stats.letters import letters
from clbench.stats.paired import differences, pseudo_median, signed_rank
from clbench.stats.power import smallest_nemenyi
from clbench.stats.result import Tested
from clbench.stats.several import average_ranks, critical_difference, friedman, nemenyi_p
from clbench.stats.unpaired import shift
from clbench.typing import Array

Places = tuple[int, int]  # of two strategies among the contenders, the first one first
AT_ONCE = 500  # pairs whose resampled means are in memory together


@dataclass(frozen=True)
class OverallRank:
    """One strategy over all scenarios.

    Mean and interval are over the seeds that all strategies have.
    """

    strategy: str
    average_rank: float
    group: str
    mean: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Across:
    """The comparison over scenarios, before words are put to it."""

    omnibus: Omnibus
    critical_difference: float
    ranks: tuple[OverallRank, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Contenders:
    """The same strategies on every scenario: `runs[s][k]`, and `pairs[s][i, j]` with i < j, the
    comparison of two of them there.
    """

    names: tuple[str, ...]
    runs: tuple[tuple[Runs, ...], ...]
    pairs: tuple[Mapping[Places, Pair], ...]

    @property
    def places(self) -> list[Places]:
        """Every pair of strategies."""
        return list(itertools.combinations(range(len(self.names)), 2))


def across(contenders: Contenders, rules: Rules) -> Across:
    """Blocks are scenarios."""
    ranks = np.stack([_ranks(here, len(contenders.names), rules) for here in contenders.pairs])
    several = len(contenders.names) > 2
    pairs = (
        _nemenyi_pairs(contenders.names, ranks)
        if several
        else [_signed_rank_pair(contenders, rules)]
    )
    pairs = _with_sizes(pairs, contenders, rules)
    omnibus = of_pair(pairs[0])
    if several:
        omnibus = of_friedman(None, friedman(-ranks, ties=False))
    rejected = omnibus.p <= rules.alpha
    pairs = [replace(pair, verdict=verdict(pair, rejected, rules)) for pair in pairs]
    critical = NAN
    if several:
        critical = critical_difference(len(contenders.names), len(ranks), rules.alpha)
    return Across(omnibus, critical, _overall_ranks(contenders, ranks, pairs, rules), tuple(pairs))


# ---------------------------------------------------------------------- who takes part


def contenders_of(
    by_scenario: Mapping[str, Sequence[Runs]], pairs: Iterable[Pair]
) -> tuple[Contenders | None, list[NotEverywhere | NoCommonSeeds]]:
    """The strategies that can be compared on every scenario; None where there are not two.

    And who is left out, and why.
    """
    if len(by_scenario) < 2:
        return None, []
    known: list[dict[str, Runs]] = []
    for here in by_scenario.values():
        known.append({one.strategy: one for one in here})
    everywhere, not_everywhere = _everywhere(known)
    pairs = list(pairs)
    names, without_seeds = _with_common_seeds(everywhere, pairs)
    left_out: list[NotEverywhere | NoCommonSeeds] = [*not_everywhere, *without_seeds]
    if len(names) < 2:
        return None, left_out
    runs: list[tuple[Runs, ...]] = []
    for runs_there in known:
        runs.append(tuple(runs_there[name] for name in names))
    by_places = _pairs_by_scenario(names, by_scenario, pairs)
    return Contenders(tuple(names), tuple(runs), tuple(by_places)), left_out


def _everywhere(known: Sequence[Mapping[str, Runs]]) -> tuple[list[str], list[NotEverywhere]]:
    """The strategies that have runs on every scenario, and those that have not."""
    count: Counter[str] = Counter()  # keeps the order in which the strategies first appear
    for here in known:
        count.update(here.keys())
    total = len(known)
    everywhere = [name for name in count if count[name] == total]
    others = [NotEverywhere(name, count[name], total) for name in count if count[name] < total]
    return everywhere, others


def _with_common_seeds(
    names: Sequence[str], pairs: Iterable[Pair]
) -> tuple[list[str], list[NoCommonSeeds]]:
    """Those of which every two have seeds in common on every scenario.

    Whoever shares none with most others goes first.
    """
    kept = list(names)
    left: list[NoCommonSeeds] = []
    # A pair without common seeds has no p.
    strangers = [(pair.a, pair.b) for pair in pairs if np.isnan(pair.p)]
    while apart := [pair for pair in strangers if set(pair) <= set(kept)]:
        count = Counter(itertools.chain.from_iterable(apart))
        # Of several who share none with equally many, the last one goes.
        alone = max(reversed(kept), key=lambda name: count[name])
        first, second = next(pair for pair in apart if alone in pair)
        kept.remove(alone)
        left.append(NoCommonSeeds(first, second, alone))
    return kept, left


def _pairs_by_scenario(
    names: Sequence[str], scenarios: Iterable[str], pairs: Iterable[Pair]
) -> Iterable[Mapping[Places, Pair]]:
    place = {name: position for position, name in enumerate(names)}
    found: dict[str | None, dict[Places, Pair]] = {name: {} for name in scenarios}
    for pair in pairs:
        if pair.a in place and pair.b in place:
            i, j = place[pair.a], place[pair.b]
            found[pair.scenario][min(i, j), max(i, j)] = pair if i < j else pair.turned()
    return found.values()


# ---------------------------------------------------------------------- ranks and tests


def _ranks(pairs: Mapping[Places, Pair], count: int, rules: Rules) -> Array:
    """The strategies' ranks on a scenario: 1 + how many are ahead, those even counted half."""
    lead = np.zeros((count, count))
    for (i, j), pair in pairs.items():
        lead[i, j] = _lead(pair, rules)
        # Who is even leads by 0, which counts as half a rank to both.
        lead[j, i] = -lead[i, j]
    ranks: Array = 1 + (count - 1 - lead.sum(axis=1)) / 2
    return ranks


def _lead(pair: Pair, rules: Rules) -> int:
    """1 where a is ahead of b, by the ranks of the two alone (Dunn's test ranks all strategies
    together).
    """
    if not rules.unpaired:
        return pair.better
    return int(np.sign(np.round(pair.effect - 0.5, 12)))


def _nemenyi_pairs(names: Sequence[str], ranks: Array) -> list[Pair]:
    averages, (blocks, k) = average_ranks(-ranks), ranks.shape
    places = list(itertools.combinations(range(k), 2))
    gaps = np.array([averages[j] - averages[i] for i, j in places])
    smallest = smallest_nemenyi(k, blocks)
    pairs = []
    for (i, j), gap, p in zip(places, gaps, nemenyi_p(gaps, k, blocks), strict=True):
        better = int(np.sign(gap))
        tested = Tested(design.NEMENYI, float(abs(gap)), float(p), smallest, better)
        pairs.append(_overall_pair(names[i], names[j], blocks, tested))
    return pairs


def _signed_rank_pair(contenders: Contenders, rules: Rules) -> Pair:
    """Two strategies: the signed-rank test of how far one is ahead on each scenario."""
    a, b = contenders.names
    ahead = np.array([_ahead(first, second, rules) for first, second in contenders.runs])
    tested = signed_rank(ahead, np.zeros(len(ahead)))
    return _overall_pair(a, b, len(ahead), tested)


def _ahead(a: Runs, b: Runs, rules: Rules) -> float:
    """How far a is ahead of b on a scenario: Hodges and Lehmann's estimate, infinite where failures
    decide.
    """
    if rules.unpaired:
        return shift(a.score, b.score)
    seeds = common_seeds([a, b])
    return pseudo_median(differences(a.at(seeds), b.at(seeds)))


def _overall_pair(a: str, b: str, n: int, tested: Tested) -> Pair:
    """A pair over scenarios, without sizes and a verdict yet; its p adjusts itself."""
    pair = tested_pair(None, a, b, n, tested)
    return replace(pair, p_adjusted=pair.p)


# ---------------------------------------------------------------------- sizes


def _with_sizes(pairs: Sequence[Pair], contenders: Contenders, rules: Rules) -> list[Pair]:
    """The pairs with the means, over scenarios, of their difference and effect on each."""
    # A row a pair, a column a scenario: sums over scenarios go along memory.
    size = (len(contenders.places), len(contenders.pairs))
    by_pair, effects = np.empty(size), np.empty(size)
    for s, here in enumerate(contenders.pairs):
        for k, place in enumerate(contenders.places):
            by_pair[k, s], effects[k, s] = here[place].difference, here[place].effect
    apart = by_pair.T
    low, high = over_scenarios(apart, _resampled_differences(contenders, rules))
    sized = []
    for k, pair in enumerate(pairs):
        difference = float(apart[:, k].mean())
        known = not np.isnan(difference)
        sized.append(
            replace(
                pair,
                effect=float(np.mean(effects[k])),
                difference=difference,
                ci_low=float(low[k]) if known else NAN,
                ci_high=float(high[k]) if known else NAN,
            )
        )
    return sized


def _resampled_differences(contenders: Contenders, rules: Rules) -> Array:
    """`[resamples, pairs]`: paired runs are resampled in pairs, others each by itself.

    Nothing where no interval needs them.
    """
    places = np.array(contenders.places)
    if not resamples_scenarios(len(contenders.runs)):
        return np.empty((0, len(places)))
    tables = [_by_seed(here) for here in contenders.runs]
    if rules.unpaired:
        drawn = hierarchical_means(tables, rules.rng(), paired=False)
        found: Array = drawn[:, places[:, 0]] - drawn[:, places[:, 1]]
        return found
    parts = []
    # Of a hundred strategies the resamples of all pairs would take hundreds of megabytes.
    for first in range(0, len(places), AT_ONCE):
        i, j = places[first : first + AT_ONCE].T
        apart = [table[:, i] - table[:, j] for table in tables]
        parts.append(hierarchical_means(apart, rules.rng()))
    return np.concatenate(parts, axis=1)


def _by_seed(here: Sequence[Runs]) -> Array:
    """`[seeds, k]`: values, NaN where a strategy has none."""
    seeds = np.unique(np.concatenate([one.seed for one in here]))
    table = np.full((len(seeds), len(here)), np.nan)
    for k, one in enumerate(here):
        table[np.searchsorted(seeds, one.seed), k] = one.value
    return table


def _overall_ranks(
    contenders: Contenders, ranks: Array, pairs: Sequence[Pair], rules: Rules
) -> tuple[OverallRank, ...]:
    """Best first."""
    names = contenders.names
    average = dict(zip(names, average_ranks(-ranks), strict=True))
    means = _means_over_scenarios(contenders, rules)
    order = sorted(names, key=lambda name: average[name])
    groups = letters(difference_matrix(order, pairs, rules.alpha))
    found = []
    for name, group in zip(order, groups, strict=True):
        mean, ends = means[name]
        rank = float(average[name])
        found.append(OverallRank(name, rank, group, mean, ends.low, ends.high))
    return tuple(found)


def _means_over_scenarios(
    contenders: Contenders, rules: Rules
) -> dict[str, tuple[float, Interval]]:
    """By strategy, at the seeds that all have, unless runs are not paired."""
    shared = [here if rules.unpaired else _at_common_seeds(here) for here in contenders.runs]
    # A row a scenario, a column a strategy.
    table = np.stack([np.array([one.mean for one in here]) for here in shared])
    drawn = np.empty((0, len(contenders.names)))
    if resamples_scenarios(len(shared)):
        tables = [_by_seed(here) for here in shared]
        drawn = hierarchical_means(tables, rules.rng(), paired=not rules.unpaired)
    low, high = over_scenarios(table, drawn)
    found = {}
    for k, name in enumerate(contenders.names):
        mean = float(table[:, k].mean())
        ends = Interval(NAN, NAN, NONE)
        if not np.isnan(mean):
            ends = Interval(float(low[k]), float(high[k]), "").cut(shared[0][k].limits)
        found[name] = (mean, ends)
    return found


def _at_common_seeds(here: Sequence[Runs]) -> list[Runs]:
    """The runs of the seeds that all have."""
    seeds = common_seeds(here)
    return [one.only(seeds) for one in here]
