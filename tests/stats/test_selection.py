"""The luck of the chosen."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.stats.selection import choose_on, expected_largest, selection_optimism


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 0.0), (2, 0.5642), (5, 1.1630), (10, 1.5388), (20, 1.8675)]
)
def test_the_largest_of_some_normal_numbers(count: int, expected: float) -> None:
    """Harter (1961), table 1."""
    assert expected_largest(count) == pytest.approx(expected, abs=1e-4)


def test_the_best_of_equal_ones_is_too_high_by_its_optimism() -> None:
    rng = np.random.default_rng(0)
    grids = rng.normal(size=(400, 10, 1)) * 3 + rng.normal(0, np.sqrt(0.5), (400, 10, 8))
    above = [grid.mean(axis=0).max() - grid.mean() for grid in grids]
    said = [selection_optimism(grid) for grid in grids]
    assert np.mean(said) == pytest.approx(np.mean(above), rel=0.05)
    with_failures = np.vstack([grids[0], np.full((2, 8), -np.inf)])
    assert selection_optimism(with_failures) == selection_optimism(grids[0])
    assert np.isnan(selection_optimism(grids[0][:1]))
    assert np.isnan(selection_optimism(grids[0][:, :1]))


def test_it_is_chosen_on_seeds_that_are_not_reported() -> None:
    scores = np.array([[0.9, 0.8, 0.7], [0.1, 0.8, 0.9], [0.1, 0.7, 0.9]])
    assert choose_on(scores, [0]).strategy == 0
    assert choose_on(scores, [0]).report_on.tolist() == [1, 2]
    assert choose_on(scores, [0, 1]).strategy == 1
    failing = scores.copy()
    failing[0, 1] = -np.inf
    failing[1, 2] = np.nan
    assert choose_on(failing, [0, 1]).strategy == 0
    assert choose_on(np.full((2, 3), -np.inf), [0]).strategy == 0
    # .1 + .2 + .3 in two orders: the first of what is equal on paper.
    assert choose_on(np.array([[0.3, 0.1], [0.2, 0.2], [0.1, 0.3]]), [0, 1, 2]).strategy == 0


@pytest.mark.parametrize("count", [2, 7, 50])
def test_the_largest_is_as_simulated(count: int) -> None:
    largest = np.random.default_rng(0).normal(size=(4000, count)).max(axis=1)
    assert expected_largest(count) == pytest.approx(largest.mean(), abs=0.04)


def test_what_a_seed_does_to_all_chooses_none() -> None:
    """Streams that are easier for everybody, and configurations that are better on all of them."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 4))
    moved = scores + rng.normal(size=(6, 1)) * 10 + np.arange(4.0)
    assert selection_optimism(moved) == pytest.approx(selection_optimism(scores))
    assert selection_optimism(3 * scores) == pytest.approx(3 * selection_optimism(scores))


def test_the_optimism_by_hand() -> None:
    """Rows and columns taken out leave +-1/2 everywhere: 4 / 4 over one degree of freedom."""
    scores = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert selection_optimism(scores) == pytest.approx(0.5642 * 1 / np.sqrt(2), abs=1e-4)
    assert selection_optimism(np.ones((5, 3))) == 0


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_nobody_is_chosen_for_a_run_that_is_missing_or_failed(bad: float) -> None:
    scores = np.array([[bad, 0.1], [0.9, 0.1]])
    found = choose_on(scores, [0, 1])
    assert (found.strategy, found.report_on.tolist()) == (1, [])


def test_the_seeds_left_to_report_on_are_all_others_in_order() -> None:
    scores = np.random.default_rng(0).random((6, 2))
    assert choose_on(scores, [4, 1]).report_on.tolist() == [0, 2, 3, 5]
    assert choose_on(scores, [4, 1]).strategy == choose_on(scores, [1, 4]).strategy
