"""The luck of the chosen, the same seeds run again, and what a design can find."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from scipy import stats

from clbench.stats.corrections import adjust, adjust_testable
from clbench.stats.intervals import Interval, mean_interval, simultaneous_intervals
from clbench.stats.power import power_of_flips, power_of_t, seeds_to_find
from clbench.stats.repeats import DIFFERS, NOT_SHOWN, SAME, TOO_FEW, repeated
from clbench.stats.selection import choose_on, expected_largest, selection_optimism


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 0.0), (2, 0.5642), (5, 1.1630), (10, 1.5388), (20, 1.8675)]
)
def test_the_largest_of_some_normal_numbers(count: int, expected: float) -> None:
    """Harter (1961), table 1."""
    assert expected_largest(count) == pytest.approx(expected, abs=1e-4)


def test_the_best_of_equal_ones_is_too_high_by_its_optimism() -> None:
    rng = np.random.default_rng(0)
    grids = rng.normal(size=(400, 10, 1)) * 3 + rng.normal(0, np.sqrt(0.5), (400, 10, 8))
    above = [grid.mean(axis=0).max() - grid.mean() for grid in grids]
    said = [selection_optimism(grid) for grid in grids]
    assert np.mean(said) == pytest.approx(np.mean(above), rel=0.05)
    with_failures = np.vstack([grids[0], np.full((2, 8), -np.inf)])
    assert selection_optimism(with_failures) == selection_optimism(grids[0])
    assert np.isnan(selection_optimism(grids[0][:1]))
    assert np.isnan(selection_optimism(grids[0][:, :1]))


def test_it_is_chosen_on_seeds_that_are_not_reported() -> None:
    scores = np.array([[0.9, 0.8, 0.7], [0.1, 0.8, 0.9], [0.1, 0.7, 0.9]])
    assert choose_on(scores, [0]).strategy == 0
    assert choose_on(scores, [0]).report_on.tolist() == [1, 2]
    assert choose_on(scores, [0, 1]).strategy == 1
    failing = scores.copy()
    failing[0, 1] = -np.inf
    failing[1, 2] = np.nan
    assert choose_on(failing, [0, 1]).strategy == 0
    assert choose_on(np.full((2, 3), -np.inf), [0]).strategy == 0
    # .1 + .2 + .3 in two orders: the first of what is equal on paper.
    assert choose_on(np.array([[0.3, 0.1], [0.2, 0.2], [0.1, 0.3]]), [0, 1, 2]).strategy == 0


# ---------------------------------------------------------------------- the same seeds again


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


# ---------------------------------------------------------------------- what can be found


@pytest.mark.parametrize(("pairs", "power"), [(3, 0.17), (5, 0.40), (10, 0.80), (15, 0.95)])
def test_the_power_of_t_is_the_published_one(pairs: int, power: float) -> None:
    assert power_of_t(pairs, 1.0, 0.05) == pytest.approx(power, abs=0.015)
    assert power_of_t(1, 1.0, 0.05) == 0.0
    assert power_of_t(pairs, 0.0, 0.05) == pytest.approx(0.05)


@pytest.mark.parametrize("level", [0.05, 0.05 / 56, 1e-6])
def test_the_power_of_t_rises_to_1(level: float) -> None:
    effects = np.linspace(0.0, 10.0, 41)
    powers = np.array([power_of_t(30, float(effect), level) for effect in effects])
    assert np.all(np.diff(powers) >= -1e-9)
    assert powers[-1] == pytest.approx(1.0)


def test_the_seeds_that_find_one_sd_in_four_of_five_cases() -> None:
    """Ten; for a pair among five strategies (the first multiplier is 6) sixteen."""
    assert seeds_to_find(1.0, 0.05) == 10
    assert seeds_to_find(1.0, 0.05 / 6) == 16
    assert seeds_to_find(2.0, 0.05, power=0.5) == 4


def test_the_power_of_flips_that_all_have_to_agree() -> None:
    """Six seeds: every sign the same. Nine seeds and eight strategies: 20 % of cases at one sd."""
    every = stats.norm.cdf(1.0)
    assert power_of_flips(6, 1.0, 0.05) == pytest.approx(every**6, abs=0.03)
    assert power_of_flips(9, 1.0, 0.05 / 10) == pytest.approx(every**9, abs=0.03)
    assert power_of_flips(5, 9.0, 0.05) == 0.0


# ---------------------------------------------------------------------- families


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


def test_holm_asks_nothing_for_what_can_never_reject() -> None:
    """Eight seeds at p = 0.0078, and ten entries of one seed: 0.0078, not 0.086."""
    p = np.array([2.0**-7, *[1.0] * 10, np.nan])
    smallest = np.array([2.0**-7, *[1.0] * 10, np.nan])
    assert adjust(p, "holm")[0] > 0.05
    found = adjust_testable(p, smallest, "holm", 0.05)
    assert found[0] == 2.0**-7
    assert (found[1:-1] == 1).all()
    assert np.isnan(found[-1])
    np.testing.assert_allclose(adjust_testable(p, smallest, "fdr_bh", 0.05), adjust(p, "fdr_bh"))
    equal = np.full(5, 0.001)
    np.testing.assert_allclose(adjust_testable(equal, equal, "holm", 0.05), adjust(equal, "holm"))
