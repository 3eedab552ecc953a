"""What a p has to pay for the family it is in: Shaffer, Tarone, several scenarios, partitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from clbench.stats.families import (
    adjust_over_families,
    all_pairs,
    baseline_pairs,
    close_over_hypotheses,
    close_over_partitions,
    equal_counts,
    family_multipliers,
    has_partitions,
    holm_multipliers,
    hypotheses,
    is_complete,
    members_of,
    pairs_in_classes,
    pairs_within,
    partitions,
    renumbered,
    shaffer_multipliers,
    step_down,
    worth_testing,
)

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
    counts = set()
    for partition in partitions(strategies):
        sizes = [len(members) for members in partition]
        counts.add(sum(size * (size - 1) // 2 for size in sizes))
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
    expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(step_down(p, holm_multipliers(len(p))), expected, atol=1e-12)


# ---------------------------------------------------------------------- closed partitions


def test_closing_over_partitions_by_hand() -> None:
    """Each is the largest p of the partitions that keep the pair together."""
    p = dict(zip(all_pairs(4), [0.01, 0.03, 0.5, 0.5, 0.5, 0.02], strict=True))
    found = close_over_partitions(np.array(list(p.values())), all_pairs(4), omnibus_p=0.04)
    adjusted = dict(zip(all_pairs(4), found, strict=True))
    assert adjusted[0, 1] == pytest.approx(0.04)  # the gate; the triples have 3 x 0.01
    assert adjusted[0, 2] == pytest.approx(0.06)  # {0, 2, 3} has 3 x 0.02, {0, 2} + {1, 3} 2 x 0.03
    assert adjusted[2, 3] == pytest.approx(0.06)  # {0, 2, 3} and {1, 2, 3}


@given(st.lists(st.floats(0, 1), min_size=6, max_size=6).map(np.array), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_closed_partitions_find_whatever_shaffers_multipliers_find(
    p: np.ndarray, omnibus_p: float
) -> None:
    shaffer = step_down(p, shaffer_multipliers(4, gated=True), omnibus_p)
    closed = close_over_partitions(p, all_pairs(4), omnibus_p)
    assert (closed <= shaffer + 1e-12).all()
    assert (closed >= p - 1e-12).all() or omnibus_p < p.max()


def test_one_pair_and_no_gate() -> None:
    assert close_over_partitions(np.array([0.03]), [(2, 5)], None).tolist() == [0.03]
    np.testing.assert_allclose(
        close_over_partitions(np.array([0.01, 0.2, 0.3]), all_pairs(3), None), [0.03, 0.2, 0.3]
    )


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
    expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-12)


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


# ---------------------------------------------------------------------- which pairs


def test_a_family_is_complete_where_it_is_every_pair_of_its_strategies() -> None:
    assert is_complete([(2, 5)])
    assert is_complete([(0, 4), (0, 9), (4, 9)])
    assert not is_complete([(0, 1), (1, 2)])
    assert is_complete([])  # of nobody there are no pairs


def test_strategies_are_numbered_anew_without_gaps() -> None:
    pairs = [(2, 9), (5, 9), (2, 5)]
    assert members_of(pairs) == [2, 5, 9]
    assert renumbered(pairs) == [(0, 2), (1, 2), (0, 1)]
    assert renumbered(all_pairs(4)) == all_pairs(4)
    assert (members_of([]), renumbered([])) == ([], [])


def test_pairs_lie_in_a_class_with_both_of_their_strategies() -> None:
    pairs = all_pairs(4)  # 01 02 03 12 13 23
    assert pairs_within((0, 2, 3), pairs) == [1, 2, 5]
    assert pairs_within((1,), pairs) == []
    assert pairs_in_classes(((0, 3), (1, 2)), pairs) == [2, 3]
    assert pairs_in_classes(((0,), (1,), (2,), (3,)), pairs) == []


@pytest.mark.parametrize(("strategies", "can"), [(2, True), (6, True), (7, False)])
def test_partitions_are_listed_of_up_to_six_strategies(strategies: int, can: bool) -> None:
    assert has_partitions(all_pairs(strategies)) is can


def test_comparisons_with_a_baseline_have_no_partitions() -> None:
    assert not has_partitions(baseline_pairs(3, 0))


# ---------------------------------------------------------------------- hypotheses


def test_the_hypotheses_of_three_are_each_pair_and_all() -> None:
    """Two equal pairs of three make the third equal, so no hypothesis has two."""
    assert hypotheses(all_pairs(3)) == [[0], [0, 1, 2], [1], [2]]
    assert hypotheses([(4, 7)]) == [[0]]


def test_four_have_two_pairs_at_once_only_where_they_share_nobody() -> None:
    """Fifteen partitions, of which the one of all by themselves has no equal pair."""
    found = hypotheses(all_pairs(4))
    assert len(found) == 15 - 1
    assert [one for one in found if len(one) == 2] == [[0, 5], [1, 4], [2, 3]]


def test_closing_takes_the_largest_p_of_the_hypotheses_with_the_pair() -> None:
    local = {1: 0.01, 3: 0.2}  # by how many pairs are taken for equal

    def p_of(equal: list[int]) -> float:
        return 0.03 if equal == [2] else local[len(equal)]

    assert close_over_hypotheses(all_pairs(3), p_of).tolist() == [0.2, 0.2, 0.2]
    local[3] = 0.0
    assert close_over_hypotheses(all_pairs(3), p_of).tolist() == [0.01, 0.01, 0.03]


def test_the_order_in_which_pairs_are_listed_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    p, pairs = rng.random(6) / 10, all_pairs(4)
    order = rng.permutation(6)
    shuffled = [pairs[place] for place in order]
    found = close_over_partitions(p[order], shuffled, 0.01)
    np.testing.assert_allclose(found, close_over_partitions(p, pairs, 0.01)[order])


# ---------------------------------------------------------------------- any family


def test_adjusting_changes_neither_its_p_nor_other_families() -> None:
    families = [np.array([0.01, 0.02]), np.array([0.5])]
    before = [family.copy() for family in families]
    adjust_over_families(families)
    step_down(families[0], [2, 1])
    for family, copy in zip(families, before, strict=True):
        np.testing.assert_array_equal(family, copy)


def test_one_family_alone_pays_for_no_other() -> None:
    [alone] = adjust_over_families([np.array([0.02, 0.9, np.nan])])
    np.testing.assert_array_equal(alone, [0.02, 0.9, np.nan])


def test_a_gate_that_is_not_passed_lets_nobody_through() -> None:
    p = np.array([0.001, 0.002])
    assert step_down(p, [2, 1], omnibus_p=0.3).tolist() == [0.3, 0.3]


def test_of_equal_strategies_all_pairs_are_equal() -> None:
    """Of four either none, one, two (that share nobody), three (a triple) or all six pairs."""
    assert equal_counts(4) == (0, 1, 2, 3, 6)
    assert equal_counts(0) == equal_counts(1) == (0,)


def test_worth_testing_takes_the_smallest_family_that_fits() -> None:
    """Three can reach alpha / 1, which are more than one; alpha / 2 and alpha / 3 two of them."""
    smallest = np.array([0.01, 0.02, 0.04])
    assert worth_testing(smallest, 0.05).tolist() == [True, True, False]
    assert worth_testing(smallest[:1], 0.05).tolist() == [True]
    assert worth_testing(np.array([0.05]), 0.05).tolist() == [True]
