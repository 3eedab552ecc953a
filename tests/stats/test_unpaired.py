"""Strategies whose runs have nothing in common."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scikit_posthocs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clbench.stats.effects import vargha_delaney
from clbench.stats.several import friedman
from clbench.stats.unpaired import dunn, kruskal_wallis, mann_whitney, shift

# Hollander & Wolfe (1973), p. 116: mucociliary efficiency, the example of R's kruskal.test.
LUNGS = [
    np.array([2.9, 3.0, 2.5, 2.6, 3.2]),
    np.array([3.8, 2.7, 4.0, 2.4]),
    np.array([2.8, 3.4, 3.7, 2.2, 2.0]),
]
# Hollander & Wolfe (1973), p. 69 f.: permeability, the two-sample example of R's wilcox.test.
TERM = np.array([0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
EARLY = np.array([1.15, 0.88, 0.90, 0.74, 1.21])

group = st.lists(st.integers(0, 3), min_size=1, max_size=5).map(
    lambda numbers: np.array(numbers, dtype=float)
)


def test_rs_example_of_lungs() -> None:
    """Kruskal-Wallis chi-squared = 0.77143, df = 2, p-value = 0.68."""
    found = kruskal_wallis(LUNGS)
    assert (found.statistic, found.df, found.p) == (
        pytest.approx(0.77143, abs=5e-6),
        2,
        pytest.approx(0.68, abs=5e-4),
    )


def test_rs_example_of_permeability() -> None:
    """W = 35, p-value = 0.1272 one-sided; two-sided twice that."""
    found = mann_whitney(TERM, EARLY)
    assert (found.statistic, found.better) == (35, 1)
    assert found.p == pytest.approx(0.2544, abs=5e-5)
    assert found.p == pytest.approx(stats.mannwhitneyu(TERM, EARLY, method="exact").pvalue)


@given(group, group)
@settings(max_examples=50, deadline=None)
def test_mann_whitney_is_the_enumeration(a: np.ndarray, b: np.ndarray) -> None:
    ranks = stats.rankdata(np.concatenate([a, b]))
    sums = np.array([sum(chosen) for chosen in itertools.combinations(ranks, len(a))])
    far = np.abs(sums - sums.mean()) >= abs(ranks[: len(a)].sum() - sums.mean()) - 1e-9
    assert mann_whitney(a, b).p == pytest.approx(far.mean())


def test_many_runs_take_the_normal_approximation() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=80), rng.normal(0.2, size=80)
    assert mann_whitney(a, b).p == pytest.approx(
        stats.mannwhitneyu(a, b, method="asymptotic").pvalue
    )


@pytest.mark.parametrize("groups", [LUNGS, [np.round(one) for one in LUNGS]])
def test_dunn_is_that_of_scikit_posthocs(groups: list[np.ndarray]) -> None:
    expected = scikit_posthocs.posthoc_dunn(groups).to_numpy()
    found = dunn(groups)
    for pair, tested in found.items():
        assert tested.p == pytest.approx(expected[pair])
    assert 2 * stats.norm.sf(found[0, 1].statistic) == pytest.approx(found[0, 1].p)


def test_ties_everywhere_and_failures() -> None:
    same = [np.ones(4)] * 3
    assert kruskal_wallis(same).p == 1
    assert {tested.p for tested in dunn(same).values()} == {1}
    assert mann_whitney(np.ones(3), np.ones(4)).p == 1
    assert mann_whitney(np.array([-np.inf] * 4), np.arange(4.0)).p == pytest.approx(2 / 70)
    assert kruskal_wallis([*LUNGS, np.array([-np.inf] * 5)]).p < 0.05


# ---------------------------------------------------------------------- equal on paper


def test_what_is_equal_on_paper_ties_in_every_test_on_ranks() -> None:
    """The mean of .1, .2 and .3 in two orders differs by a bit."""
    one, other = np.full(10, (0.1 + 0.2 + 0.3) / 3), np.full(10, (0.3 + 0.2 + 0.1) / 3)
    assert one[0] != other[0]
    assert (mann_whitney(one, other).p, mann_whitney(one, other).better) == (1, 0)
    assert kruskal_wallis([one, other, one]).p == 1
    assert {tested.p for tested in dunn([one, other, one]).values()} == {1}
    assert friedman(np.stack([one, other, one], axis=1)).p == 1
    assert vargha_delaney(one, other) == 0.5


# ---------------------------------------------------------------------- what does not matter


@given(group, group)
@settings(max_examples=30, deadline=None)
def test_exchanging_the_groups_changes_the_winner_only(a: np.ndarray, b: np.ndarray) -> None:
    one, other = mann_whitney(a, b), mann_whitney(b, a)
    assert (one.p, one.better) == (pytest.approx(other.p), -other.better)
    assert one.statistic + other.statistic == len(a) * len(b)


def test_only_the_order_of_runs_counts() -> None:
    stretched = [np.exp(5 * one) for one in LUNGS]
    assert kruskal_wallis(stretched) == kruskal_wallis(LUNGS)
    assert dunn(stretched) == dunn(LUNGS)
    assert mann_whitney(np.exp(TERM), np.exp(EARLY)) == mann_whitney(TERM, EARLY)


@pytest.mark.parametrize(("size", "exact"), [(50, True), (51, False)])
def test_a_hundred_runs_are_counted(size: int, exact: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=size), rng.normal(0.3, size=50)
    found = mann_whitney(a, b)
    assert found.exact is exact
    assert found.test == ("Mann-Whitney, exact" if exact else "Mann-Whitney")
    approximation = stats.mannwhitneyu(a, b, method="asymptotic").pvalue
    assert found.p == pytest.approx(approximation, rel=0.02)


def test_dunn_says_who_is_ahead() -> None:
    groups = [np.array([0.1, 0.2]), np.array([0.8, 0.9]), np.array([0.4, 0.5])]
    found = dunn(groups)
    assert list(found) == [(0, 1), (0, 2), (1, 2)]
    assert [tested.better for tested in found.values()] == [-1, -1, 1]
    assert {tested.test for tested in found.values()} == {"Dunn"}


# ---------------------------------------------------------------------- how much higher


def test_the_shift_is_the_median_of_all_differences() -> None:
    every = [first - second for first in TERM for second in EARLY]
    assert shift(TERM, EARLY) == pytest.approx(np.median(every))
    assert shift(EARLY, TERM) == pytest.approx(-shift(TERM, EARLY))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0.5], [0.2], 0.3),
        ([-np.inf, 0.5, 0.5], [0.2], 0.3),
        ([-np.inf, -np.inf, 0.5], [0.2], -np.inf),
        ([-np.inf], [-np.inf], 0.0),
        ([-np.inf, 0.5], [-np.inf, 0.5], 0.0),  # one way and the other: inf, 0, 0, -inf
        ([-np.inf, 0.5], [0.5, -np.inf, 0.5, -np.inf], 0.0),
    ],
)
def test_failed_runs_are_lower_than_all_and_even_with_each_other(
    a: list[float], b: list[float], expected: float
) -> None:
    assert shift(np.array(a), np.array(b)) == pytest.approx(expected)
