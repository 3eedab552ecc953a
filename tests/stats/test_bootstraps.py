"""Intervals by resampling (`clbench.stats.intervals`), and interquartile means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clbench.stats.intervals import (
    bca,
    expanded,
    hierarchical_means,
    interquartile_interval,
    interquartile_mean,
    over_scenarios,
    percentile,
    resamples_scenarios,
    student,
    studentised,
)
from tests.stats.samples import FIRST, SECOND


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


# ---------------------------------------------------------------------- of a mean


def drawn_means(values: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """The definition: so many samples of the same size, with replacement."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, len(values), (resamples, len(values)))
    return values[places].mean(axis=1)


def test_the_plain_bootstrap_is_its_percentiles() -> None:
    expected = np.quantile(drawn_means(FIRST, 5, 300), [0.05, 0.95])
    found = percentile(FIRST, np.random.default_rng(5), level=0.9, resamples=300)
    assert found == pytest.approx(tuple(expected))


def test_bca_follows_the_skew() -> None:
    """Moved towards the long tail, at either end; the other way round for the mirror image."""
    skewed = np.array([0.0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.4, 3.0])
    low, high = bca(skewed, np.random.default_rng(0))
    plain_low, plain_high = percentile(skewed, np.random.default_rng(0))
    assert low > plain_low
    assert high > plain_high
    mirrored = bca(-skewed, np.random.default_rng(0))
    assert mirrored == pytest.approx((-high, -low), abs=0.02)


def test_the_studentised_bootstrap_is_longer_for_few_runs() -> None:
    few = FIRST[:6]
    low, high = studentised(few, np.random.default_rng(0))
    plain_low, plain_high = percentile(few, np.random.default_rng(0))
    assert low < plain_low
    assert high > plain_high


def test_stretching_the_runs_stretches_their_interval() -> None:
    for bootstrap in (percentile, bca, studentised):
        low, high = bootstrap(FIRST, np.random.default_rng(1), resamples=500)
        stretched = bootstrap(4 * FIRST, np.random.default_rng(1), resamples=500)
        assert stretched == pytest.approx((4 * low, 4 * high))


# ---------------------------------------------------------------------- the middle half


@pytest.mark.parametrize(("size", "left_out"), [(1, 0), (3, 0), (4, 1), (7, 1), (8, 2)])
def test_a_quarter_is_left_out_at_either_end(size: int, left_out: int) -> None:
    values = np.random.default_rng(size).permutation(np.arange(size) ** 2.0)
    middle = np.sort(values)[left_out : size - left_out]
    assert interquartile_mean(values) == pytest.approx(middle.mean())


def test_outliers_at_both_ends_do_not_move_the_middle() -> None:
    values = np.array([0.4, 0.5, 0.6, 0.5])
    wild = np.array([-1e6, 0.5, 0.5, 1e6])
    assert interquartile_mean(values) == interquartile_mean(wild) == 0.5


def test_the_interval_of_the_middle_names_its_method() -> None:
    found = interquartile_interval([FIRST, SECOND], np.random.default_rng(0))
    assert found.method == "stratified bootstrap"
    wider = interquartile_interval([FIRST, SECOND], np.random.default_rng(0), level=0.99)
    assert wider.low < found.low < found.high < wider.high


# ---------------------------------------------------------------------- over scenarios


def test_paired_all_strategies_draw_the_same_seeds() -> None:
    """Then two equal columns stay equal; apart they only agree on average."""
    runs = np.repeat(FIRST[:, None], 2, axis=1)
    together = hierarchical_means([runs] * 3, np.random.default_rng(0), resamples=200)
    np.testing.assert_array_equal(together[:, 0], together[:, 1])
    apart = hierarchical_means([runs] * 3, np.random.default_rng(0), paired=False, resamples=200)
    assert (apart[:, 0] != apart[:, 1]).mean() > 0.9


def test_one_scenario_is_resampled_by_its_seeds_alone() -> None:
    """Its mean varies by the variance of its runs over their number."""
    means = hierarchical_means([FIRST[:, None]], np.random.default_rng(0), resamples=4000)
    assert means.std() == pytest.approx(FIRST.std() / np.sqrt(len(FIRST)), rel=0.05)


def test_means_are_over_the_runs_that_finished() -> None:
    """Where none that was drawn did, it is the mean of all that did: 2, never 0 or nothing."""
    runs = np.array([[2.0], [np.nan], [np.nan], [np.nan]])
    means = hierarchical_means([runs], np.random.default_rng(0), resamples=100)
    assert set(means[:, 0].tolist()) == {2.0}


def test_equal_runs_everywhere_leave_nothing_to_resample() -> None:
    strata = [np.full((4, 2), 0.25), np.full((9, 2), 0.25)]
    means = hierarchical_means(strata, np.random.default_rng(0), resamples=50)
    np.testing.assert_allclose(means, 0.25)


@pytest.mark.parametrize(("scenarios", "are"), [(2, False), (4, False), (5, True), (20, True)])
def test_five_scenarios_are_resampled_and_fewer_are_not(scenarios: int, are: bool) -> None:
    assert resamples_scenarios(scenarios) is are


def test_percentiles_are_moved_outwards_as_hesterberg_says() -> None:
    """By scipy: the normal tail of Student's quantile, larger by sqrt(n / (n - 1))."""
    means = np.random.default_rng(0).normal(size=(500, 1))
    tail = stats.norm.cdf(stats.t.ppf(0.025, 4) * np.sqrt(5 / 4))
    assert tail < 0.025
    found = expanded(means, 5)
    np.testing.assert_allclose(np.array(found)[:, 0], np.quantile(means, [tail, 1 - tail]))
