"""What the tests look at: blocks, and differences of pairs."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.stats.evidence import (
    PairEvidence,
    both_ran,
    one_scenario,
    scenarios_like_these,
    table_at,
    these_scenarios,
)
from tests.stats.samples import FAILED, NONE


def test_tables_have_a_row_a_seed() -> None:
    seeds = [np.array([0, 1, 5]), np.array([1, 2]), np.array([], dtype=int)]
    scores = [np.array([0.1, FAILED, 0.3]), np.array([0.4, 0.5]), np.array([])]
    found = table_at(np.array([0, 1, 2, 5]), seeds, scores)
    expected = [[0.1, NONE, NONE], [FAILED, 0.4, NONE], [NONE, 0.5, NONE], [0.3, NONE, NONE]]
    np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------------- a pair on one scenario


def pair_of(*rows: list[float]) -> PairEvidence:
    """Of two strategies on one scenario, a row a seed."""
    [found] = one_scenario(np.array(rows), [(0, 1)]).pairs
    return found


def test_a_pair_is_compared_at_the_seeds_that_both_have() -> None:
    found = pair_of([0.5, 0.2], [NONE, 0.9], [0.7, NONE], [0.1, 0.6])
    assert (found.strategies, found.size, found.failed) == ((0, 1), 2, False)
    assert found.blocks.tolist() == [0, 3]
    np.testing.assert_allclose(found.delta, [0.3, -0.5])
    np.testing.assert_array_equal(found.steps, found.delta)


def test_a_pair_without_a_common_seed_has_nothing_to_compare() -> None:
    found = pair_of([0.5, NONE], [NONE, 0.6])
    assert (found.size, found.failed) == (0, False)
    assert found.blocks.tolist() == found.steps.tolist() == []


def test_where_a_run_failed_signed_ranks_are_tested() -> None:
    """By hand: the failure is the largest difference of four, against the first."""
    found = pair_of([0.5, 0.4], [FAILED, 0.3], [0.9, 0.6], [0.1, 0.3])
    assert found.failed
    assert found.delta[1] == FAILED
    assert found.steps.tolist() == [1, -4, 3, -2]


def test_two_failures_differ_by_nothing() -> None:
    found = pair_of([FAILED, FAILED], [0.6, 0.5])
    assert found.delta[0] == 0
    assert found.steps.tolist() == [0, 2]


def test_pairs_stand_in_the_order_in_which_they_were_asked_for() -> None:
    table = np.arange(6.0).reshape(2, 3)
    found = one_scenario(table, [(1, 2), (0, 2)])
    assert [pair.strategies for pair in found.pairs] == [(1, 2), (0, 2)]
    assert found.blocks == 2


@pytest.mark.parametrize(
    ("row", "both"), [([0.1, 0.2], True), ([FAILED, 0.2], True), ([NONE, 0.2], False)]
)
def test_a_failed_run_is_a_run_and_a_missing_one_is_none(row: list[float], both: bool) -> None:
    assert both_ran(np.array([row]), (0, 1)).tolist() == [both]


# ---------------------------------------------------------------------- ranks in blocks


def test_blocks_of_one_scenario_are_ranks_of_its_seeds() -> None:
    """Three places, 1 2 3 from their middle 2, and scaled by sqrt(12 / 4)."""
    table = np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]])
    ranks = one_scenario(table, []).ranks_of([0, 1, 2])
    np.testing.assert_allclose(ranks / np.sqrt(3), [[-1, 0, 1], [1, 0, -1]])


def test_ranks_are_those_among_the_strategies_asked_for() -> None:
    table = np.array([[0.1, 0.2, 0.3]])
    ranks = one_scenario(table, []).ranks_of([2, 0])
    np.testing.assert_allclose(ranks / np.sqrt(12 / 3), [[0.5, -0.5]])


def test_over_scenarios_the_ranks_of_a_seed_add_up() -> None:
    """So that no scenario weighs more for its larger differences."""
    small, large = np.array([[0.1, 0.2]]), np.array([[90.0, 10.0]])
    assert these_scenarios([small, large], []).ranks_of([0, 1]).tolist() == [[0, 0]]


# ---------------------------------------------------------------------- several scenarios


def test_over_these_scenarios_a_seed_has_the_mean_of_its_differences() -> None:
    first, second = np.array([[1.0, 0.0], [3.0, 1.0]]), np.array([[5.0, 1.0], [0.0, 0.0]])
    [found] = these_scenarios([first, second], [(0, 1)]).pairs
    assert found.delta.tolist() == [(1 + 4) / 2, (2 + 0) / 2]


def test_a_seed_that_one_scenario_lacks_is_left_out() -> None:
    first, second = np.array([[1.0, 0.0], [3.0, 1.0]]), np.array([[5.0, NONE], [0.0, 0.0]])
    [found] = these_scenarios([first, second], [(0, 1)]).pairs
    assert found.blocks.tolist() == [1]


def test_with_failures_the_signed_ranks_of_scenarios_add_up() -> None:
    """By hand: differences -inf and 2, then 3 and 0.5; ranks -2 and 1, then 2 and 1."""
    first = np.array([[FAILED, 0.0], [3.0, 1.0]])
    second = np.array([[5.0, 2.0], [1.5, 1.0]])
    [found] = these_scenarios([first, second], [(0, 1)]).pairs
    assert found.steps.tolist() == [-2 + 2, 1 + 1]


def test_scenarios_like_these_are_blocks_with_the_mean_over_their_seeds() -> None:
    tables = [np.array([[1.0, 0.0], [3.0, 0.0], [NONE, 9.0]]), np.array([[0.0, 4.0]])]
    found = scenarios_like_these(tables, [(0, 1)])
    assert (found.blocks, found.pairs[0].blocks.tolist()) == (2, [0, 1])
    assert found.pairs[0].delta.tolist() == [(1 + 3) / 2, -4]


def test_a_scenario_with_a_failure_counts_by_the_centre_of_its_differences() -> None:
    """Half of the means of two of -inf, 1 and 5 are -inf; those of 1, 5 and 5 have their median at
    (3 + 5) / 2.
    """
    failing = np.array([[FAILED, 0.0], [1.0, 0.0], [5.0, 0.0]])
    fine = np.array([[1.0, 0.0], [5.0, 0.0], [5.0, 0.0]])
    [found] = scenarios_like_these([failing, fine], [(0, 1)]).pairs
    assert found.failed
    assert found.delta.tolist() == [FAILED, 4.0]
    assert found.steps.tolist() == [-2, 1]


def test_a_pair_that_one_scenario_cannot_compare_is_not_compared_over_scenarios() -> None:
    tables = [np.array([[1.0, 0.0]]), np.array([[NONE, 4.0]])]
    [found] = scenarios_like_these(tables, [(0, 1)]).pairs
    assert (found.size, found.blocks.tolist()) == (0, [])


def test_on_a_scenario_strategies_are_ranked_by_whom_they_are_ahead_of() -> None:
    """The first is ahead of both others; those are even, and share the places below."""
    tables = [np.array([[2.0, 1.0, 1.0]]), np.array([[0.0, 1.0, 2.0]])]
    ranks = scenarios_like_these(tables, []).ranks_of([0, 1, 2])
    np.testing.assert_allclose(ranks / np.sqrt(3), [[1, -0.5, -0.5], [-1, 0, 1]])
