"""More than two strategies on the same blocks, by their average ranks."""

from __future__ import annotations

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from clbench.stats.several import (
    average_ranks,
    critical_difference,
    friedman,
    nemenyi_p,
    range_p,
    range_quantile,
)

# Demsar (2006), table 6: areas under the curve of C4.5 with and without two options, on 14 data
# sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.974],
        [0.957, 0.978, 0.946, 0.970],
    ]
)

# Hollander & Wolfe (1973), p. 140 ff.: three ways to round first base, 22 players; the example of
# R's friedman.test.
ROUNDING_TIMES = np.array(
    [
        [
            5.40,
            5.50,
            5.55,
            5.85,
            5.70,
            5.75,
            5.20,
            5.60,
            5.50,
            5.55,
            5.50,
            5.40,
            5.90,
            5.85,
            5.70,
            5.45,
            5.55,
            5.60,
            5.40,
            5.40,
            5.35,
            5.45,
        ],
        [
            5.50,
            5.35,
            5.25,
            5.15,
            5.00,
            5.85,
            5.80,
            5.70,
            5.25,
            5.20,
            5.10,
            5.65,
            5.55,
            5.45,
            5.60,
            5.35,
            5.45,
            5.05,
            5.00,
            4.95,
            5.50,
            5.50,
        ],
        [
            5.40,
            5.45,
            5.55,
            5.50,
            5.55,
            5.55,
            5.35,
            5.45,
            5.50,
            5.55,
            5.50,
            5.45,
            5.25,
            5.65,
            5.60,
            5.40,
            5.70,
            5.65,
            5.55,
            6.30,
            6.30,
            6.25,
        ],
    ]
).reshape(22, 3)


# ---------------------------------------------------------------------- Demsar's example


def test_demsars_average_ranks() -> None:
    np.testing.assert_allclose(average_ranks(DEMSAR), [3.143, 2.000, 2.893, 1.964], atol=5e-4)


def test_demsars_chi_square_and_f() -> None:
    found = friedman(DEMSAR, ties=False)
    assert (found.df, found.f_df) == (3, (3, 39))
    assert found.statistic == pytest.approx(9.28, abs=5e-3)
    assert found.f == pytest.approx(3.69, abs=5e-3)
    assert found.f_p < 0.05  # the critical value of F(3, 39) is 2.85


def test_demsars_critical_differences() -> None:
    assert critical_difference(4, 14, 0.05) == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=5e-3)
    assert critical_difference(4, 14, 0.05, against_control=True) == pytest.approx(1.16, abs=1e-2)
    assert critical_difference(4, 14, 0.10, against_control=True) == pytest.approx(1.04, abs=5e-3)


def test_demsars_verdicts() -> None:
    """Nemenyi at 0.10: C4.5 differs from C4.5+m and from C4.5+m+cf; at 0.05 nobody differs."""
    ranks = average_ranks(DEMSAR)
    p = nemenyi_p(ranks[:, None] - ranks, 4, 14)
    assert np.argwhere(np.triu(p < 0.10)).tolist() == [[0, 1], [0, 3]]
    assert not (p < 0.05).any()


@pytest.mark.parametrize("k", [2, 3, 10, 100])
def test_the_range_of_normal_numbers_is_scipys_studentised_range(k: int) -> None:
    q = np.array([0.0, 0.3, 1.0, 2.5, 4.0, 7.0])
    np.testing.assert_allclose(range_p(q, k), stats.studentized_range.sf(q, k, np.inf), atol=1e-10)
    assert range_quantile(0.05, k) == pytest.approx(
        stats.studentized_range.ppf(0.95, k, np.inf), abs=1e-9
    )


@pytest.mark.parametrize(
    ("k", "q"),
    [
        (2, 1.960),
        (3, 2.343),
        (4, 2.569),
        (5, 2.728),
        (6, 2.850),
        (7, 2.949),
        (8, 3.031),
        (9, 3.102),
        (10, 3.164),
    ],
)
def test_demsars_table_of_critical_values(k: int, q: float) -> None:
    assert critical_difference(k, 1, 0.05) / np.sqrt(k * (k + 1) / 6) == pytest.approx(q, abs=1e-3)


# ---------------------------------------------------------------------- other implementations


def test_rs_example_of_rounding_times() -> None:
    """Friedman chi-squared = 11.143, df = 2, p-value = 0.003805."""
    found = friedman(-ROUNDING_TIMES)
    assert (found.statistic, found.p) == (
        pytest.approx(11.143, abs=5e-4),
        pytest.approx(0.003805, abs=5e-7),
    )


@pytest.mark.parametrize(
    "scores", [DEMSAR, ROUNDING_TIMES, np.random.default_rng(0).normal(size=(7, 5))]
)
def test_friedman_is_scipys(scores: np.ndarray) -> None:
    expected = stats.friedmanchisquare(*scores.T)
    assert (friedman(scores).statistic, friedman(scores).p) == pytest.approx(
        (expected.statistic, expected.pvalue)
    )


@pytest.mark.parametrize("scores", [DEMSAR, ROUNDING_TIMES])
def test_nemenyi_is_that_of_scikit_posthocs(scores: np.ndarray) -> None:
    ranks = average_ranks(scores)
    expected = scikit_posthocs.posthoc_nemenyi_friedman(scores).to_numpy()
    off = ~np.eye(len(ranks), dtype=bool)
    np.testing.assert_allclose(
        nemenyi_p(ranks[:, None] - ranks, scores.shape[1], len(scores))[off],
        expected[off],
        atol=1e-6,
    )


# ---------------------------------------------------------------------- edges


def test_ties_everywhere_show_nothing() -> None:
    flat = np.ones((5, 3))
    for ties in (True, False):
        assert (
            friedman(flat, ties=ties).statistic,
            friedman(flat, ties=ties).p,
            friedman(flat, ties=ties).f_p,
        ) == (0, 1, 1)


def test_perfect_agreement_has_an_infinite_f() -> None:
    found = friedman(np.tile(np.arange(3.0), (6, 1)))
    assert (found.f, found.f_p) == (np.inf, 0)


def test_failed_runs_rank_last() -> None:
    np.testing.assert_array_equal(
        average_ranks(np.array([[0.9, -np.inf, 0.1], [-np.inf, -np.inf, 0.2]])), [1.75, 2.75, 1.5]
    )


@pytest.mark.parametrize("k", [2, 3, 6])
def test_chi_square_is_largest_where_all_blocks_agree(k: int) -> None:
    """n (k - 1), and one half of it or less where as many blocks say the opposite."""
    agreeing = np.tile(np.arange(float(k)), (4, 1))
    assert friedman(agreeing).statistic == pytest.approx(4 * (k - 1))
    opposed = np.vstack([agreeing, -agreeing])
    assert friedman(opposed).statistic == pytest.approx(0, abs=1e-12)


def test_neither_the_order_of_blocks_nor_their_scale_matters() -> None:
    scores = np.random.default_rng(2).normal(size=(6, 4))
    found = friedman(scores)
    for other in (scores[::-1], scores * np.arange(1.0, 7)[:, None]):
        again = friedman(other)
        assert (again.statistic, again.f) == pytest.approx((found.statistic, found.f))


def test_one_block_has_no_f() -> None:
    found = friedman(np.array([[1.0, 2.0, 3.0]]))
    assert (found.blocks, found.f_p) == (1, 1.0)


def test_ties_make_the_plain_statistic_more_careful() -> None:
    tied = np.array([[1.0, 1, 2], [1, 2, 2], [1, 1, 2], [1, 2, 3]])
    assert friedman(tied, ties=False).statistic < friedman(tied).statistic


def test_nemenyi_depends_on_the_size_of_the_gap_alone() -> None:
    gaps = np.array([[0.0, 1.5], [-1.5, 0.0]])
    p = nemenyi_p(gaps, 4, 9)
    assert p.shape == (2, 2)
    np.testing.assert_array_equal(p, p.T)
    assert p[0, 0] == pytest.approx(1.0)
    wider = nemenyi_p(np.array([0.5, 1.0, 2.0]), 4, 9)
    assert (np.diff(wider) < 0).all()


@pytest.mark.parametrize("k", [3, 5])
def test_a_gap_of_the_critical_difference_has_a_p_of_alpha(k: int) -> None:
    for alpha in (0.01, 0.05, 0.1):
        gap = critical_difference(k, 12, alpha)
        assert nemenyi_p(np.array([gap]), k, 12)[0] == pytest.approx(alpha)


def test_against_one_control_less_is_paid() -> None:
    """For two strategies it is one comparison in either case."""
    for k in (3, 8):
        control = critical_difference(k, 10, 0.05, against_control=True)
        assert control < critical_difference(k, 10, 0.05)
    assert critical_difference(2, 10, 0.05, against_control=True) == pytest.approx(
        critical_difference(2, 10, 0.05)
    )
