"""What a p has to pay for the family it is in: Shaffer, Tarone, several scenarios, partitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.stats.closed import closed_partitions
from clbench.stats.corrections import adjust
from clbench.stats.families import (
    adjust_over_families,
    all_pairs,
    baseline_pairs,
    equal_counts,
    family_multipliers,
    holm_multipliers,
    partitions,
    shaffer_multipliers,
    step_down,
    worth_testing,
)
from clbench.stats.flips import flips_p

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


# ---------------------------------------------------------------------- Shaffer


@pytest.mark.parametrize(
    ("strategies", "multipliers"),
    [
        (2, [1]),
        (3, [1, 1, 1]),
        (4, [3, 3, 3, 3, 2, 1]),
        (5, [6, 6, 6, 6, 6, 4, 4, 3, 2, 1]),
    ],
)
def test_shaffers_multipliers_behind_the_gate(strategies: int, multipliers: list[int]) -> None:
    assert shaffer_multipliers(strategies, gated=True) == multipliers


def test_without_a_gate_the_first_step_pays_for_all_pairs() -> None:
    assert shaffer_multipliers(4, gated=False) == [6, 3, 3, 3, 2, 1]
    assert shaffer_multipliers(10, gated=False)[:2] == [45, 36]


@pytest.mark.parametrize("strategies", [2, 3, 5, 6])
def test_the_numbers_of_equal_pairs_are_those_of_the_partitions(strategies: int) -> None:
    counts = {
        sum(len(members) * (len(members) - 1) // 2 for members in partition)
        for partition in partitions(strategies)
    }
    assert set(equal_counts(strategies)) == counts


def test_a_hundred_strategies_take_no_time() -> None:
    assert shaffer_multipliers(100, gated=True)[0] == 99 * 98 // 2


def test_there_are_as_many_partitions_as_bell_says() -> None:
    assert [len(list(partitions(k))) for k in range(7)] == [1, 1, 2, 5, 15, 52, 203]


def test_a_baseline_has_k_minus_1_comparisons() -> None:
    assert baseline_pairs(4, 1) == [(0, 1), (1, 2), (1, 3)]
    assert family_multipliers(baseline_pairs(8, 0)) == [7, 6, 5, 4, 3, 2, 1]
    assert family_multipliers(all_pairs(4)) == shaffer_multipliers(4, gated=True)
    assert family_multipliers([]) == []


def test_stepping_down_by_hand() -> None:
    adjusted = step_down(np.array([0.04, 0.01, 0.012]), [3, 2, 1], omnibus_p=0.02)
    np.testing.assert_allclose(adjusted, [0.04, 0.03, 0.03])
    np.testing.assert_allclose(step_down(np.array([0.001]), [1], omnibus_p=0.2), [0.2])


@given(p_values)
@settings(max_examples=30, deadline=None)
def test_holms_multipliers_are_holms_correction(p: np.ndarray) -> None:
    np.testing.assert_allclose(step_down(p, holm_multipliers(len(p))), adjust(p, "holm"))


# ---------------------------------------------------------------------- Tarone


def test_nobody_pays_for_tests_that_can_never_reject() -> None:
    """Eight seeds can reach 0.0078; ten entries of one seed can reach nothing, and cost nothing."""
    smallest = np.array([2.0**-7, *[1.0] * 10])
    assert worth_testing(smallest, 0.05).tolist() == [True, *[False] * 10]


def test_tarone_by_hand() -> None:
    """0.01 and 0.015 fit alpha / 3; 0.02 fits alpha / 2 only, and would be a third of two."""
    assert worth_testing(np.array([0.01, 0.015, 0.02]), 0.05).tolist() == [True, True, False]
    # Ten pairs of seven seeds: each needs a family of three, and there are ten.
    assert not worth_testing(np.full(10, 2.0**-6), 0.05).any()
    assert worth_testing(np.array([]), 0.05).tolist() == []


# ---------------------------------------------------------------------- several scenarios


@given(p_values)
@settings(max_examples=30, deadline=None)
def test_one_pair_a_scenario_is_holms_correction(p: np.ndarray) -> None:
    found = adjust_over_families([np.array([one]) for one in p])
    np.testing.assert_allclose(np.concatenate(found), adjust(p, "holm"))


def test_a_scenario_counts_as_long_as_anything_in_it_may_be_equal() -> None:
    """By hand: all of the first may be shown (0.02 at most), so the second stands alone at 0.04."""
    first, second = adjust_over_families([np.array([0.001, 0.02]), np.array([0.03, 0.04])])
    np.testing.assert_allclose(first, [0.002, 0.04])
    np.testing.assert_allclose(second, [0.04, 0.04])
    # A pair that cannot be told apart keeps the other scenario at its price.
    _, second = adjust_over_families([np.array([0.001, 0.5]), np.array([0.03, 0.04])])
    np.testing.assert_allclose(second, [0.06, 0.08])


def test_what_is_not_tested_is_in_no_family() -> None:
    first, second = adjust_over_families([np.array([np.nan]), np.array([0.03, np.nan])])
    assert np.isnan(first[0])
    np.testing.assert_allclose(second, [0.03, np.nan])


# ---------------------------------------------------------------------- closed partitions


def enumerated(scores: np.ndarray) -> np.ndarray:
    """The definition, by all permutations of all partitions of three strategies."""
    pairs = all_pairs(3)
    adjusted = np.zeros(3)
    for partition in partitions(3):
        classes = [members for members in partition if len(members) > 1]
        inside = [pair for pair in pairs if any(set(pair) <= set(one) for one in classes)]
        if not inside:
            continue
        arrangements = [np.arange(3)[None] for _ in scores]
        for members in classes:
            orders = np.array(list(itertools.permutations(members)))
            own = np.tile(np.arange(3), (len(orders), 1))
            own[:, list(members)] = orders
            arrangements = [own for _ in scores]
        statistics = []
        for rows in itertools.product(*arrangements):
            moved = np.stack([row[order] for row, order in zip(scores, rows, strict=True)])
            delta = np.stack([moved[:, i] - moved[:, j] for i, j in inside])
            statistics.append(np.max(delta.sum(axis=1) ** 2 / np.square(delta).sum(axis=1)))
        delta = np.stack([scores[:, i] - scores[:, j] for i, j in inside])
        observed = np.max(delta.sum(axis=1) ** 2 / np.square(delta).sum(axis=1))
        p = np.mean(np.array(statistics) >= observed * (1 - 1e-9))
        for place, pair in enumerate(pairs):
            adjusted[place] = max(adjusted[place], p if pair in inside else 0.0)
    return adjusted


def test_closed_partitions_are_the_enumeration() -> None:
    scores = np.random.default_rng(3).normal([0, 0, 2.0], 1, (5, 3))
    found = closed_partitions(scores, all_pairs(3), draws=19_999)
    np.testing.assert_allclose(found.adjusted, enumerated(scores), atol=0.01)
    assert found.adjusted.min() >= found.omnibus.p


def test_two_strategies_are_their_sign_flips() -> None:
    scores = np.random.default_rng(0).normal([0, 1.0], 1, (8, 2))
    found = closed_partitions(scores, [(0, 1)])
    assert found.adjusted[0] == flips_p(scores[:, 0] - scores[:, 1])


def test_the_seeds_own_level_and_the_order_of_strategies_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal([0, 0, 3, 3], 1, (8, 4))
    found = closed_partitions(scores, all_pairs(4)).adjusted
    moved = closed_partitions(scores + 1000 * rng.normal(size=(8, 1)), all_pairs(4)).adjusted
    np.testing.assert_allclose(found, moved)
    turned = closed_partitions(scores[:, ::-1], all_pairs(4)).adjusted
    there = [all_pairs(4).index((3 - j, 3 - i)) for i, j in all_pairs(4)]
    np.testing.assert_array_equal(found, turned[there])


def test_a_wide_strategy_does_not_hide_what_narrow_ones_show() -> None:
    """Two strategies vary by 4, two by 0.3 and differ by 1: one permutation of all would see
    chance.
    """
    rng = np.random.default_rng(5)
    scores = rng.normal([0, 0, 0, 1], [4, 4, 0.3, 0.3], (8, 4))
    adjusted = dict(
        zip(all_pairs(4), closed_partitions(scores, all_pairs(4)).adjusted, strict=True)
    )
    assert adjusted[2, 3] <= 0.05 < adjusted[0, 1]


def test_equal_runs_show_nothing_and_a_baseline_has_less_to_pay() -> None:
    assert closed_partitions(np.ones((8, 3)), all_pairs(3)).adjusted.tolist() == [1, 1, 1]
    scores = np.random.default_rng(2).normal([0, 2.0, 0, 0, 0], 1, (8, 5))
    star = baseline_pairs(5, 0)
    every = dict(zip(all_pairs(5), closed_partitions(scores, all_pairs(5)).adjusted, strict=True))
    few = closed_partitions(scores, star).adjusted
    assert (few <= [every[pair] for pair in star]).all()
