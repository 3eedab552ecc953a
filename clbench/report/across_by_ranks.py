"""The comparison over scenarios by ranks: who is ahead of whom on each, and by how much on average.

All of it stands on pairs within scenarios: two strategies are compared at the seeds that both have,
by the ranks of their runs, a failed run below every finished one of the two. So neither a
strategy's failures, nor seeds that others lack, nor other strategies can move one of the two ahead
of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clbench.report.across import (
    NO_INTERVAL,
    Across,
    Estimates,
    at_common_seeds,
    by_seed,
    finished_scenarios,
    overall_ranks,
    ranks_by_lead,
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
    with_verdicts,
)
from clbench.report.runs import Runs
from clbench.report.score_tables import scores_at_both
from clbench.stats import design
from clbench.stats.blocks import block_scores, omnibus_of
from clbench.stats.intervals import (
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
    count = len(contenders.names)
    ranks = np.stack([_ranks(here, count, rules) for here in contenders.pairs])
    tested = _tests(contenders, ranks, rules)
    pairs = _with_sizes(tested.pairs, contenders, rules)
    pairs = with_verdicts(pairs, {None: tested.omnibus.p <= rules.alpha}, rules)
    means, finished = means_over_scenarios(contenders, rules), finished_scenarios(contenders)
    average = average_ranks(-ranks).tolist()
    found = Across(
        question=LIKE_THESE,
        omnibus=tested.omnibus,
        correction=tested.correction,
        critical_difference=tested.critical_difference,
        ranks=overall_ranks(contenders, average, means, finished, pairs, rules),
        pairs=tuple(pairs),
    )
    return (found,)


@dataclass(frozen=True)
class _Tests:
    """Of ranks over scenarios; the pairs are without sizes and verdicts yet."""

    omnibus: Omnibus
    pairs: Sequence[Pair]
    correction: str
    critical_difference: float


def _tests(contenders: Contenders, ranks: Array, rules: Rules) -> _Tests:
    blocks, count = ranks.shape
    if count == 2:
        pair = _signed_rank_pair(contenders, rules)
        return _Tests(of_pair(pair), [pair], "none", NAN)
    pairs = _nemenyi_pairs(contenders.names, ranks)
    critical = critical_difference(count, blocks, rules.alpha)
    return _Tests(_friedman(ranks), pairs, design.NEMENYI, critical)


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
    return ranks_by_lead(lead)


def _lead(pair: Pair, rules: Rules) -> int:
    """1 where a is ahead of b by the ranks of the two alone (Dunn's test ranks all together)."""
    if not rules.unpaired:
        return pair.better
    return int(np.sign(np.round(pair.effect - 0.5, 12)))


def _nemenyi_pairs(names: Sequence[str], ranks: Array) -> list[Pair]:
    blocks, count = ranks.shape
    smallest = smallest_nemenyi(count, blocks)
    first, second = np.triu_indices(count, 1)
    average = average_ranks(-ranks)
    # The smaller rank is the better one.
    gaps = average[second] - average[first]
    tested = []
    for gap, p in zip(gaps.tolist(), nemenyi_p(gaps, count, blocks).tolist(), strict=True):
        tested.append(Tested(design.NEMENYI, abs(gap), p, smallest, int(np.sign(gap))))
    both = zip(itertools.combinations(names, 2), tested, strict=True)
    return [_overall_pair(a, b, blocks, one) for (a, b), one in both]


def _signed_rank_pair(contenders: Contenders, rules: Rules) -> Pair:
    """Two strategies: the signed-rank test of how far one is ahead on each scenario."""
    a, b = contenders.names
    ahead = np.array([_ahead(first, second, rules) for first, second in contenders.runs])
    tested = signed_rank(ahead, np.zeros(len(ahead)))
    return _overall_pair(a, b, len(ahead), tested)


def _ahead(a: Runs, b: Runs, rules: Rules) -> float:
    """How far a is ahead of b: Hodges and Lehmann's estimate, infinite where failures decide."""
    if rules.unpaired:
        return shift(a.score, b.score)
    return pseudo_median(differences(*scores_at_both(a, b)))


def _overall_pair(a: str, b: str, n: int, tested: Tested) -> Pair:
    """A pair over scenarios, without sizes and a verdict yet; its p adjusts itself."""
    pair = tested_pair(None, a, b, n, tested)
    return replace(pair, p_adjusted=pair.p, question=LIKE_THESE)


# ---------------------------------------------------------------------- sizes


def _with_sizes(pairs: Sequence[Pair], contenders: Contenders, rules: Rules) -> list[Pair]:
    """The pairs with the means, over scenarios, of their difference and effect on each."""
    apart = _by_pair(contenders, "difference")
    effects = _by_pair(contenders, "effect").mean(axis=1)
    drawn = _resampled_differences(contenders, rules)
    ends = over_scenarios(apart.T, drawn, rules.level)
    sized = []
    for pair, effect, by_scenario, low, high in zip(pairs, effects, apart, *ends, strict=True):
        difference = float(by_scenario.mean())
        one = replace(pair, effect=float(effect), difference=difference)
        if not np.isnan(difference):
            one = replace(one, ci_low=float(low), ci_high=float(high))
        sized.append(one)
    return sized


def _by_pair(contenders: Contenders, size: str) -> Array:
    """`[pairs, scenarios]`: a size of each pair on each scenario."""
    # A row a pair, a column a scenario: sums over scenarios go along memory.
    table = np.empty((len(contenders.places), len(contenders.pairs)))
    for column, here in zip(table.T, contenders.pairs, strict=True):
        column[:] = [getattr(here[place], size) for place in contenders.places]
    return table


def _resampled_differences(contenders: Contenders, rules: Rules) -> Array:
    """`[resamples, pairs]`: paired runs are resampled in pairs, others each by itself.

    Nothing where no interval needs them.
    """
    places = np.array(contenders.places)
    if not resamples_scenarios(len(contenders.runs)):
        return np.empty((0, len(places)))
    tables = [by_seed(here) for here in contenders.runs]
    if rules.unpaired:
        return _apart(hierarchical_means(tables, rules.rng(), paired=False), places)
    parts = []
    # Of a hundred strategies the resamples of all pairs would take hundreds of megabytes.
    for first in range(0, len(places), AT_ONCE):
        apart = [_apart(table, places[first : first + AT_ONCE]) for table in tables]
        parts.append(hierarchical_means(apart, rules.rng()))
    return np.concatenate(parts, axis=1)


def _apart(table: Array, places: Array) -> Array:
    """`[rows, pairs]`: a column minus another, of these pairs of columns."""
    first, second = places.T
    apart: Array = table[:, first] - table[:, second]
    return apart


def means_over_scenarios(contenders: Contenders, rules: Rules) -> Estimates:
    """By strategy, at the seeds that all have, unless runs are not paired."""
    shared: Sequence[Sequence[Runs]] = contenders.runs
    if not rules.unpaired:
        shared = list(map(at_common_seeds, shared))
    table = _means(shared)
    ends = over_scenarios(table, _resampled_means(shared, rules), rules.level)
    found = {}
    for one, column, low, high in zip(shared[0], table.T, *ends, strict=True):
        mean = float(column.mean())
        interval = NO_INTERVAL
        if not np.isnan(mean):
            interval = Interval(float(low), float(high), "").cut(one.limits)
        found[one.strategy] = mean, interval
    return found


def _means(scenarios: Sequence[Sequence[Runs]]) -> Array:
    """`[scenarios, strategies]`."""
    rows = []
    for here in scenarios:
        rows.append([one.mean for one in here])
    return np.array(rows)


def _resampled_means(scenarios: Sequence[Sequence[Runs]], rules: Rules) -> Array:
    """`[resamples, strategies]`; nothing where no interval needs them."""
    if not resamples_scenarios(len(scenarios)):
        return np.empty((0, len(scenarios[0])))
    tables = list(map(by_seed, scenarios))
    return hierarchical_means(tables, rules.rng(), paired=not rules.unpaired)
