"""Adding seeds until it is decided, by looks that were declared beforehand.

    plan = LookPlan(looks=(6, 9, 12, 20, 30), alpha=0.05, rope=0.01)
    decision = decide(scores, plan)      # scores of the seeds so far: [seeds, k]
    decision.state, decision.next_look   # MORE, 12: run up to twelve seeds, and ask again

Each look spends a part of alpha (Lan and DeMets 1983); pairs share it by Shaffer's multipliers, and
a pair that is decided leaves its part to the others (Maurer and Bretz 2013). Equivalence has an
error of its own. What is undecided at the last look stays undecided: it was never shown to be
equal.

The test of a pair at a look is by signed ranks, against the same random patterns of signs at every
look: the patterns that lead most are struck out as far as alpha goes, and once the observed one is
struck out, the pair is shown to differ.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clbench.stats.always_valid import always_valid
from clbench.stats.declared import ALWAYS_VALID, DECLARED
from clbench.stats.equivalence import two_one_sided
from clbench.stats.evidence import both_ran
from clbench.stats.families import (
    Pair,
    all_pairs,
    baseline_pairs,
    family_multipliers,
    holm_multipliers,
)
from clbench.stats.paired import column_differences, signed_ranks
from clbench.typing import Array

DRAWS = 9_999  # patterns of signs beside the observed one
GENERATOR_SEED = 1983  # of those patterns: one record has one decision

DECIDED, UNDECIDED, MORE = "decided", "undecided", "more"
FIRST, SECOND, EQUIVALENT, OPEN = "first better", "second better", "equivalent", "open"
NEVER = 10**9  # a look that is not among any


@dataclass(frozen=True)
class LookPlan:
    """When to look, and what is to be decided: everything that has to be fixed beforehand."""

    looks: tuple[int, ...]  # numbers of seeds, ascending; the last is the most
    alpha: float = 0.05
    rope: float | None = None  # differences below it do not matter, and may be shown to be there
    baseline: int | None = None  # only comparisons with this strategy are to be decided
    method: str = DECLARED  # or ALWAYS_VALID, which needs no plan and takes more seeds
    draws: int = DRAWS

    def __post_init__(self) -> None:
        ascending = sorted(set(self.looks))
        if not self.looks or list(self.looks) != ascending or self.looks[0] < 1:
            raise ValueError(f"looks are ascending numbers of seeds, not {self.looks}")

    @property
    def most(self) -> int:
        """The seeds at which it ends."""
        return self.looks[-1]

    def parts_of_alpha(self) -> dict[int, float]:
        """What each look may spend; all of them together spend all of it."""
        spent_by = [spent(look / self.most) for look in self.looks]
        parts = np.diff([0.0, *spent_by]).tolist()
        return dict(zip(self.looks, parts, strict=True))

    def pairs(self, strategies: int) -> list[Pair]:
        """The comparisons that are to be decided."""
        if self.baseline is None:
            return all_pairs(strategies)
        return baseline_pairs(strategies, self.baseline)


@dataclass(frozen=True)
class PairDecision:
    """What is known of two strategies, and since which look."""

    first: int
    second: int
    verdict: str  # FIRST, SECOND, EQUIVALENT or OPEN
    look: int | None  # seeds


@dataclass(frozen=True)
class Decision:
    """Whether to go on: MORE (up to `next_look` seeds), DECIDED, or UNDECIDED at the last look."""

    state: str
    next_look: int | None
    pairs: tuple[PairDecision, ...]


def decide(scores: Array, plan: LookPlan) -> Decision:
    """What the looks so far decide; `scores [seeds, k]` in the order in which seeds were added.

    The same seeds always give the same answer, and a pair that was decided at one look is decided
    at all that follow.
    """
    decisions = _pair_decisions(scores, plan)
    if all(one.verdict != OPEN for one in decisions):
        return Decision(DECIDED, None, decisions)
    left = [look for look in plan.looks if look > len(scores)]
    return Decision(MORE, left[0], decisions) if left else Decision(UNDECIDED, None, decisions)


def _pair_decisions(scores: Array, plan: LookPlan) -> tuple[PairDecision, ...]:
    pairs = plan.pairs(scores.shape[1])
    reached = [look for look in plan.looks if look <= len(scores)]
    different = _differences_shown(scores, pairs, reached, plan)
    equivalent = _equivalences_shown(scores, pairs, reached, plan)
    shown = zip(pairs, different, equivalent, strict=True)
    return tuple(_pair_decision(scores, pair, one, other) for pair, one, other in shown)


def decide_scenarios(tables: Sequence[Array], plan: LookPlan) -> tuple[str, list[Decision]]:
    """The same on several scenarios, which share alpha: what to do, and each one's decision.

    MORE where any scenario wants more seeds before its last look; all of them are run up to the
    next look, for that is what a suite adds.
    """
    share = replace(plan, alpha=plan.alpha / len(tables))
    decisions = [decide(table, share) for table in tables]
    states = {decision.state for decision in decisions}
    state = next(one for one in (MORE, UNDECIDED, DECIDED) if one in states)
    return state, decisions


def spent(share: float) -> float:
    """The part of alpha that is spent by this share of the seeds: more of it early than late."""
    return math.log1p((math.e - 1) * share)


def _pair_decision(scores: Array, pair: Pair, different: int, equivalent: int) -> PairDecision:
    look = min(different, equivalent)
    if look == NEVER:
        return PairDecision(*pair, OPEN, None)
    if equivalent <= different:
        return PairDecision(*pair, EQUIVALENT, look)
    ahead = signed_ranks(_delta(scores, pair, different)).sum()
    return PairDecision(*pair, FIRST if ahead > 0 else SECOND, look)


def _delta(scores: Array, pair: Pair, look: int) -> Array:
    """The differences of a pair up to a look; none where a run is missing."""
    so_far = scores[:look]
    runs = np.where(both_ran(so_far, pair)[:, None], so_far[:, pair], 0.0)
    return column_differences(runs)


# ---------------------------------------------------------------------- sharing alpha


Crossing = Callable[[int, float], int]  # of a pair at its part of alpha: the first look, or NEVER


def _step_down(
    crossing: Crossing, tests: int, multipliers: Sequence[int], looks: Sequence[int], alpha: float
) -> list[int]:
    """For each test the look at which it is shown, stepping down through the multipliers."""
    shown = [NEVER] * tests
    for look in looks:
        # Who is shown leaves its part of alpha to the others, so the look is gone through again.
        while crossed := _crossed(crossing, shown, multipliers, look, alpha):
            for test in crossed:
                shown[test] = look
    return shown


def _crossed(
    crossing: Crossing, shown: Sequence[int], multipliers: Sequence[int], look: int, alpha: float
) -> list[int]:
    """The tests that are shown now, beside those that were shown before."""
    tests = len(shown)
    waiting = [test for test in range(tests) if shown[test] == NEVER]
    # Where all are shown no level is asked for.
    level = alpha / multipliers[min(tests - 1, tests - len(waiting))]
    return [test for test in waiting if crossing(test, level) <= look]


# ---------------------------------------------------------------------- differences


def _differences_shown(
    scores: Array, pairs: Sequence[Pair], looks: Sequence[int], plan: LookPlan
) -> list[int]:
    if plan.method == ALWAYS_VALID:
        return _always_valid_looks(scores, pairs, looks, plan.alpha)

    @functools.cache
    def crossing(test: int, level: float) -> int:
        return _first_struck(scores, pairs[test], level, looks, plan)

    multipliers = family_multipliers(pairs, gated=False)
    return _step_down(crossing, len(pairs), multipliers, looks, plan.alpha)


def _always_valid_looks(
    scores: Array, pairs: Sequence[Pair], looks: Sequence[int], alpha: float
) -> list[int]:
    p = always_valid(scores, pairs, alpha).p_adjusted
    first = [NEVER] * len(pairs)
    for look in reversed(looks):
        for test in np.flatnonzero(p[look - 1] <= alpha):
            first[test] = look
    return first


def _first_struck(
    scores: Array, pair: Pair, level: float, looks: Sequence[int], plan: LookPlan
) -> int:
    """The look at which the observed signs are struck out; `level` is for all looks."""
    # Patterns of the most seeds there may be: the same ones, shortened, at every look.
    signs = _patterns(plan.most, plan.draws)
    struck = np.zeros(len(signs) + 1, dtype=bool)  # the observed pattern is the last
    for look in looks:
        leads = _leads(signs[:, :look], _delta(scores, pair, look))
        allowed = math.floor(len(struck) * level * spent(look / plan.most))
        _strike(struck, leads, allowed)
        if struck[-1]:
            return look
    return NEVER


def _leads(signs: Array, delta: Array) -> Array:
    """How far the signed ranks lead under each pattern of signs, the observed one last."""
    ranked = signed_ranks(delta)
    return np.append(np.abs(signs @ np.abs(ranked)), abs(ranked.sum()))


def _strike(struck: Array, leads: Array, allowed: int) -> None:
    """Strike out the patterns that lead most, until so many are; equal ones all or none."""
    left = np.flatnonzero(~struck)
    room = allowed - int(struck.sum())
    if room <= 0:
        return
    ascending = np.sort(leads[left])
    if room >= len(left):
        struck[left] = True
        return
    # The first that has to stay; what leads by no more than it stays, too.
    stays = ascending[len(left) - room - 1]
    struck[left[leads[left] > stays + 1e-9]] = True


@functools.lru_cache(maxsize=4)
def _patterns(most: int, draws: int) -> Array:
    return np.random.default_rng(GENERATOR_SEED).integers(0, 2, (draws, most)) * 2.0 - 1


# ---------------------------------------------------------------------- equivalence


def _equivalences_shown(
    scores: Array, pairs: Sequence[Pair], looks: Sequence[int], plan: LookPlan
) -> list[int]:
    """By two one-sided tests, each look with its own part of alpha (which adds up to alpha)."""
    rope = plan.rope
    if rope is None:
        return [NEVER] * len(pairs)
    parts = plan.parts_of_alpha()

    @functools.cache
    def p(test: int, look: int) -> float:
        return _equivalence_p(scores, pairs[test], look, rope)

    def crossing(test: int, level: float) -> int:
        shown = (look for look in looks if p(test, look) <= level * parts[look])
        return next(shown, NEVER)

    multipliers = holm_multipliers(len(pairs))
    return _step_down(crossing, len(pairs), multipliers, looks, plan.alpha)


def _equivalence_p(scores: Array, pair: Pair, look: int, rope: float) -> float:
    """1 where a run failed or is missing: nothing is shown to be equivalent without a number."""
    runs = scores[:look, pair]
    if not np.isfinite(runs).all():
        return 1.0
    return two_one_sided(column_differences(runs), rope)
