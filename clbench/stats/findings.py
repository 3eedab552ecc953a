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

from clbench.stats import by_design, closed
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
    step_down,
)
from clbench.stats.flips import sign_flips
from clbench.stats.paired import paired_t
from clbench.stats.result import Tested
from clbench.typing import Array

NAN = float("nan")
FEWEST_SCENARIOS = 6  # that say something of others like them: five have p >= 0.0625 at best

NO_COMMON_BLOCKS, TOO_FEW_BLOCKS = "nothing in common", "too few in common"
SIGNED_RANKS = "sign flips of signed ranks"  # for one scenario it is Wilcoxon's signed-rank test


@dataclass(frozen=True)
class Plan:
    """What is asked, decided before anybody looks."""

    alpha: float = 0.05
    baseline: int | None = None  # the family is the comparisons with this strategy
    omnibus_draws: int = DRAWS
    closed_draws: int = closed.DRAWS

    def pairs(self, strategies: int) -> list[Pair]:
        """The comparisons that were asked for."""
        if self.baseline is None:
            return all_pairs(strategies)
        return baseline_pairs(strategies, self.baseline)


@dataclass(frozen=True)
class PairFinding:
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
    difference: float  # the mean, first minus second, where both finished
    reason: str = ""  # NO_COMMON_BLOCKS, TOO_FEW_BLOCKS; empty where it was tested

    def differs(self, alpha: float) -> bool:
        """Whether the two are shown to differ."""
        return self.better != 0 and self.p_adjusted <= alpha


@dataclass(frozen=True)
class Findings:
    """The answer to one question. `omnibus` is None where there is no family of three to test."""

    omnibus: Omnibus | None
    correction: str  # CLOSED, SHAFFER or HOLM of `by_design`
    pairs: tuple[PairFinding, ...]

    def better(self, strategies: int, alpha: float) -> Array:
        """`[k, k]`: whether the strategy of the row is shown to be better than that of the
        column.
        """
        shown = np.zeros((strategies, strategies), dtype=bool)
        for pair in self.pairs:
            if pair.differs(alpha):
                ahead = pair.better > 0
                shown[pair.first, pair.second] = ahead
                shown[pair.second, pair.first] = not ahead
        return shown


# ---------------------------------------------------------------------- the questions


def within_scenarios(tables: Sequence[Array], plan: Plan) -> list[Findings]:
    """How strategies compare on each scenario; all the pairs of all scenarios are one family."""
    found = []
    for table in tables:
        evidence = one_scenario(table, plan.pairs(table.shape[1]))
        found.append(_findings(evidence, plan, scenarios=len(tables)))
    within = [np.array([pair.p_adjusted for pair in one.pairs]) for one in found]
    families = adjust_over_families(within)
    return [_with_adjusted(one, p) for one, p in zip(found, families, strict=True)]


def over_these_scenarios(tables: Sequence[Array], plan: Plan) -> Findings:
    """How strategies compare on these scenarios together; row i of every table is the same seed.

    Whole seeds are flipped and permuted, for a seed draws alike in all scenarios.
    """
    return _findings(these_scenarios(tables, plan.pairs(tables[0].shape[1])), plan)


def over_scenarios_like_these(tables: Sequence[Array], plan: Plan) -> Findings | None:
    """How strategies compare on scenarios like these; None where there are fewer than six."""
    if len(tables) < FEWEST_SCENARIOS:
        return None
    return _findings(scenarios_like_these(tables, plan.pairs(tables[0].shape[1])), plan)


# ---------------------------------------------------------------------- testing


def _findings(evidence: Evidence, plan: Plan, scenarios: int = 1) -> Findings:
    fit = [pair for pair in evidence.pairs if by_design.can_be_tested(pair.size)]
    members = sorted({strategy for pair in fit for strategy in (pair.first, pair.second)})
    family = _Family(tuple(fit), tuple(members), evidence)
    choice = by_design.choose(
        family.pairs,
        [pair.size for pair in fit],
        alpha=plan.alpha,
        scenarios=scenarios,
        complete=family.table is not None,
    )
    tested = [_pair_test(pair, test) for pair, test in zip(fit, choice.tests, strict=True)]
    omnibus, adjusted = _adjusted(family, choice, [one.p for one in tested], plan)
    shown = {
        (pair.first, pair.second): _finding(pair, one, float(p))
        for pair, one, p in zip(fit, tested, adjusted, strict=True)
    }
    pairs = [shown.get((pair.first, pair.second)) or _untested(pair) for pair in evidence.pairs]
    return Findings(omnibus, choice.correction, tuple(pairs))


@dataclass(frozen=True)
class _Family:
    """The pairs that can be tested, and the strategies in them, numbered among themselves."""

    fit: tuple[PairEvidence, ...]
    members: tuple[int, ...]
    evidence: Evidence

    @property
    def pairs(self) -> list[Pair]:
        place = {strategy: position for position, strategy in enumerate(self.members)}
        return [(place[pair.first], place[pair.second]) for pair in self.fit]

    @property
    def table(self) -> Array | None:
        return self.evidence.complete(self.members) if self.members else None


def _adjusted(
    family: _Family, choice: Choice, p: Sequence[float], plan: Plan
) -> tuple[Omnibus | None, Array]:
    """The test of all strategies, and the pairs' p adjusted within the family."""
    table = family.table
    if choice.correction == by_design.CLOSED and table is not None:
        found = closed.closed_partitions(table, family.pairs, plan.closed_draws)
        return found.omnibus, found.adjusted
    omnibus = None
    if len(family.members) > 2 and plan.baseline is None:
        omnibus = omnibus_of(family.evidence.ranks_of(family.members), plan.omnibus_draws)
    gated = omnibus is not None and choice.correction == by_design.SHAFFER
    gate = omnibus.p if gated and omnibus is not None else 0.0
    return omnibus, step_down(np.array(p), choice.multipliers, gate)


def _pair_test(pair: PairEvidence, test: str) -> Tested:
    """By the mean; by signed ranks where a run failed, which has no mean."""
    if pair.failed:
        by_ranks = sign_flips(pair.ranked)
        return replace(by_ranks, test=SIGNED_RANKS)
    return sign_flips(pair.delta) if test == by_design.FLIPS else paired_t(pair.delta)


def _finding(pair: PairEvidence, tested: Tested, p_adjusted: float) -> PairFinding:
    return PairFinding(
        first=pair.first,
        second=pair.second,
        size=pair.size,
        test=tested.test,
        statistic=tested.statistic,
        p=tested.p,
        p_adjusted=p_adjusted,
        smallest_p=tested.smallest_p,
        better=tested.better,
        difference=pair.difference,
    )


def _untested(pair: PairEvidence) -> PairFinding:
    reason = TOO_FEW_BLOCKS if pair.size else NO_COMMON_BLOCKS
    nothing = Tested("none", NAN, NAN, NAN, 0)
    return replace(_finding(pair, nothing, NAN), reason=reason)


def _with_adjusted(found: Findings, p: Array) -> Findings:
    pairs = [replace(pair, p_adjusted=float(one)) for pair, one in zip(found.pairs, p, strict=True)]
    return replace(found, pairs=tuple(pairs))
