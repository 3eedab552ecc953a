"""Ranks as intervals."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.stats.ranking import RANKED, TOO_FEW_RUNS, TOO_MANY_FAILED, rank_intervals


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


@pytest.mark.parametrize(
    ("finished", "runs", "reason"),
    [
        (3, 3, RANKED),
        (3, 30, RANKED),
        (2, 2, TOO_FEW_RUNS),
        (0, 0, TOO_FEW_RUNS),
        (2, 3, TOO_MANY_FAILED),
        (0, 10, TOO_MANY_FAILED),
    ],
)
def test_three_finished_runs_make_an_entry_ranked(finished: int, runs: int, reason: str) -> None:
    [found] = rank_intervals(shown(1), [finished], [runs])
    assert (found.ranked, found.reason) == (reason == RANKED, reason)
    assert (found.best, found.worst) == ((1, 1) if found.ranked else (None, None))


def test_of_nobody_there_are_no_ranks() -> None:
    assert rank_intervals(shown(0), [], []) == []


def test_every_interval_holds_the_rank_of_an_order_that_was_shown() -> None:
    """A chain of six, of which some wins were shown: true ranks are within, best above worst."""
    rng = np.random.default_rng(0)
    better = np.triu(rng.random((6, 6)) < 0.5, k=1)
    for place, (best, worst) in enumerate(intervals(better), start=1):
        assert best is not None
        assert worst is not None
        assert 1 <= best <= place <= worst <= 6


def test_more_that_is_shown_never_makes_an_interval_wider() -> None:
    few, more = shown(4, (0, 3)), shown(4, (0, 3), (0, 2), (1, 3))
    for (best, worst), (closer, nearer) in zip(intervals(few), intervals(more), strict=True):
        assert None not in (best, worst, closer, nearer)
        assert nearer - closer <= worst - best


def test_what_differs_by_less_than_matters_is_no_win() -> None:
    better = shown(3, (0, 1), (0, 2), (1, 2))
    near = shown(3, (0, 1), (1, 0))
    assert intervals(better, equivalent=near) == [(1, 2), (1, 2), (3, 3)]


def test_what_was_shown_is_not_changed() -> None:
    better = shown(2, (0, 1))
    intervals(better, equivalent=shown(2, (0, 1), (1, 0)))
    np.testing.assert_array_equal(better, shown(2, (0, 1)))
