"""The tests of a comparison: within each scenario, over all of them, and the letters that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from clbench.records.cell import Array
from clbench.report.runs import Runs, common_seeds
from clbench.stats import design
from clbench.stats.corrections import adjust
from clbench.stats.effects import probability_of_improvement, vargha_delaney
from clbench.stats.equivalence import two_one_sided, two_one_sided_unpaired
from clbench.stats.intervals import (
    Interval,
    hierarchical_means,
    mean_intervals,
    over_scenarios,
    welch,
)
from clbench.stats.letters import letters
from clbench.stats.paired import differences, signed_rank, signed_rank_of
from clbench.stats.power import smallest_nemenyi
from clbench.stats.ranks import settle_ties
from clbench.stats.result import Tested
from clbench.stats.several import Friedman, average_ranks, critical_difference, friedman, nemenyi_p
from clbench.stats.unpaired import dunn, kruskal_wallis, mann_whitney

NAN = float("nan")
UNTESTED = Tested("none", NAN, NAN, NAN, 0)


@dataclass(frozen=True)
class Rules:
    """How a comparison is made, everything decided."""

    metric: str
    baseline: str | None
    alpha: float
    correction: str
    unpaired: bool
    rope: float | None
    seed: int = 0  # of the resampling; the same record gives the same intervals

    def rng(self) -> np.random.Generator:
        """A fresh generator for one purpose, so that no interval depends on what else is shown."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True)
class Omnibus:
    """Do the strategies of a scenario differ at all? `scenario` is None over scenarios; `f` is Iman and Davenport's."""

    scenario: str | None
    test: str
    statistic: float
    p: float
    f: float
    f_df: tuple[int, int]
    f_p: float
    strategies: int
    blocks: int


@dataclass(frozen=True)
class Pair:
    """Two strategies, on one scenario or (`scenario` is None) over all. `difference` is a - b, `effect` the chance that a is better."""

    scenario: str | None
    a: str
    b: str
    n: int
    test: str
    statistic: float
    p: float
    p_adjusted: float
    smallest_p: float
    effect: float
    difference: float
    ci_low: float
    ci_high: float
    verdict: str
    better: int  # 1 for a, -1 for b, by ranks
    equivalence_p: float = (
        NAN  # of lying within the region of practical equivalence, adjusted likewise
    )

    @property
    def cliffs_delta(self) -> float:
        """The effect on the scale from -1 to 1."""
        return 2 * self.effect - 1


# ---------------------------------------------------------------------- one scenario


def within(runs: Sequence[Runs], rules: Rules) -> tuple[Omnibus | None, list[Pair]]:
    """The tests of one scenario; p is not adjusted yet, because the family reaches over all scenarios."""
    planned = design.within_scenario(len(runs), paired=not rules.unpaired)
    if rules.unpaired:
        tested = _unpaired_tests(runs)
        pairs = [
            _unpaired(runs[i], runs[j], tested[i, j], rules)
            for i, j in combinations(range(len(runs)), 2)
        ]
    else:
        pairs = _paired(runs, rules)
    return _omnibus(runs, planned, pairs), pairs


def _paired(runs: Sequence[Runs], rules: Rules) -> list[Pair]:
    """All pairs. Intervals of as many differences each are computed together."""
    pairs = []
    by_length: dict[int, list[tuple[int, Array]]] = defaultdict(list)
    for place, (a, b) in enumerate(combinations(runs, 2)):
        pair, delta = _paired_test(a, b, rules)
        pairs.append(pair)
        by_length[len(delta)].append((place, delta))
    for columns in by_length.values():
        found = mean_intervals(np.stack([delta for _, delta in columns], axis=1))
        for (place, _), interval in zip(columns, found, strict=True):
            pairs[place] = replace(pairs[place], ci_low=interval.low, ci_high=interval.high)
    return pairs


def _paired_test(a: Runs, b: Runs, rules: Rules) -> tuple[Pair, Array]:
    """Two strategies at the seeds both have, and their differences where both finished."""
    seeds = common_seeds([a, b])
    first, second = a.at(seeds), b.at(seeds)
    gains = differences(first, second)
    tested = signed_rank_of(gains) if len(seeds) else UNTESTED
    finished = np.isfinite(first) & np.isfinite(second)
    delta = a.sign * gains[finished]
    equivalence = _equivalence(bool(finished.all()), lambda rope: two_one_sided(delta, rope), rules)
    mean = float(delta.mean()) if len(delta) else NAN
    effect = vargha_delaney(first, second)
    return _pair(a, b, len(seeds), tested, effect, mean, Interval(NAN, NAN, ""), equivalence), delta


def _equivalence(all_finished: bool, test: Callable[[float], float], rules: Rules) -> float:
    """The p-value of lying within the region; NaN where nobody asked.

    The test looks at means, which a failed run has no part in: with one nothing is shown to be equivalent.
    """
    if rules.rope is None:
        return NAN
    return test(rules.rope) if all_finished else 1.0


def _unpaired_tests(runs: Sequence[Runs]) -> dict[tuple[int, int], Tested]:
    scores = [one.score for one in runs]
    return (
        {(0, 1): mann_whitney(*scores)} if len(runs) == 2 else dunn(scores) if len(runs) > 2 else {}
    )


def _unpaired(a: Runs, b: Runs, tested: Tested, rules: Rules) -> Pair:
    equivalence = _equivalence(
        not (a.failed.any() or b.failed.any()),
        lambda rope: two_one_sided_unpaired(a.finished, b.finished, rope),
        rules,
    )
    interval = welch(a.finished, b.finished)
    return _pair(
        a,
        b,
        len(a.seed) + len(b.seed),
        tested,
        vargha_delaney(a.score, b.score),
        a.mean - b.mean,
        interval,
        equivalence,
    )


def _pair(
    a: Runs,
    b: Runs,
    n: int,
    tested: Tested,
    effect: float,
    difference: float,
    interval: Interval,
    equivalence: float,
) -> Pair:
    return Pair(
        a.scenario,
        a.strategy,
        b.strategy,
        n,
        tested.test,
        tested.statistic,
        tested.p,
        NAN,
        tested.smallest_p,
        effect,
        difference,
        interval.low,
        interval.high,
        "",
        tested.better,
        equivalence,
    )


def _omnibus(runs: Sequence[Runs], planned: design.Design, pairs: Sequence[Pair]) -> Omnibus | None:
    scenario, k = runs[0].scenario, len(runs)
    if k == 2:
        return Omnibus(
            scenario, pairs[0].test, pairs[0].statistic, pairs[0].p, NAN, (0, 0), NAN, k, pairs[0].n
        )
    if planned.omnibus == design.FRIEDMAN:
        seeds = common_seeds(runs)
        return (
            _of_friedman(scenario, friedman(np.stack([one.at(seeds) for one in runs], axis=1)))
            if len(seeds) > 1
            else None
        )
    if planned.omnibus == design.KRUSKAL_WALLIS:
        found = kruskal_wallis([one.score for one in runs])
        return Omnibus(
            scenario,
            planned.omnibus,
            found.statistic,
            found.p,
            NAN,
            (0, 0),
            NAN,
            k,
            sum(len(one.seed) for one in runs),
        )
    return None


def _of_friedman(scenario: str | None, found: Friedman) -> Omnibus:
    k = len(found.average_ranks)
    return Omnibus(
        scenario,
        design.FRIEDMAN,
        found.statistic,
        found.p,
        found.f,
        found.f_df,
        found.f_p,
        k,
        found.blocks,
    )


def judged(pairs: Sequence[Pair], rejected: dict[str | None, bool], rules: Rules) -> list[Pair]:
    """The pairs with adjusted p-values and verdicts; one family, all the pairs that are shown."""
    p = adjust(np.array([pair.p for pair in pairs]), rules.correction)
    same = adjust(np.array([pair.equivalence_p for pair in pairs]), rules.correction)
    adjusted = [
        replace(pair, p_adjusted=float(one), equivalence_p=float(two))
        for pair, one, two in zip(pairs, p, same, strict=True)
    ]
    return [
        replace(pair, verdict=verdict(pair, rejected.get(pair.scenario, True), rules))
        for pair in adjusted
    ]


def differs(pair: Pair, alpha: float) -> bool:
    """Whether the test found a difference."""
    return pair.p_adjusted <= alpha and pair.better != 0


def verdict(pair: Pair, rejected: bool, rules: Rules) -> str:
    """In words; equivalence goes first, for a difference may be sure and too small to matter."""
    if np.isnan(pair.p):
        return "no seeds in common"
    if pair.equivalence_p <= rules.alpha:
        return f"equivalent within ±{rules.rope:g}"
    if differs(pair, rules.alpha):
        return f"{pair.a if pair.better > 0 else pair.b} better" + (
            "" if rejected else " (though the omnibus test found no difference)"
        )
    return "cannot be told apart"


# ---------------------------------------------------------------------- ranking


@dataclass(frozen=True)
class Place:
    """A strategy's place in a ranking: 1 + the number of strategies that are better, and its letters."""

    strategy: str
    rank: int
    group: str


def ranking(
    strategies: Sequence[str], order: Sequence[float], pairs: Sequence[Pair], alpha: float
) -> list[Place]:
    """Best first. Whoever is beaten by nobody has rank 1; `order` (more is better) only sorts within a rank."""
    beaten = dict.fromkeys(strategies, 0)
    for pair in pairs:
        if differs(pair, alpha):
            beaten[pair.b if pair.better > 0 else pair.a] += 1
    value = {
        name: -np.inf if np.isnan(number) else number
        for name, number in zip(strategies, order, strict=True)
    }
    ranked = sorted(strategies, key=lambda name: (beaten[name], -value[name]))
    return [
        Place(name, 1 + beaten[name], group)
        for name, group in zip(
            ranked, letters(difference_matrix(ranked, pairs, alpha)), strict=True
        )
    ]


def difference_matrix(strategies: Sequence[str], pairs: Sequence[Pair], alpha: float) -> Array:
    """`[k, k]`: who differs from whom."""
    place = {name: position for position, name in enumerate(strategies)}
    different = np.zeros((len(strategies), len(strategies)), dtype=bool)
    for pair in pairs:
        if differs(pair, alpha) and pair.a in place and pair.b in place:
            different[place[pair.a], place[pair.b]] = different[place[pair.b], place[pair.a]] = True
    return different


# ---------------------------------------------------------------------- over scenarios


@dataclass(frozen=True)
class OverallRank:
    """One strategy over all scenarios; the interval of its mean is over scenarios and seeds."""

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


def across(runs: Sequence[Sequence[Runs]], rules: Rules) -> Across:
    """`runs[s][k]`: strategy k on scenario s, the same strategies on each. Blocks are scenarios, scores their means."""
    names = [one.strategy for one in runs[0]]
    scores = np.stack([_scenario_scores(here) for here in runs])
    means = np.array([[one.mean for one in here] for here in runs])
    drawn = hierarchical_means(
        [_by_seed(here) for here in runs], rules.rng(), paired=not rules.unpaired
    )
    pairs = _nemenyi_pairs(names, scores) if len(names) > 2 else [_signed_rank_pair(names, scores)]
    pairs = [_with_size(pair, names, runs, means, drawn) for pair in pairs]
    omnibus = (
        _of_friedman(None, friedman(scores, ties=False)) if len(names) > 2 else _of_pair(pairs[0])
    )
    judged_pairs = [
        replace(pair, verdict=verdict(pair, omnibus.p <= rules.alpha, rules)) for pair in pairs
    ]
    critical = critical_difference(len(names), len(scores), rules.alpha) if len(names) > 2 else NAN
    return Across(
        omnibus,
        critical,
        _overall_ranks(names, scores, means, drawn, judged_pairs, rules),
        tuple(judged_pairs),
    )


def _scenario_scores(here: Sequence[Runs]) -> Array:
    """The mean score of every strategy. A failed run counts as the worst that anybody finished, so that failing never helps."""
    finished = np.concatenate([one.sign * one.finished for one in here])
    if not len(finished):
        return np.full(len(here), -np.inf)
    scores = [
        np.where(one.failed, finished.min(), one.score).mean() if len(one.finished) else -np.inf
        for one in here
    ]
    return settle_ties(np.array(scores))


def _by_seed(here: Sequence[Runs]) -> Array:
    """`[seeds, k]`: values, NaN where a strategy has none."""
    seeds = np.unique(np.concatenate([one.seed for one in here]))
    table = np.full((len(seeds), len(here)), np.nan)
    for k, one in enumerate(here):
        table[np.searchsorted(seeds, one.seed), k] = one.value
    return table


def _nemenyi_pairs(names: Sequence[str], scores: Array) -> list[Pair]:
    ranks, (blocks, k) = average_ranks(scores), scores.shape
    places = list(combinations(range(k), 2))
    gaps = np.array([ranks[j] - ranks[i] for i, j in places])
    smallest = smallest_nemenyi(k, blocks)
    found = zip(places, gaps, nemenyi_p(gaps, k, blocks), strict=True)
    return [
        _overall_pair(
            names[i], names[j], blocks, design.NEMENYI, abs(gap), p, smallest, int(np.sign(gap))
        )
        for (i, j), gap, p in found
    ]


def _signed_rank_pair(names: Sequence[str], scores: Array) -> Pair:
    tested = signed_rank(scores[:, 0], scores[:, 1])
    return _overall_pair(
        names[0],
        names[1],
        len(scores),
        tested.test,
        tested.statistic,
        tested.p,
        tested.smallest_p,
        tested.better,
    )


def _overall_pair(
    a: str, b: str, n: int, test: str, statistic: float, p: float, smallest: float, better: int
) -> Pair:
    return Pair(
        None,
        a,
        b,
        n,
        test,
        float(statistic),
        float(p),
        float(p),
        smallest,
        NAN,
        NAN,
        NAN,
        NAN,
        "",
        better,
    )


def _of_pair(pair: Pair) -> Omnibus:
    return Omnibus(None, pair.test, pair.statistic, pair.p, NAN, (0, 0), NAN, 2, pair.n)


def _with_size(
    pair: Pair, names: Sequence[str], runs: Sequence[Sequence[Runs]], means: Array, drawn: Array
) -> Pair:
    i, j = names.index(pair.a), names.index(pair.b)
    effect = probability_of_improvement(
        [here[i].score for here in runs], [here[j].score for here in runs]
    )
    apart = means[:, [i]] - means[:, [j]]
    (low,), (high,) = over_scenarios(apart, drawn[:, [i]] - drawn[:, [j]])
    difference = float(apart.mean())
    known = not np.isnan(difference)
    return replace(
        pair,
        effect=effect,
        difference=difference,
        ci_low=float(low) if known else NAN,
        ci_high=float(high) if known else NAN,
    )


def _overall_ranks(
    names: Sequence[str],
    scores: Array,
    means: Array,
    drawn: Array,
    pairs: Sequence[Pair],
    rules: Rules,
) -> tuple[OverallRank, ...]:
    ranks = dict(zip(names, average_ranks(scores), strict=True))
    low, high = over_scenarios(means, drawn)
    order = sorted(names, key=lambda name: ranks[name])
    shared = letters(difference_matrix(order, pairs, rules.alpha))
    found = []
    for name, group in zip(order, shared, strict=True):
        k = names.index(name)
        mean = float(means[:, k].mean())
        known = not np.isnan(mean)
        found.append(
            OverallRank(
                name,
                float(ranks[name]),
                group,
                mean,
                float(low[k]) if known else NAN,
                float(high[k]) if known else NAN,
            )
        )
    return tuple(found)
