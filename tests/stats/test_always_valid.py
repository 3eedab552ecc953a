"""p-values that stay true however often one looks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from clbench.stats.always_valid import (
    MOST_STRATEGIES,
    always_valid,
    always_valid_interval,
    always_valid_quantile,
    e_process,
    fewest_seeds,
)
from clbench.stats.families import all_pairs
from clbench.stats.questions import Plan, always_valid_within, within_scenarios
from tests.stats.samples import suite


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


def test_each_seed_multiplies_the_capital_by_no_more_than_a_bet_allows() -> None:
    """A bet is 1 + tanh(...) of what there is: it is never lost whole, and never doubled."""
    scores = suite(11, [0, 1.0], 20)
    capital = e_process(scores[:, 0], scores[:, 1])
    growth = capital / np.append(1.0, capital[:-1])
    assert (growth > 0).all()
    assert (growth < 2).all()


def test_exchanging_the_two_changes_nothing() -> None:
    scores = suite(12, [0, 1.0], 12)
    one, other = e_process(scores[:, 0], scores[:, 1]), e_process(scores[:, 1], scores[:, 0])
    np.testing.assert_allclose(one, other)


def test_seven_strategies_are_closed_over_partitions_and_eight_are_not() -> None:
    """Averages over any set of pairs know no partition, and so find no more."""
    assert MOST_STRATEGIES == 7
    scores = suite(13, [0, 0, 0, 0, 0, 0, 0, 3.0], 15)
    eight = always_valid(scores, all_pairs(8)).last
    pairs_of_seven = [place for place, pair in enumerate(all_pairs(8)) if 0 not in pair]
    seven = always_valid(scores[:, 1:], all_pairs(7)).last
    assert (seven <= eight[pairs_of_seven] + 1e-12).all()


def test_strategies_may_have_any_numbers() -> None:
    """Those of a record that are not compared are not counted."""
    scores = suite(14, [0, 9.0, 1.0, 9.0, 2.0], 12)
    some = always_valid(scores, [(0, 2), (0, 4), (2, 4)])
    alone = always_valid(scores[:, [0, 2, 4]], all_pairs(3))
    np.testing.assert_array_equal(some.p_adjusted, alone.p_adjusted)


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01])
def test_the_fewest_seeds_reach_alpha_and_one_less_does_not(alpha: float) -> None:
    seeds = fewest_seeds(alpha)
    growing = np.arange(1.0, seeds + 1)
    capital = e_process(growing, np.zeros(seeds))
    assert capital[-2] < 1 / alpha <= capital[-1]


def test_an_interval_of_more_seeds_comes_near_to_the_mean() -> None:
    quantiles = [always_valid_quantile(size, 0.05) / np.sqrt(size) for size in (5, 10, 30, 200)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert always_valid_quantile(30, 0.01) > always_valid_quantile(30, 0.05)
