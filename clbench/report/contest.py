"""What the tests of a comparison say: of two strategies, and of all of them.

Who makes the tests: `within_by_design` and `across_by_design`, or `within_by_ranks` and
`across_by_ranks`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clbench.stats.looks import EQUIVALENT, FIRST, SECOND
from clbench.stats.result import Tested
from clbench.typing import Array

if TYPE_CHECKING:
    from clbench.report.looked import Looked
    from clbench.stats.questions import PairAnswer

NAN = float("nan")
BY_DESIGN, RANKS = "by_design", "ranks"  # which tests
EVERY_PAIR, BASELINE = "pairs", "baseline"  # which comparisons are the family
# What is asked over several scenarios; "" is the question within one.
THESE, LIKE_THESE = "these scenarios", "scenarios like these"


@dataclass(frozen=True)
class Rules:
    """How a comparison is made, everything decided."""

    metric: str
    baseline: str | None
    alpha: float
    tests: str  # BY_DESIGN or RANKS
    family: str  # EVERY_PAIR or BASELINE
    correction: str  # of the tests on ranks, and of equivalence
    unpaired: bool
    rope: float | None
    seed: int = 0  # of the resampling; the same record gives the same intervals
    looked: Looked | None = None  # where somebody looked before all seeds were there

    @property
    def level(self) -> float:
        """That of the intervals, which says what the tests say."""
        return 1 - self.alpha

    def rng(self) -> np.random.Generator:
        """A fresh generator for one purpose, so that no interval depends on what else is shown."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True)
class Omnibus:
    """The test of whether strategies differ at all.

    `scenario` is None over scenarios; `f` is Iman and Davenport's, of the tests on ranks.
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
    exact: bool = False  # p was counted, and is no approximation
    question: str = ""


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
    ci_low: float  # one interval at a time
    ci_high: float
    verdict: str
    better: int  # 1 for a, -1 for b, as the test has it
    # Of lying within the region of practical equivalence, adjusted likewise.
    equivalence_p: float = NAN
    exact: bool = False  # p was counted, and is no approximation
    question: str = ""
    # Where seeds were added after a look: the p however often somebody looked, and what is decided,
    # in the words of `stats.looks`; NaN and "" elsewhere.
    p_always: float = NAN
    decision: str = ""
    interval: str = "none"  # how it was made
    together_low: float = NAN  # the intervals of the whole family hold together
    together_high: float = NAN
    won: int = 0  # of the n, those in which a is ahead; ties are neither
    lost: int = 0
    won_low: float = NAN  # of the share that a would win, a tie being half
    won_high: float = NAN

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

    @property
    def is_tested(self) -> bool:
        """Whether there is a p; too few seeds in common have none."""
        return not np.isnan(self.p)

    @property
    def deciding_p(self) -> float:
        """The p that verdicts go by, where no declared looks decide."""
        return self.p_adjusted if np.isnan(self.p_always) else self.p_always

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
            together_low=-self.together_high,
            together_high=-self.together_low,
            won=self.lost,
            lost=self.won,
            won_low=1 - self.won_high,
            won_high=1 - self.won_low,
            better=-self.better,
            decision={FIRST: SECOND, SECOND: FIRST}.get(self.decision, self.decision),
        )


@dataclass(frozen=True)
class Within:
    """What the tests within scenarios say."""

    omnibus: tuple[Omnibus, ...]
    pairs: tuple[Pair, ...]
    corrections: Mapping[str, str]  # by scenario, how the p of its pairs are adjusted


def tested_pair(scenario: str | None, a: str, b: str, n: int, tested: Tested | PairAnswer) -> Pair:
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


def of_pair(pair: Pair) -> Omnibus:
    """The test of two strategies, which is all there is to test."""
    return Omnibus(
        scenario=pair.scenario,
        test=pair.test,
        statistic=pair.statistic,
        p=pair.p,
        strategies=2,
        blocks=pair.n,
        exact=pair.exact,
        question=pair.question,
    )


# ---------------------------------------------------------------------- verdicts


def differs(pair: Pair, alpha: float) -> bool:
    """Whether the test found a difference."""
    if pair.decision:
        return pair.decision in (FIRST, SECOND)
    return pair.p_adjusted <= alpha and pair.better != 0


def is_equivalent(pair: Pair, alpha: float) -> bool:
    """Whether the two are shown to differ by less than matters."""
    if pair.decision:
        return pair.decision == EQUIVALENT
    return pair.equivalence_p <= alpha


def verdict(pair: Pair, rejected: bool, rules: Rules) -> str:
    """In words; equivalence goes first, for a difference may be sure and too small to matter."""
    if not pair.is_tested:
        return _untested(pair)
    if is_equivalent(pair, rules.alpha):
        return f"equivalent within ±{rules.rope:g}"
    if not differs(pair, rules.alpha):
        return "cannot be told apart"
    # Nobody knows what repeated looks make of a test of all strategies.
    if rejected or pair.decision:
        return f"{pair.winner} better"
    return f"{pair.winner} better (though the omnibus test found no difference)"


def _untested(pair: Pair) -> str:
    blocks = "scenarios" if pair.question == LIKE_THESE else "seeds"
    return f"too few {blocks} in common" if pair.n else f"no {blocks} in common"


def rejected(omnibus: Iterable[Omnibus], rules: Rules) -> dict[str | None, bool]:
    """By scenario, whether the test of all strategies found that they are not all alike."""
    return {one.scenario: one.p <= rules.alpha for one in omnibus}


def with_verdicts(
    pairs: Iterable[Pair], rejected: Mapping[str | None, bool], rules: Rules
) -> list[Pair]:
    """The pairs of one family with their verdicts; p is adjusted already."""
    judged = []
    for pair in pairs:
        said = verdict(pair, rejected.get(pair.scenario, True), rules)
        judged.append(replace(pair, verdict=said))
    return judged


def difference_matrix(strategies: Sequence[str], pairs: Sequence[Pair], alpha: float) -> Array:
    """`[k, k]`: who differs from whom."""
    better = better_matrix(strategies, pairs, alpha)
    different: Array = better | better.T
    return different


def better_matrix(strategies: Sequence[str], pairs: Sequence[Pair], alpha: float) -> Array:
    """`[k, k]`: whether the row's strategy is shown to be better than the column's."""
    place = places_of(strategies)
    better = np.zeros((len(place), len(place)), dtype=bool)
    for pair in _pairs_of(place, pairs):
        if differs(pair, alpha):
            better[place[pair.winner], place[pair.loser]] = True
    return better


def equivalence_matrix(strategies: Sequence[str], pairs: Sequence[Pair], alpha: float) -> Array:
    """`[k, k]`: who is shown to differ from whom by less than matters."""
    place = places_of(strategies)
    same = np.zeros((len(place), len(place)), dtype=bool)
    for pair in _pairs_of(place, pairs):
        if is_equivalent(pair, alpha):
            same[place[pair.a], place[pair.b]] = True
    both: Array = same | same.T
    return both


def places_of(names: Iterable[str]) -> dict[str, int]:
    """Where each of them stands."""
    return {name: position for position, name in enumerate(names)}


def _pairs_of(names: Container[str], pairs: Iterable[Pair]) -> Iterable[Pair]:
    """Those of which both are among the names."""
    return (pair for pair in pairs if pair.a in names and pair.b in names)
