"""Shares of a whole, with Wilson's interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from clbench.stats.paired import differences
from clbench.stats.proportions import sampling_error, wilson, won_seeds


@pytest.mark.parametrize(("wins", "seeds"), [(0, 5), (3, 5), (9, 10), (10, 10)])
def test_wilson_is_statsmodels(wins: int, seeds: int) -> None:
    expected = proportion_confint(wins, seeds, method="wilson")
    assert wilson(wins, seeds) == pytest.approx(expected)


def test_won_seeds_count_ties_half_and_failures_as_lost() -> None:
    found = won_seeds(np.array([0.1, 0.2, 0.0, -np.inf]))
    assert (found.wins, found.ties, found.losses, found.seeds) == (2, 1, 1, 4)
    assert found.share == 0.625
    assert (found.low, found.high) == wilson(2.5, 4)
    assert won_seeds(found.share * np.ones(3), level=0.99).low < won_seeds(np.ones(3)).low
    assert np.isnan(won_seeds(np.empty(0)).share)
    assert np.isnan(won_seeds(np.empty(0)).low)


def test_what_a_test_set_can_tell() -> None:
    """By hand: 357 images at 95.2 % have an error of 2.2 points; a point is four images."""
    assert sampling_error(0.952, 357) == pytest.approx(0.022, abs=1e-3)


# ---------------------------------------------------------------------- Wilson's interval


@pytest.mark.parametrize("trials", [1, 5, 30])
def test_exchanging_wins_and_losses_mirrors_the_interval(trials: int) -> None:
    for wins in range(trials + 1):
        low, high = wilson(wins, trials)
        lost_low, lost_high = wilson(trials - wins, trials)
        assert (low, high) == pytest.approx((1 - lost_high, 1 - lost_low))


@pytest.mark.parametrize("trials", [1, 4, 100])
def test_all_or_none_reach_an_end_and_stay_within(trials: int) -> None:
    low, high = wilson(0, trials)
    assert 0 <= low < 1e-15 < high < 1
    low, high = wilson(trials, trials)
    assert 0 < low < 1 - 1e-15 <= high <= 1


def test_more_trials_and_a_lower_level_make_it_shorter() -> None:
    def length(share: float, trials: int, level: float = 0.95) -> float:
        low, high = wilson(share * trials, trials, level)
        return high - low

    by_trials = [length(0.8, trials) for trials in (5, 20, 80, 1000)]
    assert by_trials == sorted(by_trials, reverse=True)
    assert length(0.8, 20, level=0.8) < length(0.8, 20)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_the_interval_is_where_the_share_is_z_standard_errors_away(share: float) -> None:
    """Its definition: the error is that of the end itself, not of the share that was seen."""
    trials, z = 50, stats.norm.ppf(0.975)
    for end in wilson(share * trials, trials):
        error = np.sqrt(end * (1 - end) / trials)
        assert abs(share - end) == pytest.approx(z * error)


def test_of_no_trials_there_is_no_share() -> None:
    assert np.isnan(wilson(0, 0)).all()


# ---------------------------------------------------------------------- seeds won


def test_two_failed_runs_are_a_tie() -> None:
    """Their difference is nothing, as `paired.differences` has it."""
    failed = np.array([-np.inf, -np.inf, 0.5])
    found = won_seeds(differences(failed, np.array([-np.inf, 0.1, -np.inf])))
    assert (found.wins, found.ties, found.losses) == (1, 1, 1)
    assert found.share == 0.5


@pytest.mark.parametrize("accuracy", [0.0, 0.3, 0.5, 1.0])
def test_four_times_the_images_halve_the_error(accuracy: float) -> None:
    """At either end, where the plain error is 0, it falls faster: with the number of images."""
    ratio = sampling_error(accuracy, 1000) / sampling_error(accuracy, 4000)
    expected = 4 if accuracy in (0.0, 1.0) else 2
    assert ratio == pytest.approx(expected, rel=0.01)
