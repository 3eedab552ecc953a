"""Corrections, effect sizes, intervals, equivalence, letters, designs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from clbench.stats import design
from clbench.stats.corrections import adjust
from clbench.stats.effects import vargha_delaney
from clbench.stats.equivalence import bayesian_signed_rank, two_one_sided, two_one_sided_unpaired
from clbench.stats.intervals import (
    bca,
    expanded,
    hierarchical_means,
    interquartile_interval,
    interquartile_mean,
    mean_interval,
    mean_intervals,
    over_scenarios,
    percentile,
    student,
    studentised,
    welch,
)
from clbench.stats.letters import groups, letters

# Student (1908): additional hours of sleep under two drugs, the example of R's t.test.
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)
matrices = st.integers(1, 12).flatmap(
    lambda k: st.lists(st.booleans(), min_size=k * k, max_size=k * k).map(
        lambda bits: np.array(bits).reshape(k, k)
    )
)


# ---------------------------------------------------------------------- corrections


@given(p_values)
@settings(max_examples=20, deadline=None)
def test_corrections_are_those_of_statsmodels(p: np.ndarray) -> None:
    for name in ("holm", "bonferroni", "fdr_bh"):
        np.testing.assert_allclose(adjust(p, name), multipletests(p, method=name)[1], atol=1e-12)
    np.testing.assert_array_equal(adjust(p, "none"), p)


def test_holm_by_hand_and_tests_that_were_not_made() -> None:
    np.testing.assert_allclose(
        adjust(np.array([0.01, np.nan, 0.04, 0.03]), "holm"), [0.03, np.nan, 0.06, 0.06]
    )
    assert len(adjust(np.array([]), "holm")) == 0


# ---------------------------------------------------------------------- effects


def test_effects_by_hand() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0])
    assert vargha_delaney(a, b) == pytest.approx((1 + 1.5 + 2) / 6)
    assert vargha_delaney(np.array([-np.inf]), np.array([-np.inf, 0.0])) == 0.25
    assert np.isnan(vargha_delaney(a, np.array([])))


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=6),
    st.lists(st.integers(-3, 3), min_size=1, max_size=6),
)
def test_a_is_mann_whitneys_u_as_a_share(a: list[int], b: list[int]) -> None:
    first, second = np.array(a, dtype=float), np.array(b, dtype=float)
    u = (
        stats.mannwhitneyu(first, second, method="asymptotic").statistic
        if len({*a, *b}) > 1
        else len(a) * len(b) / 2
    )
    assert vargha_delaney(first, second) == pytest.approx(u / (len(a) * len(b)))
    assert vargha_delaney(first, second) + vargha_delaney(second, first) == pytest.approx(1)


# ---------------------------------------------------------------------- intervals


def test_rs_example_of_sleep() -> None:
    """Paired: -2.4598858 -0.7001142; Welch: -3.3654832 0.2054832."""
    low, high = student((FIRST - SECOND)[:, None])
    assert (float(low[0]), float(high[0])) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    found = welch(FIRST, SECOND)
    assert (found.low, found.high) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


@pytest.mark.parametrize("size", [2, 4, 5, 10])
def test_a_mean_of_runs_has_students_interval_and_one_run_has_none(size: int) -> None:
    found = mean_interval(FIRST[:size])
    expected = stats.t.interval(0.95, size - 1, FIRST[:size].mean(), stats.sem(FIRST[:size]))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.method == "Student t"
    assert np.isnan(mean_interval(FIRST[:1]).low)
    assert np.isnan(mean_interval(FIRST[:0]).low)


def test_an_interval_is_cut_to_what_is_possible() -> None:
    found = mean_interval(np.array([0.97, 0.98, 1.0]))
    assert found.high > 1
    assert (found.cut((0.0, 1.0)).low, found.cut((0.0, 1.0)).high) == (found.low, 1.0)
    assert found.cut(None) == found
    assert np.isnan(mean_interval(FIRST[:1]).cut((0.0, 1.0)).low)


def test_a_symmetric_sample_has_a_symmetric_interval_and_equal_runs_a_point() -> None:
    found = mean_interval(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    assert found.low == pytest.approx(-found.high)
    assert (mean_interval(np.full(7, 0.25)).low, mean_interval(np.full(7, 0.25)).high) == (
        0.25,
        0.25,
    )


def test_columns_do_not_know_each_other() -> None:
    table = np.random.default_rng(0).normal(size=(8, 3))
    one, alone = mean_intervals(table)[1], mean_interval(table[:, 1])
    assert (one.low, one.high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize("size", [3, 5, 10, 30])
@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_the_interval_of_a_difference_covers_what_it_says(kind: str, size: int) -> None:
    """Runs of two strategies of one shape: however skewed they are, their difference is not."""
    rng = np.random.default_rng(size)
    found = mean_intervals(
        getattr(rng, kind)(size=(size, 8000)) - getattr(rng, kind)(size=(size, 8000))
    )
    assert 0.94 <= np.mean([interval.low <= 0 <= interval.high for interval in found]) <= 0.98


@pytest.mark.parametrize(("size", "least"), [(5, 0.86), (10, 0.89), (30, 0.92)])
def test_the_interval_of_a_mean_covers_normal_runs_and_falls_short_for_skewed_ones(
    size: int, least: float
) -> None:
    """What the guide's table says of it."""
    for kind, centre, lowest, highest in (
        ("normal", 0, 0.94, 0.96),
        ("exponential", 1, least, 0.95),
    ):
        draws = getattr(np.random.default_rng(size), kind)(size=(size, 8000))
        held = [one.low <= centre <= one.high for one in mean_intervals(draws)]
        assert lowest <= np.mean(held) <= highest


def test_bootstraps_follow_their_generator_and_hold_the_mean() -> None:
    for bootstrap in (percentile, bca, studentised):
        low, high = bootstrap(FIRST, np.random.default_rng(3))
        assert (low, high) == bootstrap(FIRST, np.random.default_rng(3))
        assert low < FIRST.mean() < high
        assert bootstrap(np.full(5, 2.0), np.random.default_rng(0)) == (2.0, 2.0)


def test_bca_is_near_scipys() -> None:
    expected = stats.bootstrap(
        (FIRST,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert bca(FIRST, np.random.default_rng(1), resamples=20_000) == pytest.approx(
        (expected.low, expected.high), abs=0.06
    )


def test_the_interquartile_mean_is_the_trimmed_mean() -> None:
    for size in (4, 10, 11, 30):
        values = np.random.default_rng(size).normal(size=size)
        assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))
    found = interquartile_interval([FIRST, SECOND], np.random.default_rng(0))
    assert found.low < interquartile_mean(np.concatenate([FIRST, SECOND])) < found.high


def test_strata_are_resampled_apart() -> None:
    """Scenarios without spread of their own leave nothing to resample, however far apart."""
    found = interquartile_interval([np.zeros(10), np.ones(10)], np.random.default_rng(0))
    assert (found.low, found.high) == (0.5, 0.5)


def test_the_hierarchical_bootstrap_resamples_scenarios_and_seeds() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([0.0, 4.0, 8.0])
    strata = [
        np.stack([rng.normal(centre, size=10), rng.normal(centre, size=10) + 1], axis=1)
        for centre in centres
    ]
    strata[0][0, 0] = np.nan  # a failed run
    means = hierarchical_means(strata, np.random.default_rng(1))
    variance = np.var(centres) / 3 + 1 / 30  # between scenarios, and between seeds within them
    assert means.std(axis=0) == pytest.approx(np.sqrt(variance), rel=0.1)
    assert hierarchical_means(strata, np.random.default_rng(1), paired=False).mean(
        axis=0
    ) == pytest.approx(means.mean(axis=0), abs=0.15)
    low, high = expanded(means, 3)
    plain = np.quantile(means, [0.025, 0.975], axis=0)
    assert (low <= plain[0]).all()
    assert (high >= plain[1]).all()


def test_few_scenarios_have_students_interval_and_two_have_none() -> None:
    means = np.random.default_rng(3).normal(size=(5, 2))
    drawn = np.random.default_rng(4).normal(size=(100, 2))
    assert np.isnan(over_scenarios(means[:2], drawn)).all()
    np.testing.assert_allclose(over_scenarios(means[:3], drawn), student(means[:3]))
    np.testing.assert_allclose(over_scenarios(means, drawn), expanded(drawn, 5))


# ---------------------------------------------------------------------- equivalence


def test_two_one_sided_tests_by_scipy() -> None:
    delta = FIRST - SECOND + 1.5
    expected = max(
        stats.ttest_1samp(delta, 1.0, alternative="less").pvalue,
        stats.ttest_1samp(delta, -1.0, alternative="greater").pvalue,
    )
    assert two_one_sided(delta, 1.0) == pytest.approx(expected)
    expected = max(
        stats.ttest_ind(FIRST - 3, SECOND, equal_var=False, alternative="less").pvalue,
        stats.ttest_ind(FIRST + 3, SECOND, equal_var=False, alternative="greater").pvalue,
    )
    assert two_one_sided_unpaired(FIRST, SECOND, 3.0) == pytest.approx(expected)


def test_equal_runs_are_equivalent_and_one_pair_shows_nothing() -> None:
    assert two_one_sided(np.zeros(8), 0.01) == 1 / 2**8
    assert two_one_sided(np.full(5, 0.02), 0.01) == 1
    assert two_one_sided(np.zeros(1), 0.01) == 1
    assert two_one_sided(np.zeros(5), 0.0) == 1
    assert two_one_sided_unpaired(np.zeros(5), np.zeros(5), 0.01) == 1 / 252
    assert two_one_sided_unpaired(np.zeros(5), np.zeros(1), 0.01) == 1


@pytest.mark.parametrize("spread", [0.0, 1e-17, 1e-9])
def test_a_spread_that_few_runs_do_not_show_is_not_taken_for_none(spread: float) -> None:
    for size in (2, 3, 4):
        delta = 0.001 + spread * np.arange(size)
        assert two_one_sided(delta, 0.01) == 1 / 2**size > 0.05
        assert two_one_sided_unpaired(delta, delta, 0.01) >= 1 / 70


def test_the_bayesian_test_knows_where_the_differences_lie() -> None:
    rng = np.random.default_rng(0)
    for centre, winner in ((-0.1, "second"), (0.0, "neither"), (0.1, "first")):
        found = bayesian_signed_rank(
            centre + rng.normal(0, 0.002, 10), 0.01, np.random.default_rng(1)
        )
        assert getattr(found, winner) > 0.95
        assert found.second + found.neither + found.first == pytest.approx(1)


# ---------------------------------------------------------------------- letters


@given(matrices)
@settings(deadline=None)
def test_two_share_a_letter_exactly_where_they_do_not_differ(bits: np.ndarray) -> None:
    different = (bits | bits.T) & ~np.eye(len(bits), dtype=bool)
    shown = letters(different)
    for i in range(len(bits)):
        assert shown[i]
        for j in range(i):
            assert bool(set(shown[i]) & set(shown[j])) is not bool(different[i, j])


@given(matrices)
@settings(deadline=None)
def test_no_group_is_superfluous(bits: np.ndarray) -> None:
    different = (bits | bits.T) & ~np.eye(len(bits), dtype=bool)
    found = [set(members) for members in groups(different)]
    assert not any(one < other for one in found for other in found)


def test_letters_in_order_and_beyond_the_alphabet() -> None:
    chain = np.abs(np.subtract.outer(range(4), range(4))) > 1
    assert letters(chain) == ["a", "ab", "bc", "c"]
    assert letters(np.zeros((3, 3), bool)) == ["a", "a", "a"]
    assert letters(~np.eye(28, dtype=bool))[25:] == ["z", "aa", "ab"]
    many = letters(np.abs(np.subtract.outer(range(30), range(30))) > 1)
    assert many[27] == "aa,ab"


def test_scattered_differences_among_a_hundred_take_no_exponential_time() -> None:
    different = np.zeros((100, 100), bool)
    different[np.arange(0, 100, 2), np.arange(1, 100, 2)] = different[
        np.arange(1, 100, 2), np.arange(0, 100, 2)
    ] = True
    assert len(groups(different)) < 200


# ---------------------------------------------------------------------- the choice of tests


@pytest.mark.parametrize(
    ("strategies", "paired", "omnibus", "pairs"),
    [
        (1, True, None, "none"),
        (2, True, None, "Wilcoxon signed-rank"),
        (3, True, "Friedman", "Wilcoxon signed-rank"),
        (2, False, None, "Mann-Whitney"),
        (5, False, "Kruskal-Wallis", "Dunn"),
    ],
)
def test_the_design_decides(strategies: int, paired: bool, omnibus: str | None, pairs: str) -> None:
    chosen = design.within_scenario(strategies, paired=paired)
    assert (chosen.omnibus, chosen.pairs) == (omnibus, pairs)
    assert chosen.reason


def test_over_scenarios_it_is_demsars_advice() -> None:
    assert design.across_scenarios(2).pairs == "Wilcoxon signed-rank"
    assert (design.across_scenarios(4).omnibus, design.across_scenarios(4).pairs) == (
        "Friedman",
        "Nemenyi",
    )
