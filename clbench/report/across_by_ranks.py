"""The comparison over scenarios by ranks: who is ahead of whom on each, and by how much on average.

All of it stands on pairs within scenarios: two strategies are compared at the seeds that both have,
by the ranks of their runs, a failed run below every finished one of the two. So neither a
strategy's failures, nor seeds that others lack, nor other strategies can move one of the two ahead
of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from clbench.report.across import (
    Across,
    Estimates,
    at_common_seeds,
    by_seed,
    finished_scenarios,
    overall_ranks,
)
from clbench.report.contenders import Contenders, Places
from clbench.report.contest import (
    LIKE_THESE,
    NAN,
    Omnibus,
    Pair,
    Rules,
    of_pair,
    tested_pair,
    verdict,
)
from clbench.report.runs import Runs, common_seeds
from clbench.stats import design
from clbench.stats.blocks import block_scores, omnibus_of
from clbench.stats.intervals import (
    NONE,
    Interval,
    hierarchical_means,
    over_scenarios,
    resamples_scenarios,
)
from clbench.stats.paired import differences, pseudo_median, signed_rank
from clbench.stats.power import smallest_nemenyi
from clbench.stats.result import Tested
from clbench.stats.several import average_ranks, critical_difference, friedman, nemenyi_p
from clbench.stats.unpaired import shift
from clbench.typing import Array

AT_ONCE = 500  # pairs whose resampled means are in memory together


def across(contenders: Contenders, rules: Rules) -> tuple[Across, ...]:
    """Blocks are scenarios, which stand for others like them."""
    ranks = np.stack([_ranks(here, len(contenders.names), rules) for here in contenders.pairs])
    several = len(contenders.names) > 2
    pairs = (
        _nemenyi_pairs(contenders.names, ranks)
        if several
        else [_signed_rank_pair(contenders, rules)]
    )
    pairs = _with_sizes(pairs, contenders, rules)
    omnibus = _friedman(ranks) if several else of_pair(pairs[0])
    rejected = omnibus.p <= rules.alpha
    pairs = [replace(pair, verdict=verdict(pair, rejected, rules)) for pair in pairs]
    critical = NAN
    if several:
        critical = critical_difference(len(contenders.names), len(ranks), rules.alpha)
    means, finished = means_over_scenarios(contenders, rules), finished_scenarios(contenders)
    average = average_ranks(-ranks).tolist()
    overall = overall_ranks(contenders, average, means, finished, pairs, rules)
    correction = design.NEMENYI if several else "none"
    return (Across(LIKE_THESE, omnibus, correction, critical, overall, tuple(pairs)),)


def _friedman(ranks: Array) -> Omnibus:
    """Demsar's statistic, without a correction for ties, and the p of its permutations."""
    found = friedman(-ranks, ties=False)
    permuted = omnibus_of(block_scores(-ranks))
    return Omnibus(
        scenario=None,
        test=design.FRIEDMAN,
        statistic=found.statistic,
        p=permuted.p,
        strategies=len(found.average_ranks),
        blocks=found.blocks,
        f=found.f,
        f_df=found.f_df,
        f_p=found.f_p,
        exact=permuted.exact,
        question=LIKE_THESE,
    )


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
    return replace(pair, p_adjusted=pair.p, question=LIKE_THESE)


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
    drawn = _resampled_differences(contenders, rules)
    low, high = over_scenarios(apart, drawn, rules.level)
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
    tables = [by_seed(here) for here in contenders.runs]
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


def means_over_scenarios(contenders: Contenders, rules: Rules) -> Estimates:
    """By strategy, at the seeds that all have, unless runs are not paired."""
    shared = [here if rules.unpaired else at_common_seeds(here) for here in contenders.runs]
    # A row a scenario, a column a strategy.
    rows = []
    for here in shared:
        rows.append([one.mean for one in here])
    table = np.array(rows)
    drawn = np.empty((0, len(contenders.names)))
    if resamples_scenarios(len(shared)):
        tables = [by_seed(here) for here in shared]
        drawn = hierarchical_means(tables, rules.rng(), paired=not rules.unpaired)
    low, high = over_scenarios(table, drawn, rules.level)
    found = {}
    for k, name in enumerate(contenders.names):
        mean = float(table[:, k].mean())
        ends = Interval(NAN, NAN, NONE)
        if not np.isnan(mean):
            ends = Interval(float(low[k]), float(high[k]), "").cut(shared[0][k].limits)
        found[name] = (mean, ends)
    return found
