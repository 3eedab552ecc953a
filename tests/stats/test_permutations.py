"""Tests that permute: sign flips of a pair, arrangements within blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.stats.blocks import block_scores, omnibus_of, permutation_omnibus
from clbench.stats.flips import DRAWS, flips_p, sign_flips, smallest_flips
from clbench.stats.several import friedman

small = st.lists(st.integers(-4, 4), min_size=1, max_size=9).map(
    lambda numbers: np.array(numbers, dtype=float)
)


# ---------------------------------------------------------------------- sign flips


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


# ---------------------------------------------------------------------- the omnibus test


@pytest.mark.parametrize(("blocks", "exact"), [(2, 1 / 6), (3, 1 / 36), (5, 1 / 1296)])
def test_full_agreement_of_three_has_the_p_of_its_arrangements(blocks: int, exact: float) -> None:
    """By hand: six orders of one block, which all others have to repeat. F says p < 0.0001."""
    agreeing = np.tile(np.arange(3.0), (blocks, 1))
    found = permutation_omnibus(agreeing)
    assert found.exact
    assert found.p == pytest.approx(exact)
    assert friedman(agreeing).f_p < 1e-4


def test_three_scenarios_of_three_strategies() -> None:
    """Friedman's table: P(S >= 14) = 0.194 for three blocks of three, where F has 0.049."""
    scores = np.array([[1.0, 2, 3], [1, 2, 3], [1, 3, 2]])
    assert permutation_omnibus(scores).p == pytest.approx(0.194, abs=5e-4)
    assert friedman(scores).f_p == pytest.approx(0.0494, abs=5e-5)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 3)])
def test_the_omnibus_p_is_the_enumeration(shape: tuple[int, int]) -> None:
    """Every arrangement of every block, by scipy's statistic with its correction for ties."""
    scores = np.random.default_rng(5).integers(0, 4, shape).astype(float)
    every = itertools.product(*(itertools.permutations(row) for row in scores))
    statistics = np.array([stats.friedmanchisquare(*np.array(rows).T).statistic for rows in every])
    observed = stats.friedmanchisquare(*scores.T).statistic
    far = (statistics >= observed - 1e-9).mean()
    assert permutation_omnibus(scores).p == pytest.approx(far)


def test_drawn_arrangements_are_near_chi_square_where_that_is_good() -> None:
    scores = np.random.default_rng(2).normal([0, 0, 0.3, 0.4], size=(40, 4))
    found = permutation_omnibus(scores)
    assert not found.exact
    assert found.p == pytest.approx(stats.friedmanchisquare(*scores.T).pvalue, abs=0.02)
    assert found == permutation_omnibus(scores)
    assert found.test == "Friedman, 9,999 permutations"


def test_ties_everywhere_show_nothing_and_failures_rank_last() -> None:
    assert permutation_omnibus(np.ones((4, 3))).p == 1
    # The mean of .1, .2 and .3 in two orders differs by a bit: equal on paper.
    same = np.tile([(0.1 + 0.2 + 0.3) / 3, (0.3 + 0.2 + 0.1) / 3, 0.2], (5, 1))
    assert permutation_omnibus(same).p == 1
    failing = np.array([[0.9, -np.inf, 0.1], [0.8, -np.inf, 0.2]])
    assert permutation_omnibus(failing).p == permutation_omnibus(np.array([[3.0, 1, 2]] * 2)).p


def test_a_short_entry_does_not_take_the_test_away() -> None:
    """One entry of one seed: until now the seeds that all have were one, and there was no test."""
    scores = np.random.default_rng(0).normal([0, 0, 3, 3], size=(8, 4))
    scores[1:, 3] = np.nan
    found = permutation_omnibus(scores)
    assert (found.blocks, found.strategies) == (8, 4)
    assert found.p < 0.01


def test_blocks_of_one_say_nothing() -> None:
    scores = np.array([[1.0, np.nan], [2.0, np.nan]])
    assert (permutation_omnibus(scores).p, permutation_omnibus(scores).blocks) == (1.0, 0)
    ranked = block_scores(np.array([[1.0, 2.0], [3.0, np.nan]]))
    assert omnibus_of(ranked).blocks == 1
