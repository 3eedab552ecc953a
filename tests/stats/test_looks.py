"""Looking more than once: always-valid p, declared looks, and when to stop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from clbench.stats.always_valid import (
    always_valid,
)
from clbench.stats.declared import ALWAYS_VALID
from clbench.stats.families import all_pairs
from clbench.stats.looks import (
    DECIDED,
    EQUIVALENT,
    FIRST,
    MORE,
    OPEN,
    SECOND,
    UNDECIDED,
    LookPlan,
    decide,
    decide_scenarios,
    spent,
)
from tests.stats.samples import FAILED, suite

LOOKS = (6, 9, 12, 20, 30)


# ---------------------------------------------------------------------- declared looks


def test_it_goes_on_until_all_pairs_are_decided() -> None:
    scores = suite(4, [0, 2.0, 4.0], 30)
    plan = LookPlan(LOOKS)
    states = [decide(scores[:look], plan) for look in LOOKS]
    assert [states[0].state, states[0].next_look] == [MORE, 9]
    assert states[-1].state == DECIDED
    assert {pair.verdict for pair in states[-1].pairs} == {SECOND}
    # What was decided stays so, since the same look.
    for early, late in itertools.pairwise(states):
        for one, other in zip(early.pairs, late.pairs, strict=True):
            assert one.verdict == OPEN or one == other


def test_seeds_between_two_looks_are_not_looked_at() -> None:
    scores = suite(4, [0, 2.0, 4.0], 30)
    plan = LookPlan(LOOKS)
    assert decide(scores[:8], plan) == decide(scores[:6], plan)
    assert decide(scores[:0], plan).next_look == 6
    assert decide(scores[:0], LookPlan(LOOKS, method=ALWAYS_VALID)).state == MORE


def test_what_is_undecided_at_the_last_look_is_not_equal() -> None:
    found = decide(suite(5, [0, 0.1], 30), LookPlan(LOOKS))
    assert (found.state, found.next_look) == (UNDECIDED, None)
    assert (found.pairs[0].verdict, found.pairs[0].look) == (OPEN, None)


def test_equivalence_is_decided_by_its_own_error_and_never_from_failed_runs() -> None:
    scores = suite(6, [0, 0, 30.0], 30)
    scores[:, :2] = scores[:, [0]] + np.random.default_rng(0).normal(0, 0.05, (30, 2))
    plan = LookPlan(LOOKS, rope=0.5)
    found = decide(scores, plan)
    assert [pair.verdict for pair in found.pairs] == [EQUIVALENT, SECOND, SECOND]
    assert found.state == DECIDED
    scores[2, 0] = -np.inf
    assert decide(scores, plan).pairs[0].verdict == OPEN
    scores[2, 0] = np.nan
    assert decide(scores, plan).pairs[0].verdict == OPEN


def test_only_the_comparisons_with_a_baseline_are_decided() -> None:
    scores = suite(7, [3.0, 0.0, 0.0], 12)
    found = decide(scores, LookPlan(LOOKS, baseline=0))
    assert (found.state, [pair.verdict for pair in found.pairs]) == (DECIDED, [FIRST, FIRST])
    assert decide(scores, LookPlan(LOOKS)).state == MORE


def test_always_valid_p_decide_too() -> None:
    scores = suite(4, [0, 3.0], 30)
    found = decide(scores, LookPlan(LOOKS, method=ALWAYS_VALID))
    p = always_valid(scores, [(0, 1)]).p_adjusted[:, 0]
    assert found.pairs[0].look == next(look for look in LOOKS if p[look - 1] <= 0.05)


def test_scenarios_share_alpha_and_the_next_look() -> None:
    tables = [suite(4, [0, 3.0], 12), suite(5, [0, 0.1], 12)]
    plan = LookPlan((6, 12))
    state, decisions = decide_scenarios([table[:6] for table in tables], plan)
    assert (state, decisions[1].next_look) == (MORE, 12)
    state, decisions = decide_scenarios(tables, plan)
    assert (state, [one.state for one in decisions]) == (UNDECIDED, [DECIDED, UNDECIDED])
    assert decide_scenarios(tables[:1], plan) == (DECIDED, [decide(tables[0], plan)])


def test_alpha_is_spent_by_the_last_look() -> None:
    assert (spent(0.0), spent(1.0)) == (0.0, pytest.approx(1.0))
    assert spent(0.2) == pytest.approx(np.log(1 + (np.e - 1) * 0.2))


def test_declared_looks_raise_no_more_alarms_than_alpha() -> None:
    plan = LookPlan((5, 10, 15, 20), draws=499)
    found = [decide(suite(seed, [0.0, 0.0], 20), plan).state == DECIDED for seed in range(600)]
    assert 0.02 <= np.mean(found) <= 0.07


@pytest.mark.parametrize("looks", [(), (6, 6), (9, 6), (0, 3)])
def test_looks_ascend(looks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="looks are ascending numbers of seeds"):
        LookPlan(looks)


# ---------------------------------------------------------------------- the plan


@pytest.mark.parametrize("looks", [(6,), (5, 10), LOOKS])
def test_the_parts_of_all_looks_make_up_alpha(looks: tuple[int, ...]) -> None:
    parts = LookPlan(looks).parts_of_alpha()
    assert list(parts) == list(looks)
    assert sum(parts.values()) == pytest.approx(1)
    # A seed early on is given more than one later.
    each = np.array(list(parts.values())) / np.diff((0, *looks))
    assert (np.diff(each) < 0).all()


def test_a_plan_knows_its_end_and_its_pairs() -> None:
    assert LookPlan(LOOKS).most == 30
    assert LookPlan(LOOKS).pairs(3) == all_pairs(3)
    assert LookPlan(LOOKS, baseline=1).pairs(3) == [(0, 1), (1, 2)]


# ---------------------------------------------------------------------- what is decided


def test_exchanging_two_strategies_exchanges_who_is_better() -> None:
    scores = suite(4, [0, 2.0], 30)
    one, other = decide(scores, LookPlan(LOOKS)), decide(scores[:, ::-1], LookPlan(LOOKS))
    assert (one.pairs[0].verdict, other.pairs[0].verdict) == (SECOND, FIRST)
    assert one.pairs[0].look == other.pairs[0].look


def test_one_strategy_leaves_nothing_to_decide() -> None:
    found = decide(np.ones((3, 1)), LookPlan(LOOKS))
    assert (found.state, found.pairs) == (DECIDED, ())


def test_a_missing_run_says_nothing_and_a_failed_one_counts_as_worst() -> None:
    """Five losses, and one seed that the winner has not: too few for the first look."""
    scores = np.stack([np.zeros(6), np.arange(1.0, 7)], axis=1)
    plan = LookPlan((6, 30), alpha=0.2)
    assert decide(scores, plan).pairs[0].verdict == SECOND
    scores[0, 1] = np.nan
    assert decide(scores, plan).pairs[0].verdict == OPEN
    scores[0] = [FAILED, 0.5]
    assert decide(scores, plan).pairs[0].verdict == SECOND


def test_who_is_shown_leaves_its_part_to_the_others() -> None:
    """One loss, of the third rank in eight, has p = 2 x 5 / 2^8: between alpha / 2 and alpha."""
    plan = LookPlan((8,), baseline=0, alpha=0.05, draws=4999)
    clear, near = np.arange(8.0) + 5, np.array([0.4, 0.5, -1, 2, 3, 4, 5, 6])
    nothing = np.array([1.0, -1, 2, -2, 3, -3, 4, -4])
    zero = np.zeros(8)
    beside_clear = decide(np.stack([zero, near, clear], axis=1), plan)
    beside_open = decide(np.stack([zero, near, nothing], axis=1), plan)
    assert beside_clear.pairs[0].verdict == SECOND
    assert beside_open.pairs[0].verdict == OPEN


def test_without_a_region_equal_runs_are_never_decided() -> None:
    scores = np.repeat(suite(1, [0.0], 30), 2, axis=1)
    assert decide(scores, LookPlan(LOOKS)).state == UNDECIDED
    assert decide(scores, LookPlan(LOOKS, rope=0.01)).pairs[0].verdict == EQUIVALENT
