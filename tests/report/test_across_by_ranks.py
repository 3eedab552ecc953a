"""The comparison over scenarios by ranks, beside scipy and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from clbench.report.across import Across
from clbench.report.across_by_ranks import across, means_over_scenarios
from clbench.report.contenders import Contenders, contenders_of
from clbench.report.contest import LIKE_THESE, RANKS, Rules
from clbench.report.runs import Runs
from clbench.report.within_by_ranks import within
from clbench.stats.design import FRIEDMAN, NEMENYI
from clbench.stats.several import critical_difference
from tests.report.built import rules_of, runs_of, scenarios_of

SCENARIOS = 6
# How far a is ahead of b on each scenario, in percent: 7 of 8 and every rank of its own.
AHEAD = (5, 4, -1, 3, 6, 2)


def by_ranks(**changes: Any) -> Rules:
    return rules_of(tests=RANKS, **changes)


def contenders_with(runs: list[Runs], rules: Rules) -> Contenders:
    by_scenario = scenarios_of(*runs)
    found, _ = contenders_of(by_scenario, within(by_scenario, rules).pairs)
    assert found is not None
    return found


def answer(runs: list[Runs], **changes: Any) -> Across:
    rules = by_ranks(**changes)
    (found,) = across(contenders_with(runs, rules), rules)
    return found


def two(ahead: Any = AHEAD, seeds: int = 4, **changes: Any) -> list[Runs]:
    """Two strategies, a as much ahead of b on each scenario at every seed."""
    noise = np.linspace(-0.02, 0.02, seeds)
    runs = []
    for s, gap in enumerate(ahead):
        base = 0.5 + 0.01 * s + noise
        runs.append(runs_of("a", base + gap / 100, f"s{s}", **changes))
        runs.append(runs_of("b", base, f"s{s}", **changes))
    return runs


def several(centres: Any, seeds: int = 3) -> list[Runs]:
    """`centres [scenarios, strategies]`, the same noise for all."""
    noise = np.linspace(-0.001, 0.001, seeds)
    runs = []
    for s, here in enumerate(centres):
        for name, centre in zip("abcdef", here, strict=False):
            runs.append(runs_of(name, centre + noise, f"s{s}"))
    return runs


# ---------------------------------------------------------------------- two strategies


def test_two_are_tested_by_the_signed_ranks_of_how_far_one_is_ahead() -> None:
    found = answer(two())
    expected = stats.wilcoxon(AHEAD, method="exact")
    (pair,) = found.pairs
    assert (pair.statistic, pair.p) == (expected.statistic, expected.pvalue)
    assert pair.p_adjusted == pair.p
    assert (pair.n, pair.scenario, pair.question) == (SCENARIOS, None, LIKE_THESE)
    assert (pair.a, pair.b, pair.better) == ("a", "b", 1)


def test_of_two_the_test_of_all_is_that_of_the_pair() -> None:
    found = answer(two())
    assert found.omnibus is not None
    assert found.omnibus.p == found.pairs[0].p
    assert (found.omnibus.strategies, found.omnibus.blocks) == (2, SCENARIOS)
    assert (found.correction, np.isnan(found.critical_difference)) == ("none", True)


def test_the_difference_is_the_mean_over_scenarios() -> None:
    (pair,) = answer(two()).pairs
    assert pair.difference == pytest.approx(np.mean(AHEAD) / 100)
    assert pair.ci_low < pair.difference < pair.ci_high
    # 19 points is no larger than a spread of 7: no interval of six scenarios is shorter than this.
    assert pair.ci_high - pair.ci_low > 0.02


def test_paired_runs_are_resampled_in_pairs_and_independent_ones_each_by_itself() -> None:
    """Seeds vary by 40 points, and at each of them a is ahead by 2."""
    runs = []
    for s in range(SCENARIOS):
        base = np.linspace(0.3, 0.7, 5)
        runs += [runs_of("a", base + 0.02, f"s{s}"), runs_of("b", base, f"s{s}")]
    (pair,) = answer(runs).pairs
    assert (pair.ci_low, pair.ci_high) == pytest.approx((0.02, 0.02))
    (pair,) = answer(runs, unpaired=True).pairs
    assert pair.ci_low < 0 < 0.05 < pair.ci_high


def test_of_four_scenarios_the_interval_is_students() -> None:
    ahead = (5, 4, -1, 3)
    (pair,) = answer(two(ahead)).pairs
    expected = stats.ttest_1samp(np.divide(ahead, 100), 0).confidence_interval(0.95)
    assert (pair.ci_low, pair.ci_high) == pytest.approx((expected.low, expected.high))


def test_two_scenarios_say_nothing_of_a_third() -> None:
    (pair,) = answer(two((5, 4))).pairs
    assert np.isnan([pair.ci_low, pair.ci_high]).all()
    assert pair.difference == pytest.approx(0.045)


def test_where_one_is_always_ahead_p_is_the_smallest_there_is() -> None:
    (pair,) = answer(two((1, 2, 3, 4, 5, 6))).pairs
    assert pair.p == pair.smallest_p == 2 / 2**SCENARIOS
    assert pair.verdict == "a better"


def test_the_order_of_strategies_turns_the_pair_round() -> None:
    there = answer(two()).pairs[0]
    back = answer(two()[::-1][: 2 * SCENARIOS]).pairs[0]
    assert (back.a, back.b) == ("b", "a")
    assert back.p == there.p
    assert back.difference == pytest.approx(-there.difference)
    assert back.effect == pytest.approx(1 - there.effect)


def test_where_most_runs_of_a_failed_it_is_behind_whatever_it_reached() -> None:
    runs = []
    for s in range(SCENARIOS):
        runs.append(runs_of("a", [0.9] * 5, f"s{s}", failed=[0, 1, 2, 3]))
        runs.append(runs_of("b", [0.5] * 5, f"s{s}"))
    (pair,) = answer(runs).pairs
    assert (pair.better, pair.verdict) == (-1, "b better")
    assert pair.p == 2 / 2**SCENARIOS


def test_independent_runs_are_ahead_by_the_median_of_all_differences() -> None:
    """Seeds differ, so nothing can be paired."""
    runs = []
    for s, gap in enumerate(AHEAD):
        base = 0.5 + np.array([0.0, 0.001, 0.002])
        runs.append(runs_of("a", base + gap / 100, f"s{s}", seeds=[1, 2, 3]))
        runs.append(runs_of("b", base, f"s{s}", seeds=[7, 8, 9]))
    (pair,) = answer(runs, unpaired=True).pairs
    assert pair.p == stats.wilcoxon(AHEAD, method="exact").pvalue
    assert pair.difference == pytest.approx(np.mean(AHEAD) / 100)


# ---------------------------------------------------------------------- more than two

# Of four scenarios; a is first on three of them.
CENTRES = np.array([[0.9, 0.8, 0.7], [0.9, 0.7, 0.8], [0.9, 0.8, 0.7], [0.7, 0.8, 0.9]])
# The ranks of these rows: [1 2 3], [1 3 2], [1 2 3], [3 2 1].
AVERAGE = (6 / 4, 9 / 4, 9 / 4)


def test_average_ranks_are_over_scenarios() -> None:
    found = answer(several(CENTRES))
    ranks = {rank.strategy: rank.average_rank for rank in found.ranks}
    assert [ranks[name] for name in "abc"] == pytest.approx(AVERAGE)


def test_all_are_tested_by_friedman() -> None:
    found = answer(several(CENTRES)).omnibus
    expected = stats.friedmanchisquare(*CENTRES.T)
    assert found is not None
    assert (found.test, found.statistic) == (FRIEDMAN, pytest.approx(expected.statistic))
    assert (found.strategies, found.blocks, found.exact) == (3, 4, True)
    # Iman and Davenport: (N - 1) chi2 / (N (k - 1) - chi2), on k - 1 and (k - 1)(N - 1) degrees.
    chi2 = expected.statistic
    assert found.f == pytest.approx(3 * chi2 / (4 * 2 - chi2))
    assert found.f_df == (2, 6)
    assert found.f_p == pytest.approx(stats.f.sf(found.f, 2, 6))


def test_pairs_are_tested_by_nemenyi() -> None:
    found = answer(several(CENTRES))
    assert found.correction == NEMENYI
    assert found.critical_difference == critical_difference(3, 4, 0.05)
    gaps = {("a", "b"): 3 / 4, ("a", "c"): 3 / 4, ("b", "c"): 0.0}
    for pair in found.pairs:
        gap = gaps[pair.a, pair.b]
        assert pair.statistic == pytest.approx(gap)
        # The standard error of a difference of average ranks is sqrt(k (k + 1) / 6 N).
        q = gap / np.sqrt(3 * 4 / (6 * 4)) * np.sqrt(2)
        assert pair.p == pytest.approx(stats.studentized_range.sf(q, 3, np.inf), abs=1e-6)
        assert pair.p_adjusted == pair.p
        assert pair.better == np.sign(gap)


def test_no_nemenyi_p_is_below_that_of_always_first_against_always_last() -> None:
    alike = answer(several(np.tile([0.9, 0.8, 0.7], (8, 1))))
    first_last = next(pair for pair in alike.pairs if (pair.a, pair.b) == ("a", "c"))
    assert first_last.p == pytest.approx(first_last.smallest_p)
    assert first_last.verdict == "a better"
    assert all(pair.smallest_p == first_last.smallest_p for pair in alike.pairs)


def test_even_strategies_share_their_ranks() -> None:
    found = answer(several(np.full((4, 3), 0.5)))
    assert {rank.average_rank for rank in found.ranks} == {2.0}
    assert {pair.p for pair in found.pairs} == {1.0}
    assert {pair.better for pair in found.pairs} == {0}


def test_another_strategy_moves_nobody_ahead_of_another() -> None:
    """Ranks are of pairs within a scenario, so c cannot swap a and b."""
    for scale in (0.0, 1.0):
        centres = np.column_stack([CENTRES[:, :2], np.full(4, scale)])
        ranks = {rank.strategy: rank.average_rank for rank in answer(several(centres)).ranks}
        assert ranks["a"] < ranks["b"]


def test_signed_ranks_say_who_is_ahead_and_of_independent_runs_the_effect() -> None:
    """a is ahead of b by 1 at four seeds, and behind by 35 at the last."""
    b = np.array([0.0, 10, 20, 30, 40])
    a = b + np.array([1, 1, 1, 1, -35])
    # Signed ranks: 4 x 2.5 against 5. Of the 25 pairs of runs a wins 1 + 2 + 3 + 4 + 1 = 11.
    runs = []
    for scenario in ("one", "two"):
        for name, values in (("a", a), ("b", b), ("c", b - 100)):
            runs.append(runs_of(name, values, scenario))
    paired = {rank.strategy: rank.average_rank for rank in answer(runs).ranks}
    assert paired == {"a": 1, "b": 2, "c": 3}
    apart = {rank.strategy: rank.average_rank for rank in answer(runs, unpaired=True).ranks}
    assert apart == {"a": 2, "b": 1, "c": 3}


# ---------------------------------------------------------------------- means


def test_means_are_over_the_seeds_that_all_have() -> None:
    runs = []
    for scenario in ("one", "two", "three"):
        runs.append(runs_of("a", [0.1, 0.5, 0.5], scenario, seeds=[0, 1, 2]))
        runs.append(runs_of("b", [0.7, 0.7], scenario, seeds=[1, 2]))
    rules = by_ranks()
    means = means_over_scenarios(contenders_with(runs, rules), rules)
    assert means["a"][0] == pytest.approx(0.5)
    unpaired = by_ranks(unpaired=True)
    means = means_over_scenarios(contenders_with(runs, unpaired), unpaired)
    assert means["a"][0] == pytest.approx(1.1 / 3)


def test_no_mean_lies_beyond_the_limits_of_its_metric() -> None:
    values = (0.99, 1.0, 0.8)
    runs = []
    for s, value in enumerate(values):
        runs.append(runs_of("a", [value] * 2, f"s{s}", limits=(0.0, 1.0)))
        runs.append(runs_of("b", [value] * 2, f"s{s}"))
    rules = by_ranks()
    means = means_over_scenarios(contenders_with(runs, rules), rules)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (means["b"][1].low, means["b"][1].high) == pytest.approx((interval.low, interval.high))
    assert means["a"][1].high == 1.0 < interval.high


def test_who_finished_nothing_on_a_scenario_has_no_mean() -> None:
    runs = two((5, 4, 3))
    runs[0] = runs_of("a", [0.5] * 4, "s0", failed=[0, 1, 2, 3])
    rules = by_ranks()
    mean, interval = means_over_scenarios(contenders_with(runs, rules), rules)["a"]
    assert np.isnan([mean, interval.low, interval.high]).all()
    assert interval.method == "none"


def test_resampled_intervals_are_the_same_every_time() -> None:
    first, again = answer(two()), answer(two())
    assert first == again
    assert answer(two(), seed=1).pairs[0].ci_low != first.pairs[0].ci_low
