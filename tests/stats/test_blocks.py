"""Do strategies differ at all: the omnibus test by permutation within blocks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from clbench.stats.blocks import block_scores, omnibus_of, permutation_omnibus
from clbench.stats.several import friedman
from tests.stats.samples import NONE


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
    scores[1:, 3] = NONE
    found = permutation_omnibus(scores)
    assert (found.blocks, found.strategies) == (8, 4)
    assert found.p < 0.01


def test_blocks_of_one_say_nothing() -> None:
    scores = np.array([[1.0, NONE], [2.0, NONE]])
    assert (permutation_omnibus(scores).p, permutation_omnibus(scores).blocks) == (1.0, 0)
    ranked = block_scores(np.array([[1.0, 2.0], [3.0, NONE]]))
    assert omnibus_of(ranked).blocks == 1


# ---------------------------------------------------------------------- scores of blocks


def test_blocks_score_ranks_about_their_middle() -> None:
    """Two strategies stand half a rank apart from 1.5, scaled by sqrt(12 / 3)."""
    found = block_scores(np.array([[0.9, 0.1], [0.5, 0.5]]))
    np.testing.assert_allclose(found, [[0.5 * 2, -0.5 * 2], [0, 0]])


def test_a_fuller_block_weighs_more() -> None:
    """The variance of its scores is its size: a block of two weighs less than one of four."""
    full = block_scores(np.array([[4.0, 3.0, 2.0, 1.0]]))[0]
    short = block_scores(np.array([[2.0, 1.0, NONE, NONE]]))[0]
    assert np.isnan(short[2:]).all()
    assert np.square(full).sum() == pytest.approx(4 * (4 - 1))
    assert np.square(short[:2]).sum() == pytest.approx(2 * (2 - 1))


# ---------------------------------------------------------------------- what does not matter


def test_neither_the_order_of_blocks_nor_that_of_strategies_matters() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal([0, 0.5, 1.0], size=(4, 3))
    found = permutation_omnibus(scores)
    for other in (scores[::-1], scores[:, ::-1], scores[:, [1, 0, 2]]):
        turned = permutation_omnibus(other)
        assert (turned.p, turned.statistic) == pytest.approx((found.p, found.statistic))


def test_drawn_arrangements_do_not_depend_on_the_order_of_strategies() -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal([0, 0.3, 0.6, 0.9], size=(7, 4))
    found = permutation_omnibus(scores, draws=199)
    assert not found.exact
    assert permutation_omnibus(scores[:, ::-1], draws=199).p == pytest.approx(found.p, abs=0.07)


def test_only_ranks_within_a_block_count() -> None:
    scores = np.random.default_rng(5).normal(size=(4, 3))
    stretched = np.exp(scores) * np.array([[1.0], [100.0], [1e-3], [1.0]])
    assert permutation_omnibus(stretched).p == permutation_omnibus(scores).p


# ---------------------------------------------------------------------- when all are tried


@pytest.mark.parametrize(
    ("blocks", "strategies", "exact"),
    [
        (6, 3, True),  # 6^6 = 46,656 arrangements
        (7, 3, False),
        (15, 2, True),  # 2^15 = 32,768
        (16, 2, False),
    ],
)
def test_up_to_50_000_arrangements_are_all_tried(blocks: int, strategies: int, exact: bool) -> None:
    found = permutation_omnibus(np.tile(np.arange(float(strategies)), (blocks, 1)), draws=99)
    assert found.exact is exact
    assert (found.blocks, found.strategies) == (blocks, strategies)
    assert found.test == ("Friedman, exact" if exact else "Friedman, 99 permutations")
    everyone_agrees = math.factorial(strategies) ** (1 - blocks) if exact else 1 / 100
    assert found.p == pytest.approx(everyone_agrees)


def test_a_strategy_without_runs_is_none_of_those_compared() -> None:
    scores = np.array([[0.1, 0.2, NONE], [0.3, 0.1, NONE]])
    found = permutation_omnibus(scores)
    assert (found.blocks, found.strategies) == (2, 2)
    assert found.p == permutation_omnibus(scores[:, :2]).p == 1.0
