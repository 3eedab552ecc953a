"""The sign-flip test of a mean difference."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.stats.flips import (
    DRAWS,
    flips_name,
    flips_p,
    sign_flips,
    sign_sums,
    smallest_flips,
)

small = st.lists(st.integers(-4, 4), min_size=1, max_size=9).map(
    lambda numbers: np.array(numbers, dtype=float)
)


@given(small)
@settings(max_examples=60, deadline=None)
def test_sign_flips_are_the_enumeration(delta: np.ndarray) -> None:
    patterns = np.array(list(itertools.product((-1, 1), repeat=len(delta))))
    far = np.abs(patterns @ delta) >= abs(delta.sum())
    assert flips_p(delta) == pytest.approx(far.mean())


def test_sign_flips_are_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=8), rng.normal(0.8, size=8)
    expected = stats.permutation_test(
        (a, b), lambda x, y: (x - y).mean(), permutation_type="samples", n_resamples=np.inf
    )
    found = sign_flips(a - b)
    assert found.test == "sign flips of the mean, exact"
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_sums_that_are_equal_on_paper_count_as_equal() -> None:
    """By hand: the differences sum to nothing, so every pattern is at least as far, and p = 1.

    In floating point their sum is -1e-17; taken at its word, it leaves p at 0.75.
    """
    found = sign_flips(np.array([0.0, 0.1, 0.7, 0.2, 0.1]) - np.array([0.5, 0.0, 0.2, 0.3, 0.1]))
    assert (found.p, found.better) == (1.0, 0)
    # 0.1 + 0.2 and 0.3 are one sum: two patterns of eight reach it on either side.
    assert flips_p(np.array([0.1, 0.2, -0.3]) + 0.0) == 1.0
    assert flips_p(np.array([0.1, 0.2, 0.3])) == 0.25


def test_the_order_of_seeds_and_the_sign_do_not_matter() -> None:
    delta = np.random.default_rng(1).normal(0.5, 1, 11)
    assert flips_p(delta) == flips_p(delta[::-1]) == flips_p(-delta)
    assert sign_flips(delta).better == -sign_flips(-delta).better == 1


def signed_sums(delta: np.ndarray) -> list[float]:
    """Under every pattern of signs, one after the other."""
    both_signs = [(-x, x) for x in delta]
    return [sum(signs) for signs in itertools.product(*both_signs)]


def test_many_pairs_draw_always_the_same_patterns() -> None:
    delta = np.random.default_rng(0).normal(0.3, size=25)
    left = signed_sums(delta[:12])
    right = np.sort(signed_sums(delta[12:]))
    above = len(right) - np.searchsorted(right, delta.sum() - 1e-12 - np.array(left))
    assert flips_p(delta) == pytest.approx(2 * above.sum() / 2**25, abs=0.004)
    assert flips_p(delta) == flips_p(delta)
    assert flips_p(np.full(40, 1.0)) == smallest_flips(40) == 1 / (DRAWS + 1)


def test_five_pairs_reach_a_sixteenth() -> None:
    assert [smallest_flips(n) for n in (0, 1, 5, 8)] == [1, 1, 0.0625, 0.0078125]
    assert flips_p(np.arange(1.0, 6)) == smallest_flips(5)


def test_without_pairs_nothing_is_shown() -> None:
    found = sign_flips(np.empty(0))
    assert (found.statistic, found.p, found.smallest_p, found.better) == (0.0, 1.0, 1.0, 0)


@pytest.mark.parametrize(("size", "exact"), [(1, True), (24, True), (25, False), (100, False)])
def test_up_to_24_pairs_are_counted_and_tables_say_so(size: int, exact: bool) -> None:
    found = sign_flips(np.full(size, 0.5))
    assert found.exact is exact
    assert found.test == flips_name(size)
    assert flips_name(size).endswith("exact" if exact else "19,999 draws")
    assert found.p == smallest_flips(size)


def test_the_sums_of_all_patterns_stand_symmetrically_about_0() -> None:
    assert sorted(sign_sums(np.array([1.0, 2.0])).tolist()) == [-3, -1, 1, 3]
    assert sign_sums(np.empty(0)).tolist() == [0]
    sums = np.sort(sign_sums(np.array([0.3, 1.1, 2.7])))
    np.testing.assert_allclose(sums, -sums[::-1])


def test_the_size_of_the_numbers_does_not_matter() -> None:
    delta = np.array([0.3, -0.1, 0.7, 0.2, 0.6])
    for scale in (1e-9, 1e9):
        assert flips_p(scale * delta) == flips_p(delta)


def test_a_difference_of_nothing_counts_for_neither() -> None:
    """A seed of no difference leaves all sums as they are, twice: p is that of the others."""
    assert flips_p(np.array([0.5, 0.2, 0.0, 0.1])) == flips_p(np.array([0.5, 0.2, 0.1]))
    assert sign_flips(np.zeros(4)).better == 0


def test_runs_are_not_changed_by_a_test() -> None:
    delta = np.array([0.3, -0.1, 0.7])
    before = delta.copy()
    sign_flips(delta)
    np.testing.assert_array_equal(delta, before)
