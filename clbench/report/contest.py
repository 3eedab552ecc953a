"""The tests of a comparison within each scenario, and the ranks and letters that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from clbench.report.runs import Runs, common_seeds
from clbench.stats import design
from clbench.stats.corrections import adjust
from clbench.stats.effects import vargha_delaney
from clbench.stats.equivalence import two_one_sided, two_one_sided_unpaired
from clbench.stats.intervals import mean_intervals, welch
from clbench.stats.letters import letters
from clbench.stats.paired import differences, signed_rank_of
from clbench.stats.result import Tested
from clbench.stats.several import Friedman, friedman
from clbench.stats.unpaired import dunn, kruskal_wallis, mann_whitney
from clbench.typing import Array

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
    """The test of whether the strategies of a scenario differ at all.

    `scenario` is None over scenarios; `f` is Iman and Davenport's.
    """

    scenario: str | None
    test: str
    statistic: float
    p: float
    strategies: int
    blocks: int
    f: float = NAN
    f_df: tuple[int, int] = (0, 0)
    f_p: float = NAN


@dataclass(frozen=True)
class Pair:
    """Two strategies, on one scenario or (`scenario` is None) over all.

    `difference` is a - b, `effect` the chance that a is better.
    """

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
    # Of lying within the region of practical equivalence, adjusted likewise.
    equivalence_p: float = NAN
    exact: bool = False  # p was counted, and is no approximation

    @property
    def winner(self) -> str:
        """Who is ahead; of no meaning where `better` is 0."""
        return self.a if self.better > 0 else self.b

    @property
    def loser(self) -> str:
        """The other one."""
        return self.b if self.better > 0 else self.a

    @property
    def cliffs_delta(self) -> float:
        """The effect on the scale from -1 to 1."""
        return 2 * self.effect - 1

    def turned(self) -> Pair:
        """The same comparison with the two in the other order."""
        return replace(
            self,
            a=self.b,
            b=self.a,
            effect=1 - self.effect,
            difference=-self.difference,
            ci_low=-self.ci_high,
            ci_high=-self.ci_low,
            better=-self.better,
        )


# ---------------------------------------------------------------------- one scenario


def within(runs: Sequence[Runs], rules: Rules) -> tuple[Omnibus | None, list[Pair]]:
    """The tests of one scenario.

    Their p is not adjusted yet, because the family reaches over all scenarios.
    """
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
        # `mean_intervals` takes many columns at once: a hundred strategies have 4,950 pairs.
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
    pair = replace(
        _pair(a, b, tested, len(seeds)),
        effect=vargha_delaney(first, second),
        difference=float(delta.mean()) if len(delta) else NAN,
        equivalence_p=equivalence,
    )
    return pair, delta


def _equivalence(all_finished: bool, test: Callable[[float], float], rules: Rules) -> float:
    """The p-value of lying within the region; NaN where nobody asked.

    The test looks at means, which a failed run has no part in: with one nothing is shown to be
    equivalent.
    """
    if rules.rope is None:
        return NAN
    return test(rules.rope) if all_finished else 1.0


def _unpaired_tests(runs: Sequence[Runs]) -> dict[tuple[int, int], Tested]:
    scores = [one.score for one in runs]
    if len(runs) < 2:
        return {}
    return {(0, 1): mann_whitney(*scores)} if len(runs) == 2 else dunn(scores)


def _unpaired(a: Runs, b: Runs, tested: Tested, rules: Rules) -> Pair:
    equivalence = _equivalence(
        not (a.failed.any() or b.failed.any()),
        lambda rope: two_one_sided_unpaired(a.finished, b.finished, rope),
        rules,
    )
    interval = welch(a.finished, b.finished)
    return replace(
        _pair(a, b, tested, len(a.seed) + len(b.seed)),
        effect=vargha_delaney(a.score, b.score),
        difference=a.mean - b.mean,
        ci_low=interval.low,
        ci_high=interval.high,
        equivalence_p=equivalence,
    )


def _pair(a: Runs, b: Runs, tested: Tested, n: int) -> Pair:
    """What the test of two strategies says within their scenario."""
    return tested_pair(a.scenario, a.strategy, b.strategy, n, tested)


def tested_pair(scenario: str | None, a: str, b: str, n: int, tested: Tested) -> Pair:
    """What the test says; the sizes come later, and p is adjusted when all pairs are known."""
    return Pair(
        scenario=scenario,
        a=a,
        b=b,
        n=n,
        test=tested.test,
        statistic=float(tested.statistic),
        p=float(tested.p),
        p_adjusted=NAN,
        smallest_p=tested.smallest_p,
        effect=NAN,
        difference=NAN,
        ci_low=NAN,
        ci_high=NAN,
        verdict="",
        better=tested.better,
        exact=tested.exact,
    )


def _omnibus(runs: Sequence[Runs], planned: design.Design, pairs: Sequence[Pair]) -> Omnibus | None:
    """The test of all strategies of a scenario; of two it is that of the pair."""
    scenario = runs[0].scenario
    if len(runs) == 2:
        return of_pair(pairs[0])
    if planned.omnibus == design.FRIEDMAN:
        seeds = common_seeds(runs)
        if len(seeds) < 2:
            return None
        scores = np.stack([one.at(seeds) for one in runs], axis=1)
        return of_friedman(scenario, friedman(scores))
    if planned.omnibus == design.KRUSKAL_WALLIS:
        found = kruskal_wallis([one.score for one in runs])
        return Omnibus(
            scenario=scenario,
            test=planned.omnibus,
            statistic=found.statistic,
            p=found.p,
            strategies=len(runs),
            blocks=sum(len(one.seed) for one in runs),
        )
    return None


def of_pair(pair: Pair) -> Omnibus:
    """The test of two strategies, which is all there is to test."""
    return Omnibus(
        scenario=pair.scenario,
        test=pair.test,
        statistic=pair.statistic,
        p=pair.p,
        strategies=2,
        blocks=pair.n,
    )


def of_friedman(scenario: str | None, found: Friedman) -> Omnibus:
    """Friedman's test as one of the comparison's."""
    return Omnibus(
        scenario=scenario,
        test=design.FRIEDMAN,
        statistic=found.statistic,
        p=found.p,
        strategies=len(found.average_ranks),
        blocks=found.blocks,
        f=found.f,
        f_df=found.f_df,
        f_p=found.f_p,
    )


def with_verdicts(
    pairs: Sequence[Pair], rejected: dict[str | None, bool], rules: Rules
) -> list[Pair]:
    """The pairs with adjusted p-values and verdicts; one family, all the pairs that are shown."""
    p = adjust(np.array([pair.p for pair in pairs]), rules.correction)
    same = adjust(np.array([pair.equivalence_p for pair in pairs]), rules.correction)
    judged = []
    for pair, p_adjusted, equivalence_p in zip(pairs, p, same, strict=True):
        pair = replace(pair, p_adjusted=float(p_adjusted), equivalence_p=float(equivalence_p))
        said = verdict(pair, rejected.get(pair.scenario, True), rules)
        judged.append(replace(pair, verdict=said))
    return judged


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
        doubt = "" if rejected else " (though the omnibus test found no difference)"
        return f"{pair.winner} better{doubt}"
    return "cannot be told apart"


# ---------------------------------------------------------------------- ranking


@dataclass(frozen=True)
class Place:
    """A strategy's place in a ranking: 1 + the number of strategies that are better, and its
    letters.
    """

    strategy: str
    rank: int
    group: str


def ranking(
    strategies: Sequence[str], order: Sequence[float], pairs: Sequence[Pair], alpha: float
) -> list[Place]:
    """Best first.

    Whoever is beaten by nobody has rank 1; `order` (more is better) only sorts within a rank.
    """
    beaten = dict.fromkeys(strategies, 0)
    for pair in pairs:
        if differs(pair, alpha):
            beaten[pair.loser] += 1
    value = dict(zip(strategies, np.where(np.isnan(order), -np.inf, order), strict=True))
    ranked = sorted(strategies, key=lambda name: (beaten[name], -value[name]))
    groups = letters(difference_matrix(ranked, pairs, alpha))
    places = zip(ranked, groups, strict=True)
    return [Place(name, 1 + beaten[name], group) for name, group in places]


def difference_matrix(strategies: Sequence[str], pairs: Sequence[Pair], alpha: float) -> Array:
    """`[k, k]`: who differs from whom."""
    place = {name: position for position, name in enumerate(strategies)}
    different = np.zeros((len(strategies), len(strategies)), dtype=bool)
    for pair in pairs:
        if differs(pair, alpha) and pair.a in place and pair.b in place:
            i, j = place[pair.a], place[pair.b]
            different[i, j] = different[j, i] = True
    return different
