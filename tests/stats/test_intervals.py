"""Intervals of means and of differences: Student's, Welch's, and several at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from scipy import stats

from clbench.stats.intervals import (
    Interval,
    mean_interval,
    mean_intervals,
    simultaneous_intervals,
    simultaneous_level,
    student,
    welch,
    welch_error,
)
from tests.stats.samples import FIRST, SECOND


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


def all_hold_zero(intervals: Iterable[Interval]) -> bool:
    return all(one.low <= 0 <= one.high for one in intervals)


def test_simultaneous_intervals_hold_together() -> None:
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(600, 6, 10))
    held = [all_hold_zero(simultaneous_intervals(table)) for table in tables]
    alone = [all_hold_zero(map(mean_interval, table.T)) for table in tables]
    assert np.mean(alone) < 0.7
    assert np.mean(held) > 0.94
    found = simultaneous_intervals(tables[0], 0.1)[3]
    one = mean_interval(tables[0][:, 3], 0.99)
    assert (found.low, found.high) == pytest.approx((one.low, one.high))
    assert np.isnan(simultaneous_intervals(tables[0][:1])[0].low)


# ---------------------------------------------------------------------- two groups


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_welchs_interval_is_scipys(level: float) -> None:
    few = SECOND[:4]
    found = welch(FIRST, few, level)
    tested = stats.ttest_ind(FIRST, few, equal_var=False)
    expected = tested.confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.method == "Welch t"
    assert welch_error(FIRST, few)[1] == pytest.approx(tested.df)


def test_exchanging_the_groups_turns_their_interval_round() -> None:
    one, other = welch(FIRST, SECOND[:4]), welch(SECOND[:4], FIRST)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@pytest.mark.parametrize(("first", "second"), [(0, 5), (1, 5), (5, 1), (5, 0)])
def test_a_group_of_one_run_says_nothing_of_its_spread(first: int, second: int) -> None:
    found = welch(FIRST[:first], SECOND[:second])
    assert np.isnan([found.low, found.high]).all()
    assert found.method == "none"


def test_groups_without_spread_differ_by_a_point() -> None:
    found = welch(np.full(3, 0.5), np.full(4, 0.25))
    assert (found.low, found.high, found.method) == (0.25, 0.25, "Welch t")


def test_one_group_without_spread_leaves_the_others_degrees_of_freedom() -> None:
    """By hand: then the whole variance is the second's, 1 / 3, with 3 - 1 degrees of freedom."""
    error, df = welch_error(np.full(4, 0.5), np.array([-1.0, 0.0, 1.0]))
    assert error == pytest.approx(np.sqrt(1 / 3))
    assert df == pytest.approx(2)


# ---------------------------------------------------------------------- levels


def test_a_higher_level_makes_a_longer_interval() -> None:
    lengths = []
    for level in (0.5, 0.9, 0.95, 0.999):
        found = mean_interval(FIRST, level)
        lengths.append(found.high - found.low)
    assert lengths == sorted(lengths)


@pytest.mark.parametrize(
    ("family", "level"), [(0, 0.9), (1, 0.9), (4, 1 - 0.1 / 4), (100, 1 - 0.1 / 100)]
)
def test_a_family_shares_the_error_that_is_allowed(family: int, level: float) -> None:
    assert simultaneous_level(0.1, family) == pytest.approx(level)


def test_intervals_say_how_they_were_made() -> None:
    table = np.stack([FIRST, SECOND], axis=1)
    assert [one.method for one in mean_intervals(table)] == ["Student t"] * 2
    together = [one.method for one in simultaneous_intervals(table)]
    assert together == ["Student t, simultaneous"] * 2
    assert [one.method for one in mean_intervals(table[:1])] == ["none"] * 2


def test_a_table_without_columns_has_no_intervals() -> None:
    assert mean_intervals(np.empty((5, 0))) == []
    assert mean_intervals(np.empty((0, 0))) == []


@pytest.mark.parametrize(
    ("low", "high", "cut"),
    [
        (-0.1, 1.2, (0.0, 1.0)),
        (0.2, 0.4, (0.2, 0.4)),
        (1.1, 1.3, (1.0, 1.0)),  # nothing of it is possible: the nearest that is
    ],
)
def test_what_is_impossible_is_cut_off(low: float, high: float, cut: tuple[float, float]) -> None:
    found = Interval(low, high, "Student t").cut((0.0, 1.0))
    assert (found.low, found.high, found.method) == (*cut, "Student t")
