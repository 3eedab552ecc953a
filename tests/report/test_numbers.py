"""Numbers as people read them: units, digits, intervals, and what has no value."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from clbench.report.numbers import (
    Estimate,
    Scale,
    choice_words,
    estimate,
    scale_of,
    show_estimate,
    show_interval,
    show_level,
    show_number,
    show_p,
    show_unit,
    spread_out,
    unit_words,
    value_words,
)

NAN, INF = np.nan, np.inf


# ---------------------------------------------------------------------- estimates


def test_an_estimate_is_the_mean_with_half_of_its_t_interval(made) -> None:
    values = np.array([0.5, 0.6, 0.75])
    found = estimate(made.cell("a", values), values)
    assert found is not None
    # The quantile of t, times the standard error of the mean.
    half = stats.t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
    assert found.mean == pytest.approx(values.mean())
    assert found.half == pytest.approx(half)
    assert found.seeds == 3


def test_a_single_seed_says_nothing_of_the_spread(made) -> None:
    assert estimate(made.cell("a", [0.5]), np.array([0.5])) == Estimate(0.5, None, 1)


def test_agents_of_a_seed_count_as_their_mean(made) -> None:
    seeds, agents = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    values = np.array([0.2, 0.4, 0.6, 0.8])
    by_agent = estimate(made.cell("a", values, seed=seeds, agent=agents), values)
    by_seed = estimate(made.cell("a", [0.3, 0.7]), np.array([0.3, 0.7]))
    assert by_agent is not None
    assert by_seed is not None
    assert (by_agent.mean, by_agent.seeds) == (pytest.approx(by_seed.mean), 2)
    assert by_agent.half == pytest.approx(by_seed.half)


def test_seeds_that_failed_or_have_no_value_do_not_count(made) -> None:
    status = np.array(["done", "diverged", "done"], dtype=object)
    cell = made.cell("a", [0.5] * 3, member_status=status)
    assert estimate(cell, np.array([0.25, 9.0, NAN])) == Estimate(0.25, None, 1)
    assert estimate(cell, np.array([NAN, 9.0, NAN])) is None


@pytest.mark.parametrize(
    ("found", "unit", "shown"),
    [
        (Estimate(0.931, 0.004, 10), "fraction", "93.1 ± 0.4"),
        (Estimate(0.931, None, 1), "fraction", "93.1"),
        (Estimate(-14.66, 1.0, 3), "points", "-14.7 ± 1.0"),
        (Estimate(90.0, 6.0, 3), "seconds", "1.5 ± 0.1 min"),
        (Estimate(0.012346, 0.001, 3), "", "0.01235 ± 0.00100"),
        (Estimate(0.5, 0.0, 3), "fraction", "50.0 ± 0.0"),
        (Estimate(2_000.0, 0.0, 3), "bytes", "2.0 kB"),  # the same in every seed
        (Estimate(2_000.0, 100.0, 3), "bytes", "2.0 ± 0.1 kB"),
        (Estimate(12.0, 0.0, 3), "count", "12"),
        (None, "fraction", "-"),
    ],
)
def test_how_an_estimate_is_shown(found: Estimate | None, unit: str, shown: str) -> None:
    assert show_estimate(found, unit) == shown


# ---------------------------------------------------------------------- one number


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.9312, "fraction", "93.1"),
        (1.0, "fraction", "100.0"),
        (0.1, "fraction", "10.0"),
        (0.0005, "fraction", "0.050"),  # two figures of what is small: 0.05 %
        (-0.0005, "fraction", "-0.050"),
        (0.0, "fraction", "0.0"),
        (3.21, "points", "3.2"),
        (1234567.0, "count", "1,234,567"),
        (999.0, "bytes", "999 B"),
        (1_000.0, "bytes", "1.0 kB"),
        (3_140_000.0, "bytes", "3.1 MB"),
        (2.5e9, "bytes", "2.5 GB"),
        (5400.0, "seconds", "1.5 h"),
        (90.0, "seconds", "1.5 min"),
        (1.0, "seconds", "1.0 s"),
        (0.0123, "seconds", "12.3 ms"),
        (0.00001, "seconds", "0.000010 s"),
        (12.3456, "", "12.35"),
        (0.012346, "", "0.01235"),
        (12345.6, "", "12,346"),
        (NAN, "fraction", "-"),
        (INF, "bytes", "-"),
    ],
)
def test_a_number_in_a_unit_that_fits(value: float, unit: str, shown: str) -> None:
    assert show_number(value, unit) == shown


def test_there_is_no_minus_zero() -> None:
    assert not show_number(-1e-17, "points").startswith("-")
    assert Scale("fraction", 0.01, 1, "").number(-0.00001) == "0.0"


def test_a_column_has_one_unit_in_which_its_least_value_is_seen() -> None:
    seconds = scale_of([0.5, 7200.0], "seconds")
    # In hours 0.5 s would be 0.0001, less than a hundredth; in minutes 0.008; in seconds 0.5.
    assert (seconds.name, seconds.number(0.5), seconds.number(7200.0)) == ("s", "0.50", "7,200.00")
    close = scale_of([60.0, 7200.0], "seconds")
    assert (close.name, close.number(60.0), close.number(7200.0)) == ("h", "0.017", "2.000")


def test_a_scale_is_made_of_what_is_finite_and_not_zero() -> None:
    wanted = scale_of([2_000.0], "bytes")
    assert scale_of([2_000.0, 0.0, NAN, INF, -2_000.0], "bytes") == wanted
    assert scale_of([], "bytes") == Scale("bytes", 1.0, 0, "B")
    assert scale_of([], "seconds") == Scale("seconds", 1.0, 1, "s")
    assert scale_of([NAN], "") == Scale("", 1.0, 1, "")


def test_digits_show_two_figures_of_the_least_and_four_of_the_most() -> None:
    assert scale_of([0.012, 3.4], "").digits == 3  # 0.012 needs three, 3.400 as well
    assert scale_of([0.0012, 3.4], "").digits == 4
    assert scale_of([1e-20], "").digits == 8  # no more than that


@pytest.mark.parametrize("most", [0.0, 0.00099])
def test_percentages_get_more_digits_only_where_all_are_small(most: float) -> None:
    assert scale_of([most], "fraction").digits == (1 if most == 0 else 3)
    assert scale_of([most, 0.001], "fraction").digits == 1


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        ([0.6914, 1.234], "seconds", ["0.69", "1.23"]),
        ([0.6914, 0.2515], "seconds", ["691.4", "251.5"]),
        ([8.0, 3e8], "bytes", ["8", "300,000,000"]),
        ([2e6, 3e8], "bytes", ["2.0", "300.0"]),
        ([0.08056, 0.1303], "", ["0.0806", "0.1303"]),
        ([0.9314, 0.00042], "fraction", ["93.1", "0.0"]),
        ([-0.00042, 0.0], "fraction", ["-0.042", "0.000"]),
        ([0.0, 90.0], "seconds", ["0.0", "1.5"]),
        ([float("nan")], "seconds", ["-"]),
    ],
)
def test_a_column_has_one_unit_in_which_every_number_has_two_figures(
    values: list[float], unit: str, shown: list[str]
) -> None:
    scale = scale_of(values, unit)
    assert [scale.number(value) for value in values] == shown


# ---------------------------------------------------------------------- intervals and the like


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0.926, 0.937, "93.1 [92.6, 93.7]"),
        (NAN, NAN, "93.1"),
        (0.926, NAN, "93.1"),
        (-INF, 0.937, "93.1"),
    ],
)
def test_an_interval_stands_behind_its_mean_where_it_has_ends(
    low: float, high: float, shown: str
) -> None:
    assert show_interval(0.931, low, high, "fraction") == shown


def test_all_of_an_interval_is_in_the_unit_of_its_mean() -> None:
    assert show_interval(2_000.0, 900.0, 3_100.0, "bytes") == "2.0 [0.9, 3.1] kB"
    assert show_interval(NAN, 0.0, 1.0, "bytes") == "-"


@pytest.mark.parametrize(
    ("p", "shown"),
    [
        (0.04321, "0.0432"),
        (1.0, "1"),
        (0.0001, "0.0001"),
        (0.00009999, "< 0.0001"),
        (0.0, "< 0.0001"),
        (NAN, "-"),
    ],
)
def test_a_p_has_three_figures_and_no_false_exactness(p: float, shown: str) -> None:
    assert show_p(p) == shown


@pytest.mark.parametrize(("level", "shown"), [(0.95, "95 %"), (0.995, "99.5 %"), (1 - 0.1, "90 %")])
def test_a_level_in_percent(level: float, shown: str) -> None:
    assert show_level(level) == shown


@pytest.mark.parametrize(
    ("unit", "name", "higher", "shown"),
    [
        ("fraction", "", True, "% ↑"),
        ("points", "", False, "points ↓"),
        ("seconds", "min", False, "min ↓"),
        ("count", "", False, "↓"),
    ],
)
def test_under_a_name_stand_the_unit_and_the_way_to_go(
    unit: str, name: str, higher: bool, shown: str
) -> None:
    measured: Any = SimpleNamespace(unit=unit, higher_is_better=higher)
    assert show_unit(measured, Scale(unit, 1.0, 1, name)) == shown


def test_without_a_scale_the_unit_is_left_out() -> None:
    measured: Any = SimpleNamespace(unit="seconds", higher_is_better=False)
    assert show_unit(measured) == "↓"


def test_differences_of_fractions_are_points() -> None:
    assert [unit_words(unit) for unit in ("fraction", "points", "bytes")] == [
        " points",
        " points",
        "",
    ]


# ---------------------------------------------------------------------- choosing, and words


@pytest.mark.parametrize(
    ("count", "most", "chosen"),
    [(0, 3, []), (1, 3, [0]), (3, 3, [0, 1, 2]), (5, 3, [0, 2, 4]), (100, 2, [0, 99])],
)
def test_some_of_many_evenly_with_both_ends(count: int, most: int, chosen: list[int]) -> None:
    assert spread_out(count, most) == chosen


@pytest.mark.parametrize("count", [7, 10, 99, 1000])
def test_what_is_spread_out_is_ascending_and_no_more_than_asked_for(count: int) -> None:
    chosen = spread_out(count, 6)
    assert chosen == sorted(set(chosen))
    assert (chosen[0], chosen[-1], len(chosen)) == (0, count - 1, 6)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("none", "none"),
        (None, "null"),
        (True, "true"),
        ([1, 2], "[1, 2]"),
        ({"b": 1, "a": 2}, '{"a": 2, "b": 1}'),
    ],
)
def test_a_value_of_a_suite_in_a_sentence(value: Any, words: str) -> None:
    assert value_words(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"mlp": {"hidden": [100]}}, "mlp(hidden=[100])"),
        (["split", {"tasks": 5, "order": "fixed"}], "split(tasks=5, order=fixed)"),
        ({"mlp": {}}, "mlp"),
        ({"a": 1, "b": 2}, '{"a": 1, "b": 2}'),
        ({"a": 1}, '["a", 1]'),
        (["a", "b"], '["a", "b"]'),
        ("fp32", "fp32"),
        (32, "32"),
    ],
)
def test_a_choice_is_a_name_with_its_options(value: Any, words: str) -> None:
    assert choice_words(value) == words
