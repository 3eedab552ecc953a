"""From tables of scores to verdicts: three questions, each answered by the tests of its design.

    plan = Plan(alpha=0.05)
    by_scenario = within_scenarios(tables, plan)      # on each scenario, all of them one family
    here = over_these_scenarios(tables, plan)         # on these scenarios together
    anywhere = over_scenarios_like_these(tables, plan)  # on scenarios of the kind; six and more

Tables are as in `evidence`. The functions are pure: the same tables and plan give the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from clbench.stats import by_design
from clbench.stats.always_valid import always_valid
from clbench.stats.blocks import DRAWS, Omnibus, omnibus_of
from clbench.stats.by_design import Choice
from clbench.stats.evidence import (
    Evidence,
    PairEvidence,
    one_scenario,
    scenarios_like_these,
    these_scenarios,
)
from clbench.stats.families import (
    Pair,
    adjust_over_families,
    all_pairs,
    baseline_pairs,
    close_over_partitions,
    members_of,
    step_down,
)
from clbench.stats.flips import sign_flips
from clbench.stats.joint import MOST_LISTED, joint_flips
from clbench.stats.paired import paired_t
from clbench.stats.result import Tested
from clbench.typing import Array

NAN = float("nan")
FEWEST_SCENARIOS = 6  # that say something of others like them: five have p >= 0.0625 at best

NO_COMMON_BLOCKS, TOO_FEW_BLOCKS = "nothing in common", "too few in common"
STRONGEST_PAIR = "sign flips of the strongest pair"
SIGNED_RANKS = "sign flips of signed ranks"  # for one scenario it is Wilcoxon's signed-rank test


@dataclass(frozen=True)
class Plan:
    """What is asked, decided before anybody looks."""

    alpha: float = 0.05
    baseline: int | None = None  # the family is the comparisons with this strategy
    omnibus_draws: int = DRAWS

    def pairs(self, strategies: int) -> list[Pair]:
        """The comparisons that were asked for."""
        if self.baseline is None:
            return all_pairs(strategies)
        return baseline_pairs(strategies, self.baseline)


@dataclass(frozen=True)
class PairAnswer:
    """Two strategies. `better` is 1 where the first is ahead, -1 where the second is, 0 where none.

    What is not tested has NaN for its p and a reason; it is in no family, and never differs.
    """

    first: int
    second: int
    size: int  # the blocks (seeds, or scenarios) that both have
    test: str
    statistic: float
    p: float
    p_adjusted: float
    smallest_p: float  # what this design could have reached at best
    better: int
    exact: bool = False  # p was counted, and is no approximation
    reason: str = ""  # NO_COMMON_BLOCKS, TOO_FEW_BLOCKS; empty where it was tested

    def differs(self, alpha: float) -> bool:
        """Whether the two are shown to differ."""
        return self.better != 0 and self.p_adjusted <= alpha


@dataclass(frozen=True)
class Answer:
    """The answer to one question. `omnibus` is None where there is no family of three to test."""

    omnibus: Omnibus | None
    correction: str  # JOINT, PARTITIONS, SHAFFER or HOLM of `by_design`
    pairs: tuple[PairAnswer, ...]

    @property
    def p_adjusted(self) -> Array:
        """Of the pairs, in their order."""
        return np.array([pair.p_adjusted for pair in self.pairs])

    def with_adjusted(self, p: Array) -> Answer:
        """The same with other adjusted p: over scenarios, or those that are always valid."""
        adjusted = zip(self.pairs, p.tolist(), strict=True)
        return replace(self, pairs=tuple(replace(pair, p_adjusted=one) for pair, one in adjusted))

    def better(self, strategies: int, alpha: float) -> Array:
        """`[k, k]`: whether the row's strategy is shown to be better than the column's."""
        shown = np.zeros((strategies, strategies), dtype=bool)
        for pair in self.pairs:
            if pair.differs(alpha):
                ahead = pair.better > 0
                shown[pair.first, pair.second] = ahead
                shown[pair.second, pair.first] = not ahead
        return shown


# ---------------------------------------------------------------------- the questions


def within_scenarios(tables: Sequence[Array], plan: Plan) -> list[Answer]:
    """How strategies compare on each scenario; all the pairs of all scenarios are one family."""
    found = [_within(table, plan, scenarios=len(tables)) for table in tables]
    # Each is adjusted within itself already.
    families = adjust_over_families([one.p_adjusted for one in found])
    return [one.with_adjusted(p) for one, p in zip(found, families, strict=True)]


def _within(table: Array, plan: Plan, scenarios: int) -> Answer:
    evidence = one_scenario(table, plan.pairs(table.shape[1]))
    return _answer(evidence, plan, scenarios)


def over_these_scenarios(tables: Sequence[Array], plan: Plan) -> Answer:
    """How strategies compare on these scenarios together; row i of every table is the same seed.

    Whole seeds are flipped and permuted, for a seed draws alike in all scenarios.
    """
    pairs = plan.pairs(tables[0].shape[1])
    return _answer(these_scenarios(tables, pairs), plan)


def over_scenarios_like_these(tables: Sequence[Array], plan: Plan) -> Answer | None:
    """How strategies compare on scenarios like these; None where there are fewer than six."""
    if len(tables) < FEWEST_SCENARIOS:
        return None
    pairs = plan.pairs(tables[0].shape[1])
    return _answer(scenarios_like_these(tables, pairs), plan)


def always_valid_within(tables: Sequence[Array], plan: Plan) -> list[Array]:
    """For records to which seeds were added: each scenario's adjusted p, however often one looked.

    Rows are in the order in which seeds were added. A p a pair, in the order of `Answer.pairs`;
    all the pairs of all scenarios are one family.
    """
    share = plan.alpha / len(tables)
    found = [always_valid(table, plan.pairs(table.shape[1]), share) for table in tables]
    return adjust_over_families([one.last for one in found])


# ---------------------------------------------------------------------- testing


def _answer(evidence: Evidence, plan: Plan, scenarios: int = 1) -> Answer:
    fit = [pair for pair in evidence.pairs if by_design.can_be_tested(pair.size)]
    family = _Family(tuple(fit))
    choice = by_design.choose(family.pairs, family.sizes, alpha=plan.alpha, scenarios=scenarios)
    tested = list(map(_pair_test, family.evidence, choice.tests))
    p = np.array([one.p for one in tested])
    # The joint test of all pairs is an omnibus test, too, and never disagrees with that of a pair.
    if choice.correction == by_design.JOINT:
        omnibus, adjusted = _jointly(family, evidence.blocks, p)
    else:
        omnibus = _omnibus(family, evidence, plan)
        adjusted = _adjusted(family, choice, omnibus, p)
    answers = list(map(_pair_answer, family.evidence, tested, adjusted))
    return Answer(omnibus, choice.correction, _with_untested(evidence, answers))


def _with_untested(evidence: Evidence, answers: Sequence[PairAnswer]) -> tuple[PairAnswer, ...]:
    """Every pair that was asked for, in order."""
    known = {(one.first, one.second): one for one in answers}
    return tuple(known.get(pair.strategies) or _untested(pair) for pair in evidence.pairs)


@dataclass(frozen=True)
class _Family:
    """The pairs that can be tested."""

    evidence: tuple[PairEvidence, ...]

    @property
    def pairs(self) -> list[Pair]:
        return [pair.strategies for pair in self.evidence]

    @property
    def sizes(self) -> list[int]:
        return [pair.size for pair in self.evidence]

    @property
    def members(self) -> list[int]:
        return members_of(self.pairs)

    def steps(self, blocks: int) -> Array:
        """`[blocks, pairs]`: what is to have its centre at 0; 0 where a pair has no block."""
        steps = np.zeros((blocks, len(self.evidence)))
        for column, pair in enumerate(self.evidence):
            steps[pair.blocks, column] = pair.steps
        return steps


def _jointly(family: _Family, blocks: int, p: Array) -> tuple[Omnibus | None, Array]:
    """All pairs by the same flips of whole blocks; that of the strongest is the omnibus test."""
    if len(p) < 2:
        return None, p
    found = joint_flips(family.steps(blocks), family.pairs)
    omnibus = Omnibus(
        test=STRONGEST_PAIR,
        statistic=found.omnibus_lead,
        p=found.omnibus_p,
        exact=blocks <= MOST_LISTED,
        blocks=blocks,
        strategies=len(family.members),
    )
    # Alone a pair's patterns are counted even where those of all pairs are drawn.
    return omnibus, np.maximum(found.adjusted, p)


def _omnibus(family: _Family, evidence: Evidence, plan: Plan) -> Omnibus | None:
    """Friedman's test by permutation, where every pair of at least three was asked for."""
    if len(family.members) < 3 or plan.baseline is not None:
        return None
    return omnibus_of(evidence.ranks_of(family.members), plan.omnibus_draws)


def _adjusted(family: _Family, choice: Choice, omnibus: Omnibus | None, p: Array) -> Array:
    """Each pair's own p, adjusted behind the omnibus test where that is one of all the pairs."""
    gate = None if omnibus is None else omnibus.p
    if choice.correction == by_design.PARTITIONS:
        return close_over_partitions(p, family.pairs, gate)
    if choice.correction == by_design.SHAFFER and gate is not None:
        return step_down(p, choice.multipliers, gate)
    return step_down(p, choice.multipliers)


def _pair_test(pair: PairEvidence, test: str) -> Tested:
    """By the mean; by signed ranks where a run failed, which has no mean."""
    if pair.failed:
        by_ranks = sign_flips(pair.steps)
        return replace(by_ranks, test=SIGNED_RANKS)
    return sign_flips(pair.steps) if test == by_design.FLIPS else paired_t(pair.steps)


def _pair_answer(pair: PairEvidence, tested: Tested, p_adjusted: float) -> PairAnswer:
    return PairAnswer(
        first=pair.first,
        second=pair.second,
        size=pair.size,
        test=tested.test,
        statistic=tested.statistic,
        p=tested.p,
        p_adjusted=float(p_adjusted),
        smallest_p=tested.smallest_p,
        better=tested.better,
        exact=tested.exact,
    )


def _untested(pair: PairEvidence) -> PairAnswer:
    reason = TOO_FEW_BLOCKS if pair.size else NO_COMMON_BLOCKS
    nothing = Tested("none", NAN, NAN, NAN, 0)
    return replace(_pair_answer(pair, nothing, NAN), reason=reason)
