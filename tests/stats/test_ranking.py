"""Ranks as intervals, shares with Wilson's."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from clbench.stats.proportions import sampling_error, wilson, won_seeds
from clbench.stats.ranking import TOO_FEW_RUNS, TOO_MANY_FAILED, rank_intervals


def shown(strategies: int, *wins: tuple[int, int]) -> np.ndarray:
    better = np.zeros((strategies, strategies), dtype=bool)
    for winner, loser in wins:
        better[winner, loser] = True
    return better


def intervals(better: np.ndarray, **given: np.ndarray) -> list[tuple[int | None, int | None]]:
    runs = [10] * len(better)
    found = rank_intervals(better, runs, runs, given.get("equivalent"))
    return [(one.best, one.worst) for one in found]


def test_a_rank_is_what_wins_and_losses_leave_open() -> None:
    assert intervals(shown(3)) == [(1, 3), (1, 3), (1, 3)]
    assert intervals(shown(3, (0, 2))) == [(1, 2), (1, 3), (2, 3)]
    assert intervals(shown(3, (0, 1), (0, 2), (1, 2))) == [(1, 1), (2, 2), (3, 3)]


def test_equal_strategies_are_not_parted_by_what_was_shown_of_one() -> None:
    """0 beats 1; 1 and 2 are alike, though only one of them was shown to lose."""
    assert intervals(shown(3, (0, 1)))[1:] == [(2, 3), (1, 3)]


def test_an_entry_without_runs_has_no_rank_and_takes_none() -> None:
    """One seed at 10 % accuracy was rank 1, above ten seeds at 80 % that had been shown to lose."""
    better = shown(4, (0, 1), (3, 0))
    found = rank_intervals(better, finished=[10, 10, 1, 2], runs=[10, 10, 1, 10])
    assert [(one.best, one.worst) for one in found[:2]] == [(1, 1), (2, 2)]
    assert [one.ranked for one in found] == [True, True, False, False]
    assert [one.reason for one in found] == ["", "", TOO_FEW_RUNS, TOO_MANY_FAILED]


def test_ranks_follow_the_rope() -> None:
    same = shown(2, (0, 1), (1, 0))
    assert intervals(shown(2, (0, 1)), equivalent=same) == [(1, 2), (1, 2)]


# ---------------------------------------------------------------------- shares


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
