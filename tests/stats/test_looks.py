"""Looking more than once: always-valid p, declared looks, and when to stop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from clbench.stats.always_valid import (
    always_valid,
    always_valid_interval,
    always_valid_quantile,
    e_process,
    fewest_seeds,
)
from clbench.stats.declared import ALWAYS_VALID, declared_looks
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
from clbench.stats.questions import Plan, always_valid_within, within_scenarios

LOOKS = (6, 9, 12, 20, 30)


def suite(seed: int, effects: list[float], seeds: int) -> np.ndarray:
    """Runs that share their seed's stream; differences have a standard deviation of 1."""
    rng = np.random.default_rng(seed)
    streams = rng.normal(size=(seeds, 1))
    return streams + rng.normal(effects, np.sqrt(0.5), (seeds, len(effects)))


# ---------------------------------------------------------------------- the e-process


@pytest.mark.parametrize(
    "sizes",
    [[0.3, 0.1, 0.7, 0.2, 0.05, 0.9, 0.4], [1.0, 1, 0, 2, 1, 2], [1.0, np.inf, 0.5, np.inf, 2]],
)
def test_its_mean_over_all_patterns_of_signs_is_one(sizes: list[float]) -> None:
    """What makes it a bet that cannot be expected to win: with ties, zeros and failed runs, too."""
    runs = []
    for signs in itertools.product((-1, 1), repeat=len(sizes)):
        delta = np.array(signs) * np.array(sizes)
        failed = np.isinf(delta)
        a = np.where(failed & (delta < 0), -np.inf, np.where(failed, 0.0, delta))
        b = np.where(failed & (delta > 0), -np.inf, 0.0)
        runs.append(e_process(a, b))
    np.testing.assert_allclose(np.mean(runs, axis=0), 1.0)


def test_two_seeds_by_the_formula() -> None:
    delta = np.array([0.2, 0.5])
    z = stats.norm.ppf([0.5 + 0.5 / 2, 0.5 + 1.5 / 4])
    bets = [1 + sign * np.tanh(bold * z) for bold in (1, 2) for sign in (1, -1)]
    np.testing.assert_allclose(
        e_process(delta, 0 * delta), np.mean(np.cumprod(bets, axis=1), axis=0)
    )


def test_later_seeds_do_not_change_what_was_said() -> None:
    scores = suite(0, [0, 0, 1.0], 20)
    scores[3, 1] = np.nan
    scores[5, 0] = -np.inf
    early, late = (always_valid(scores[:n], all_pairs(3)) for n in (12, 20))
    np.testing.assert_allclose(late.p_adjusted[:12], early.p_adjusted)
    assert (np.diff(late.p_adjusted, axis=0) <= 0).all()
    assert (late.p_adjusted >= late.p - 1e-12).all()


def test_a_missing_run_leaves_the_bet_as_it_is() -> None:
    scores = suite(1, [0, 1.0], 10)
    gap = np.insert(scores, 4, [np.nan, 1.0], axis=0)
    found = e_process(gap[:, 0], gap[:, 1])
    np.testing.assert_allclose(np.delete(found, 4), e_process(scores[:, 0], scores[:, 1]))
    assert found[4] == found[3]


def test_without_runs_or_pairs_nothing_is_said() -> None:
    assert always_valid(np.empty((0, 3)), all_pairs(3)).last.tolist() == [1, 1, 1]
    assert always_valid(np.ones((4, 1)), []).last.tolist() == []


def test_equal_runs_never_move_it() -> None:
    assert e_process(np.ones(5), np.ones(5)).tolist() == [1.0] * 5
    assert e_process(np.full(5, -np.inf), np.full(5, -np.inf)).tolist() == [1.0] * 5


def test_one_pair_pays_for_no_family_and_many_pay() -> None:
    scores = suite(2, [0, 2.0, 0, 0], 15)
    alone = always_valid(scores[:, :2], [(0, 1)])
    np.testing.assert_array_equal(alone.p, alone.p_adjusted)
    among = always_valid(scores, all_pairs(4))
    assert alone.p[-1, 0] == among.p[-1, 0] < among.p_adjusted[-1, 0]


def test_many_strategies_take_the_least_average_of_any_set_of_pairs() -> None:
    scores = suite(3, [0, 0, 0, 0, 0, 0, 0, 2.0], 12)
    pairs = [(0, 7), (1, 7), (2, 7), (3, 6), (4, 5)]
    found = always_valid(scores, pairs).p_adjusted
    capital = np.stack([e_process(scores[:, i], scores[:, j]) for i, j in pairs], axis=1)
    for place in range(len(pairs)):
        sets = [
            chosen
            for size in range(1, 6)
            for chosen in itertools.combinations(range(5), size)
            if place in chosen
        ]
        least = np.min([capital[:, list(chosen)].mean(axis=1) for chosen in sets], axis=0)
        expected = np.minimum(1, 1 / np.maximum.accumulate(least))
        np.testing.assert_allclose(found[:, place], expected)


@pytest.mark.parametrize("strategies", [2, 4])
def test_looking_after_every_seed_raises_no_more_alarms_than_alpha(strategies: int) -> None:
    """The signed-rank test at every look raises 19 % (two strategies) and 18 % (five)."""
    suites = [suite(seed, [0.0] * strategies, 30) for seed in range(300)]
    found = [always_valid(scores, all_pairs(strategies)).p_adjusted.min() for scores in suites]
    assert np.mean(np.array(found) <= 0.05) <= 0.07  # of 300, whose error is 0.013


def test_the_quantiles_of_the_interval_are_those_published() -> None:
    sizes = (5, 6, 8, 10, 15, 20, 30)
    expected = [8.5, 5.5, 4.3, 3.9, 3.5, 3.4, 3.35]
    assert [always_valid_quantile(size) for size in sizes] == pytest.approx(expected, abs=0.06)
    assert np.isinf([always_valid_quantile(size) for size in range(5)]).all()
    delta = np.random.default_rng(0).normal(size=10)
    found = always_valid_interval(delta)
    half = always_valid_quantile(10) * stats.sem(delta)
    assert (found.low, found.high) == pytest.approx((delta.mean() - half, delta.mean() + half))
    assert np.isinf(always_valid_interval(delta[:4]).high)


def test_entries_with_too_few_seeds_are_in_nobodys_way() -> None:
    scores = suite(8, [0, 2.0], 12)
    short = np.full((12, 3), np.nan)
    short[:5] = np.arange(3.0)
    alone = always_valid(scores, [(0, 1)]).p_adjusted[-1, 0]
    among = always_valid(np.hstack([scores, short]), all_pairs(5)).p_adjusted[-1]
    assert among[0] == alone <= 0.05
    assert among[1:].min() > 0.05
    assert (fewest_seeds(0.05), fewest_seeds(0.01)) == (6, 9)


def test_scenarios_share_alpha_however_often_one_looked() -> None:
    tables = [suite(9, [0, 1.0], 15), suite(10, [0, 0.0], 15)]
    first, second = always_valid_within(tables, Plan())
    raw = always_valid(tables[0], [(0, 1)]).p[-1, 0]
    assert first[0] == min(1.0, 2 * raw)
    assert second[0] > 0.05
    [fixed, _] = within_scenarios(tables, Plan())
    assert fixed.with_adjusted(first).better(2, 0.05)[1, 0] == (first[0] <= 0.05)


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


def test_declared_looks_grow_by_half() -> None:
    assert declared_looks(6, 30) == (6, 9, 13, 19, 30)
    assert declared_looks(6, 10) == (6, 10)
    assert declared_looks(1, 3) == (1, 2, 3)
    assert declared_looks(5, 5) == (5,)


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
