"""The same seeds run again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clbench.stats.flips import flips_p
from clbench.stats.intervals import mean_interval
from clbench.stats.repeats import DIFFERS, NOT_SHOWN, SAME, TOO_FEW, repeated


def test_a_shift_of_half_an_sd_in_every_seed_is_a_difference() -> None:
    """Its mean lies in the interval of the other in 97 % of cases, which was said to agree."""
    rng = np.random.default_rng(0)
    before = rng.normal(0.9, 0.01, 10)
    after = before - 0.005 + rng.normal(0, 0.001, 10)
    interval = mean_interval(before)
    assert interval.low <= after.mean() <= interval.high
    found = repeated(before, after)
    assert (found.verdict, found.seeds, found.unlike) == (DIFFERS, 10, 0)
    assert found.difference == pytest.approx(-0.005, abs=1e-3)
    assert found.interval.high < 0
    assert found.largest_gap == np.abs(after - before).max()


def test_an_honest_repeat_is_called_different_in_alpha_of_cases() -> None:
    rng = np.random.default_rng(1)
    for seeds in (5, 12):
        verdicts = [
            repeated(rng.normal(size=seeds), rng.normal(size=seeds)).verdict for _ in range(400)
        ]
        assert 0.02 <= np.mean([verdict == DIFFERS for verdict in verdicts]) <= 0.08


def test_few_seeds_have_no_verdict_and_the_same_bits_always_one() -> None:
    before = np.array([0.9, 0.8])
    assert repeated(before, before).verdict == SAME
    assert repeated(before, before + 1e-3).verdict == TOO_FEW
    assert repeated(before[:1], before[:1] + 1e-3).verdict == TOO_FEW
    assert repeated(np.arange(6.0), np.arange(6.0)[::-1]).verdict == NOT_SHOWN


def test_the_same_shift_in_five_seeds_is_a_difference() -> None:
    before = np.array([0.5, 0.52, 0.55, 0.48, 0.51])
    found = repeated(before, before - 0.015)
    assert found.verdict == DIFFERS
    assert found.interval.high < 0


def test_a_run_that_failed_once_is_told_apart_from_the_numbers() -> None:
    before = np.array([0.9, 0.8, np.nan, np.nan, 0.7, 0.7, 0.6])
    after = np.array([0.9, np.nan, 0.8, np.nan, 0.7, 0.7, 0.6])
    found = repeated(before, after)
    assert (found.seeds, found.unlike, found.difference) == (7, 2, 0.0)
    assert found.verdict != SAME


# ---------------------------------------------------------------------- by which test


def test_five_seeds_are_compared_by_students_t_and_six_by_their_signs() -> None:
    """Five have 2 / 32 at best, which is above alpha."""
    rng = np.random.default_rng(0)
    before = rng.normal(size=6)
    after = before + rng.normal(0.8, 0.4, 6)
    five = repeated(before[:5], after[:5])
    assert five.p == pytest.approx(stats.ttest_rel(after[:5], before[:5]).pvalue)
    six = repeated(before, after)
    assert six.p == flips_p(after - before) == 2 / 2**6
    # Where alpha allows what five signs can show, they are taken.
    assert repeated(before[:5], after[:5], alpha=0.1).p == 2 / 2**5


@pytest.mark.parametrize(("seeds", "has_p"), [(0, False), (4, False), (5, True), (6, True)])
def test_fewer_than_five_seeds_have_no_p(seeds: int, has_p: bool) -> None:
    before = np.arange(6.0)[:seeds]
    assert np.isfinite(repeated(before, before + 0.1).p) == has_p


def test_a_seed_that_failed_once_is_in_no_mean() -> None:
    before = np.array([0.5, np.nan, 0.7, -np.inf])
    after = np.array([0.6, 0.9, np.nan, -np.inf])
    found = repeated(before, after)
    assert (found.seeds, found.unlike) == (4, 2)
    assert found.difference == found.largest_gap == pytest.approx(0.1)


def test_without_a_seed_that_finished_twice_there_is_no_difference() -> None:
    found = repeated(np.array([np.nan, 0.5]), np.array([0.5, np.nan]))
    assert np.isnan([found.difference, found.p, found.interval.low]).all()
    assert (found.largest_gap, found.unlike, found.verdict) == (0.0, 2, TOO_FEW)


def test_what_is_equal_on_paper_is_the_same() -> None:
    before = np.array([0.3, 0.6])
    after = np.array([0.1 + 0.2, 0.2 + 0.4])
    assert before[0] != after[0]
    assert repeated(before, after).verdict == SAME


def test_running_in_the_other_order_turns_the_difference_round() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.normal(size=8), rng.normal(size=8)
    one, other = repeated(before, after), repeated(after, before)
    assert (one.difference, one.largest_gap) == (-other.difference, other.largest_gap)
    assert (one.p, one.verdict) == (other.p, other.verdict)
    assert (one.interval.low, one.interval.high) == (-other.interval.high, -other.interval.low)


def test_the_interval_has_the_level_of_the_verdict() -> None:
    rng = np.random.default_rng(4)
    delta = rng.normal(0.5, 1, 8)
    found = repeated(np.zeros(8), delta, alpha=0.1).interval
    expected = mean_interval(delta, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
