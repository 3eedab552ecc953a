from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.stats.paired import differences, signed_rank
from clbench.stats.power import (
    penalty,
    seeds_needed,
    smallest_dunn,
    smallest_mann_whitney,
    smallest_nemenyi,
    smallest_signed_rank,
)

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


def test_five_pairs_reach_a_sixteenth() -> None:
    assert [smallest_signed_rank(n) for n in (1, 3, 4, 5, 6, 8)] == [
        1,
        0.25,
        0.125,
        0.0625,
        0.03125,
        0.0078125,
    ]
    assert signed_rank(np.arange(1.0, 6), np.zeros(5)).p == smallest_signed_rank(5)
    assert (seeds_needed(0.05, 1), seeds_needed(0.05, 28), seeds_needed(0.05, 1, paired=False)) == (
        6,
        11,
        4,
    )
    assert (
        penalty(28, "holm"),
        penalty(28, "bonferroni"),
        penalty(28, "fdr_bh"),
        penalty(28, "none"),
    ) == (28, 28, 1, 1)


def test_the_smallest_p_of_other_tests() -> None:
    assert smallest_mann_whitney(4, 4) == pytest.approx(2 / 70)
    assert 0 <= smallest_mann_whitney(600, 600) < 1e-300  # the patterns have no place in a float
    assert smallest_nemenyi(2, 4) == pytest.approx(2 * stats.norm.sf(1 / np.sqrt(2 * 3 / 24)))
    assert 0 < smallest_dunn([5, 5, 5], 0, 1) < 0.005
