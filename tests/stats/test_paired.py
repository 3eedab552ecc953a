"""Two strategies on the same seeds: by signed ranks, and by the mean."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.stats.paired import (
    column_differences,
    differences,
    paired_t,
    pseudo_median,
    signed_rank,
    signed_rank_of,
    signed_ranks,
)
from tests.stats.samples import FAILED, FIRST, SECOND

# Hollander & Wolfe (1973), p. 29 f.: depression scale of nine patients before and after therapy,
# the example of R's wilcox.test.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])

small = st.lists(st.integers(-4, 4), min_size=1, max_size=9).map(
    lambda numbers: np.array(numbers, dtype=float)
)


def enumerated(delta: np.ndarray) -> float:
    """The definition: every pattern of signs, zeros ranked and left out."""
    ranks = stats.rankdata(np.abs(delta))[delta != 0]
    patterns = np.array(list(itertools.product((0, 1), repeat=len(ranks))))
    sums = patterns @ np.asarray(ranks)
    observed = ranks[delta[delta != 0] > 0].sum()
    return min(1.0, 2 * min((sums <= observed).mean(), (sums >= observed).mean()))


# ---------------------------------------------------------------------- Wilcoxon


def test_rs_example_of_the_depression_scale() -> None:
    """V = 40, p-value = 0.01953 one-sided."""
    found = signed_rank(BEFORE, AFTER)
    assert found.statistic == 45 - 40
    assert found.p / 2 == pytest.approx(0.01953, abs=5e-6)
    assert found.better == 1


def test_without_ties_it_is_scipys() -> None:
    rng = np.random.default_rng(0)
    for size in (2, 5, 12, 40):
        a, b = rng.normal(size=size), rng.normal(size=size)
        expected = stats.wilcoxon(a, b, method="exact")
        assert (signed_rank(a, b).statistic, signed_rank(a, b).p) == pytest.approx(
            (expected.statistic, expected.pvalue)
        )


@given(small)
@settings(max_examples=60, deadline=None)
def test_with_ties_and_zeros_it_is_the_enumeration(delta: np.ndarray) -> None:
    assert signed_rank(delta, np.zeros(len(delta))).p == pytest.approx(enumerated(delta))


@given(small)
@settings(max_examples=60, deadline=None)
def test_exchanging_the_two_changes_the_winner_only(delta: np.ndarray) -> None:
    one, other = signed_rank(delta, 0 * delta), signed_rank(0 * delta, delta)
    assert (one.statistic, one.p, one.better) == (other.statistic, other.p, -other.better)


def test_failed_runs_are_below_all_others() -> None:
    worst = -np.inf
    found = signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([worst] * 5))
    assert (found.p, found.better) == (0.0625, 1)
    assert signed_rank(np.array([worst, worst]), np.array([worst, worst])).p == 1
    mixed = signed_rank(
        np.array([0.5, 0.5, worst]), np.array([0.4, 0.4, 0.9])
    )  # the failure outweighs either gain
    assert mixed.statistic == 3


def test_hundreds_of_pairs_take_the_normal_approximation() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=300), rng.normal(0.1, size=300)
    found = signed_rank(a, b)
    assert found.test == "Wilcoxon signed-rank"
    assert found.p == pytest.approx(stats.wilcoxon(a, b, method="asymptotic").pvalue, rel=1e-6)
    assert signed_rank(a, a).p == 1


def test_what_is_equal_on_paper_is_a_tie() -> None:
    a, b = np.array([0.3, 0.1, 1e6 + 0.1]), np.array([0.2, 0.0, 1e6])
    assert len(set(np.abs(differences(a[:2], b[:2])))) == 1
    assert len(set(np.abs(differences(a, b)))) == 1


# ---------------------------------------------------------------------- what is within reach


def test_students_example_of_sleep() -> None:
    """R: t = -4.0621, df = 9, p-value = 0.002833."""
    found = paired_t(FIRST - SECOND)
    assert (found.statistic, found.p) == pytest.approx((-4.0621, 0.002833), abs=5e-5)
    assert found.better == -1


def test_equal_differences_have_no_t_but_the_signs_they_have() -> None:
    assert paired_t(np.full(5, 0.02)).p == paired_t(np.full(5, 0.1 + 0.2) + 1e-17).p == 0.0625
    assert (paired_t(np.zeros(5)).p, paired_t(np.zeros(5)).better) == (1.0, 0)


# ---------------------------------------------------------------------- differences


def test_two_failed_runs_differ_by_nothing_and_one_by_everything() -> None:
    found = differences(np.array([FAILED, FAILED, 0.5]), np.array([FAILED, 0.5, FAILED]))
    assert found.tolist() == [0, FAILED, np.inf]


def test_a_difference_that_is_a_rounding_error_is_none() -> None:
    """0.1 + 0.2 and 0.3; beside a run of a million even a difference of 1e-7."""
    assert differences(np.array([0.1 + 0.2]), np.array([0.3])).tolist() == [0]
    assert differences(np.array([1e6, 1e-7]), np.array([0.0, 0.0]))[1] == 0
    assert differences(np.array([1.0, 1e-7]), np.array([0.0, 0.0]))[1] == 1e-7


def test_exchanging_the_two_turns_every_difference_round() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=9), rng.normal(size=9)
    np.testing.assert_array_equal(differences(a, b), -differences(b, a))
    np.testing.assert_array_equal(column_differences(np.stack([a, b], axis=1)), differences(a, b))


# ---------------------------------------------------------------------- signed ranks


@pytest.mark.parametrize(
    ("delta", "ranked"),
    [
        ([0.3, -0.1, 0.2], [3, -1, 2]),
        ([0.5, -0.5, 0.0], [2.5, -2.5, 0]),  # the zero has the lowest rank, and no sign
        ([-np.inf, 0.1, 0.2], [-3, 1, 2]),
        ([0.0, 0.0], [0, 0]),
        ([], []),
    ],
)
def test_sizes_are_ranked_and_keep_their_signs(delta: list[float], ranked: list[float]) -> None:
    assert signed_ranks(np.array(delta)).tolist() == ranked


def test_the_better_one_has_the_larger_sum_of_ranks() -> None:
    """Two small losses against one large gain: 1 + 2 are no more than 3."""
    assert signed_rank_of(np.array([-0.1, -0.2, 0.9])).better == 0
    assert signed_rank_of(np.array([-0.1, 0.2, 0.9])).better == 1
    assert signed_rank_of(np.array([-0.1, -0.2, -0.9])).better == -1


@pytest.mark.parametrize(("size", "exact"), [(200, True), (201, False)])
def test_two_hundred_pairs_are_counted(size: int, exact: bool) -> None:
    delta = np.random.default_rng(0).normal(0.1, 1, size)
    found = signed_rank_of(delta)
    assert found.exact is exact
    assert found.p == pytest.approx(stats.wilcoxon(delta, method="asymptotic").pvalue, rel=0.01)


# ---------------------------------------------------------------------- the centre


def test_the_centre_is_the_median_of_the_means_of_every_two() -> None:
    delta = np.random.default_rng(1).normal(0.3, 1, 8)
    means = []
    for i, j in itertools.combinations_with_replacement(range(8), 2):
        means.append((delta[i] + delta[j]) / 2)
    assert pseudo_median(delta) == pytest.approx(np.median(means))


@pytest.mark.parametrize(
    ("delta", "centre"),
    [
        ([0.4], 0.4),
        # Of 15 means five are -inf; the 8th is the third of .2 .3 .4 .4 .5 .5 .6 .6 .7 .8.
        ([-np.inf, 0.2, 0.4, 0.6, 0.8], 0.4),
        ([-np.inf, -np.inf, 0.2], -np.inf),
        ([-np.inf, np.inf], 0.0),  # one failure each
    ],
)
def test_failures_are_the_lowest_and_balance_each_other(delta: list[float], centre: float) -> None:
    assert pseudo_median(np.array(delta)) == pytest.approx(centre)


# ---------------------------------------------------------------------- by the mean


@pytest.mark.parametrize("size", [2, 3, 10])
def test_the_paired_t_test_is_scipys(size: int) -> None:
    delta = np.random.default_rng(size).normal(0.5, 1, size)
    found, expected = paired_t(delta), stats.ttest_1samp(delta, 0.0)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.better == np.sign(delta.mean())
    assert not found.exact


def test_a_mean_that_is_a_rounding_error_is_ahead_of_nothing() -> None:
    """0.1 + 0.2 - 0.3 is 5.6e-17, and nothing on paper."""
    found = paired_t(np.array([0.1, 0.2, -0.3]))
    assert found.better == 0
    assert found.p == pytest.approx(1)
