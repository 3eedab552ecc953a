"""How large differences are: means, effects, seeds won and intervals, beside scipy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from clbench.report.contest import NAN, Pair
from clbench.report.runs import Runs
from clbench.report.sizes import Apart, by_name, paired_sizes, unpaired_sizes, with_sizes
from clbench.stats.intervals import NONE, STUDENT, WELCH
from clbench.stats.proportions import wilson
from tests.report.built import pair_of, rules_of, runs_of, untested_pair

A = (0.9, 0.8, 0.7, 0.6, 0.75)
B = (0.8, 0.8, 0.6, 0.7, 0.65)
APART = np.subtract(A, B)  # 0.1, 0, 0.1, -0.1, 0.1


def sized(*runs: Runs, unpaired: bool = False, pair: Pair | None = None, **rules: Any) -> Pair:
    """The first two of these, with sizes."""
    make = unpaired_sizes if unpaired else paired_sizes
    first, second = runs[:2]
    pair = pair or pair_of(first.strategy, second.strategy)
    (found,) = make([pair], by_name([runs]), rules_of(unpaired=unpaired, **rules))
    return found


def two(**changes: Any) -> tuple[Runs, Runs]:
    return runs_of("a", A, **changes), runs_of("b", B, **changes)


def students(values: Any, level: float) -> tuple[float, float]:
    interval = stats.ttest_1samp(values, 0).confidence_interval(level)
    return interval.low, interval.high


# ---------------------------------------------------------------------- paired by seed


def test_the_difference_is_the_mean_over_seeds_with_students_interval() -> None:
    found = sized(*two())
    assert found.difference == pytest.approx((0.1 + 0 + 0.1 - 0.1 + 0.1) / 5)
    assert (found.ci_low, found.ci_high) == pytest.approx(students(APART, 0.95))
    assert found.interval == STUDENT


def test_the_effect_is_the_share_of_all_runs_that_are_higher() -> None:
    # U counts the 25 pairs of runs in which a is higher, ties half.
    u = stats.mannwhitneyu(A, B).statistic
    assert sized(*two()).effect == pytest.approx(u / 25)


def test_seeds_are_won_lost_or_even() -> None:
    found = sized(*two())
    assert (found.won, found.lost) == (3, 1)
    # The tie is half a seed won.
    assert (found.won_low, found.won_high) == wilson(3.5, 5)


def test_only_seeds_that_both_have_are_compared() -> None:
    a = runs_of("a", [0.9, 0.8, 0.7], seeds=[1, 2, 3])
    b = runs_of("b", [0.5, 0.6, 0.1], seeds=[2, 3, 4])
    found = sized(a, b)
    assert found.difference == pytest.approx((0.3 + 0.1) / 2)
    assert (found.won, found.lost) == (2, 0)


def test_a_failed_run_loses_its_seed_and_has_no_part_in_the_mean() -> None:
    a = runs_of("a", [0.9, 0.8, 0.7], failed=[0])
    b = runs_of("b", [0.1, 0.2, 0.3])
    found = sized(a, b)
    assert found.difference == pytest.approx((0.6 + 0.4) / 2)
    assert (found.won, found.lost) == (2, 1)
    # Of nine pairs of runs the failed one loses three, the others win six.
    assert found.effect == pytest.approx(6 / 9)


def test_two_runs_that_failed_are_even() -> None:
    a, b = runs_of("a", [0.9, 0.5], failed=[0]), runs_of("b", [0.9, 0.4], failed=[0])
    found = sized(a, b)
    assert (found.won, found.lost) == (1, 0)
    assert found.difference == pytest.approx(0.1)
    assert np.isnan(found.ci_low)  # one difference says nothing of the spread
    assert found.interval == NONE


def test_where_less_is_better_the_difference_is_a_minus_b_all_the_same() -> None:
    a = runs_of("a", [3.0, 4.0], sign=-1, unit="seconds")
    b = runs_of("b", [1.0, 1.0], sign=-1, unit="seconds")
    found = sized(a, b)
    assert found.difference == pytest.approx(2.5)
    assert (found.won, found.effect) == (0, 0.0)


def test_without_common_seeds_there_is_no_size() -> None:
    a, b = runs_of("a", [0.9], seeds=[1]), runs_of("b", [0.5], seeds=[2])
    found = sized(a, b, pair=untested_pair())
    sizes = (found.difference, found.effect, found.ci_low, found.won_low, found.together_low)
    assert np.isnan(sizes).all()
    assert (found.won, found.lost) == (0, 0)


def test_turned_round_sizes_are_turned_round() -> None:
    a, b = two()
    there, back = sized(a, b), sized(b, a).turned()
    for field in ("difference", "effect", "ci_low", "ci_high", "won", "lost", "won_low"):
        assert getattr(there, field) == pytest.approx(getattr(back, field)), field


def test_intervals_follow_alpha() -> None:
    found = sized(*two(), alpha=0.2)
    assert (found.ci_low, found.ci_high) == pytest.approx(students(APART, 0.8))


def test_intervals_of_the_family_hold_together_by_bonferroni() -> None:
    runs = [runs_of("a", A), runs_of("b", B), runs_of("c", [0.5] * 5)]
    pairs = [pair_of("a", "b"), pair_of("a", "c"), untested_pair("b", "c", n=5)]
    found, *_ = paired_sizes(pairs, by_name([runs]), rules_of())
    # Two pairs were tested, so each has half of alpha.
    ends = students(APART, 1 - 0.05 / 2)
    assert (found.together_low, found.together_high) == pytest.approx(ends)


def test_pairs_of_different_lengths_keep_their_order() -> None:
    long, short = runs_of("a", A), runs_of("b", B)
    other = runs_of("c", [0.5, 0.6, 0.8], seeds=[0, 1, 2])
    pairs = [pair_of("a", "b"), pair_of("a", "c"), pair_of("b", "a")]
    known = by_name([[long, short, other]])
    found = paired_sizes(pairs, known, rules_of())
    assert [(one.a, one.b) for one in found] == [("a", "b"), ("a", "c"), ("b", "a")]
    for one in found:
        alone = paired_sizes([one], known, rules_of())[0]
        assert (one.ci_low, one.ci_high) == (alone.ci_low, alone.ci_high)


def test_scenarios_are_kept_apart() -> None:
    one = [runs_of("a", [0.9], "one"), runs_of("b", [0.5], "one")]
    two_ = [runs_of("a", [0.1], "two"), runs_of("b", [0.5], "two")]
    pairs = [pair_of(scenario="one"), pair_of(scenario="two")]
    found = paired_sizes(pairs, by_name([one, two_]), rules_of())
    assert [pair.difference for pair in found] == pytest.approx([0.4, -0.4])


# ---------------------------------------------------------------------- equivalence


def one_sided(values: Any, rope: float) -> float:
    """The larger p of the two one-sided t tests."""
    above = stats.ttest_1samp(values, -rope, alternative="greater").pvalue
    below = stats.ttest_1samp(values, rope, alternative="less").pvalue
    return max(above, below)


def test_equivalence_is_by_two_one_sided_tests() -> None:
    found = sized(*two(), rope=0.12, correction="none")
    assert found.equivalence_p == pytest.approx(one_sided(APART, 0.12))


def test_without_a_region_nobody_asks_for_equivalence() -> None:
    assert np.isnan(sized(*two()).equivalence_p)
    assert np.isnan(sized(*two(), unpaired=True).equivalence_p)


@pytest.mark.parametrize("unpaired", [False, True])
def test_with_a_failed_run_nothing_is_equivalent(unpaired: bool) -> None:
    a, b = runs_of("a", A, failed=[1]), runs_of("b", A)
    found = sized(a, b, unpaired=unpaired, rope=0.5, correction="none")
    assert found.equivalence_p == 1.0


def test_few_seeds_have_no_smaller_p_than_their_signs() -> None:
    a, b = runs_of("a", [0.5, 0.6, 0.7]), runs_of("b", [0.5, 0.6, 0.7])
    # Differences of nothing, and only 2^3 patterns of signs.
    assert sized(a, b, rope=0.1, correction="none").equivalence_p == 1 / 8


def test_equivalence_is_a_family_of_its_own() -> None:
    runs = [runs_of("a", A), runs_of("b", B), runs_of("c", A)]
    pairs = [pair_of("a", "b"), pair_of("a", "c")]
    found = paired_sizes(pairs, by_name([runs]), rules_of(rope=0.12, correction="bonferroni"))
    expected = [2 * one_sided(APART, 0.12), 2 * 0.5**5]
    assert [pair.equivalence_p for pair in found] == pytest.approx(expected)


# ---------------------------------------------------------------------- independent runs


def test_independent_runs_have_welchs_interval() -> None:
    a, b = runs_of("a", A), runs_of("b", [0.3, 0.5, 0.45])
    found = sized(a, b, unpaired=True)
    test = stats.ttest_ind(A, b.value, equal_var=False)
    interval = test.confidence_interval(0.95)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))
    assert found.difference == pytest.approx(np.mean(A) - np.mean(b.value))
    assert (found.interval, found.effect) == (WELCH, 1.0)


def test_of_independent_runs_failed_ones_count_in_the_effect_alone() -> None:
    a, b = runs_of("a", [0.9, 0.8, 0.7], failed=[2]), runs_of("b", [0.1, 0.2])
    found = sized(a, b, unpaired=True)
    assert found.difference == pytest.approx(0.85 - 0.15)
    assert found.effect == pytest.approx(4 / 6)


def test_independent_runs_are_equivalent_by_welchs_errors() -> None:
    found = sized(*two(), unpaired=True, rope=0.2, correction="none")
    shifted = np.add(B, 0.2)
    below = stats.ttest_ind(A, shifted, equal_var=False, alternative="less").pvalue
    above = stats.ttest_ind(A, np.subtract(B, 0.2), equal_var=False, alternative="greater").pvalue
    assert found.equivalence_p == pytest.approx(max(below, above))


def test_intervals_of_independent_runs_hold_together_too() -> None:
    runs = [runs_of("a", A), runs_of("b", B), runs_of("c", A)]
    pairs = [pair_of("a", "b"), pair_of("a", "c"), pair_of("b", "c")]
    found = unpaired_sizes(pairs, by_name([runs]), rules_of(unpaired=True))[0]
    interval = stats.ttest_ind(A, B, equal_var=False).confidence_interval(1 - 0.05 / 3)
    together = (found.together_low, found.together_high)
    assert together == pytest.approx((interval.low, interval.high))


# ---------------------------------------------------------------------- sizes at hand


def test_sizes_at_hand_are_taken_as_they_are() -> None:
    apart = Apart(np.array([0.2, -np.inf, 0.4]), np.array([0.2, 0.4]), 0.9)
    (found,) = with_sizes([pair_of()], [apart], rules_of(rope=0.5))
    assert (found.effect, found.won, found.lost) == (0.9, 2, 1)
    assert found.difference == pytest.approx(0.3)
    assert found.equivalence_p == 1.0  # a run failed


def test_a_pair_needs_sizes_and_is_not_changed_itself() -> None:
    pair = pair_of(effect=NAN)
    with pytest.raises(ValueError, match="zip"):
        with_sizes([pair], [], rules_of())
    apart = Apart(np.array([0.2]), np.array([0.2]), 0.9)
    assert with_sizes([pair], [apart], rules_of())[0].effect == 0.9
    assert np.isnan(pair.effect)
    assert with_sizes([], [], rules_of()) == []
