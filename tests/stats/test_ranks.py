"""Ranks with ties, and what is equal on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.stats.ranks import ranks, ranks_in_rows, settle_ties, tie_groups, unsorted

FAILED = -np.inf
numbers = st.lists(st.one_of(st.integers(-3, 3).map(float), st.just(FAILED)), max_size=9).map(
    lambda values: np.array(values, dtype=float)
)


# ---------------------------------------------------------------------- ranks


@given(numbers)
@settings(max_examples=60, deadline=None)
def test_ranks_are_scipys(values: np.ndarray) -> None:
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values))


@given(numbers, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_order_of_runs_does_not_matter(values: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(values))
    np.testing.assert_array_equal(ranks(values[order]), ranks(values)[order])


def test_every_row_is_ranked_by_itself() -> None:
    table = np.array([[3.0, 1.0, 2.0], [5.0, 5.0, FAILED], [0.0, 0.0, 0.0]])
    expected = [[3, 1, 2], [2.5, 2.5, 1], [2, 2, 2]]
    assert ranks_in_rows(table).tolist() == expected


def test_runs_are_not_changed_by_being_ranked() -> None:
    values = np.array([0.3, 0.1 + 0.2, 0.1])
    before = values.copy()
    ranks(values)
    tie_groups(values)
    settle_ties(values)
    np.testing.assert_array_equal(values, before)


# ---------------------------------------------------------------------- ties


@given(numbers)
@settings(max_examples=60, deadline=None)
def test_groups_number_the_different_values_from_0(values: np.ndarray) -> None:
    different, expected = np.unique(values, return_inverse=True)
    found = tie_groups(values)
    np.testing.assert_array_equal(found, expected)
    assert len(set(found.tolist())) == len(different)


def test_the_largest_number_says_how_near_is_equal() -> None:
    """A millionth of a millionth of it: 1e-12 beside 1, and 1e-6 beside a million."""
    assert tie_groups(np.array([0.0, 5e-13, 1.0])).tolist() == [0, 0, 1]
    assert tie_groups(np.array([0.0, 5e-12, 1.0])).tolist() == [0, 1, 2]
    assert tie_groups(np.array([0.0, 5e-7, 1e6])).tolist() == [0, 0, 1]


def test_other_numbers_may_say_how_near_is_equal() -> None:
    """Differences of runs are near when they are near beside the runs, however small they are."""
    near = np.array([0.0, 5e-7])
    assert tie_groups(near).tolist() == [0, 1]
    assert tie_groups(near, like=np.array([1e6, FAILED])).tolist() == [0, 0]
    assert settle_ties(near, like=np.array([1e6, FAILED])).tolist() == [0.0, 0.0]


def test_neighbours_that_are_equal_make_one_group_of_a_chain() -> None:
    step = 0.8e-12
    chain = 1 + step * np.arange(4)
    assert chain[3] - chain[0] > 1e-12
    assert tie_groups(chain).tolist() == [0, 0, 0, 0]


def test_failed_runs_tie_with_each_other_and_with_no_number() -> None:
    assert tie_groups(np.array([-1e300, FAILED, FAILED])).tolist() == [1, 0, 0]
    assert ranks(np.array([FAILED, FAILED, FAILED])).tolist() == [2, 2, 2]


def test_settled_ties_all_take_the_smallest_of_their_group() -> None:
    low, high = 0.3, 0.1 + 0.2
    assert low != high
    settled = settle_ties(np.array([[high, 0.5], [low, high]]))
    assert settled.tolist() == [[low, 0.5], [low, low]]


def test_equal_numbers_tie_wherever_a_rounding_would_part_them() -> None:
    """0.1234567890125 lies on the step between two numbers of 12 digits."""
    value = 0.1234567890125
    near = np.array([np.nextafter(value, 0), value, np.nextafter(value, 1), 0.1234567890225])
    assert ranks(near).tolist() == [2, 2, 2, 4]
    settled = settle_ties(np.stack([near, -near]))
    assert len(set(settled[0, :3])) == len(set(settled[1, :3])) == 1
    assert settled.shape == (2, 4)


def test_nothing_has_no_ranks() -> None:
    nothing = np.empty(0)
    for found in (ranks(nothing), tie_groups(nothing), settle_ties(nothing)):
        assert found.tolist() == []


# ---------------------------------------------------------------------- sorted and back


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_what_was_sorted_comes_back_in_its_order(size: int) -> None:
    values = np.random.default_rng(size).normal(size=size)
    order = np.argsort(values)
    np.testing.assert_array_equal(unsorted(values[order], order), values)
