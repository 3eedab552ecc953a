"""Tests within scenarios by design: sign flips and paired t, adjusted over partitions, by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from clbench.report.contest import BASELINE, Within
from clbench.report.runs import Runs
from clbench.report.within_by_design import omnibus_of, within
from clbench.stats.by_design import HOLM, JOINT, PARTITIONS
from clbench.stats.paired import PAIRED_T
from clbench.stats.questions import SIGNED_RANKS, STRONGEST_PAIR, Answer
from tests.report.built import pair_of, rules_of, runs_of, scenarios_of, untested_pair


def found_in(*runs: Runs, **changes: Any) -> Within:
    return within(scenarios_of(*runs), rules_of(**changes))


def flips(delta: Any) -> float:
    """The share of all patterns of signs whose mean is as far from 0."""
    patterns = np.array(list(itertools.product([1, -1], repeat=len(delta))))
    far = abs(patterns @ delta) >= abs(np.sum(delta)) - 1e-12
    return float(far.mean())


# ---------------------------------------------------------------------- one pair

DELTA = np.array([0.04, 0.03, -0.01, 0.02, 0.05, 0.01, 0.02])


def two(delta: Any = DELTA, scenario: str = "split") -> list[Runs]:
    base = 0.5 + 0.01 * np.arange(len(delta))
    return [runs_of("a", base + delta, scenario), runs_of("b", base, scenario)]


def test_seven_seeds_are_tested_by_all_patterns_of_signs() -> None:
    found = found_in(*two())
    (pair,) = found.pairs
    # Of 128 patterns only the flips of -0.01 and of 0.01 leave the sum at 0.16 or more.
    assert pair.p == pytest.approx(flips(DELTA))
    assert (pair.smallest_p, pair.exact) == (2 / 2**7, True)
    assert pair.statistic == pytest.approx(DELTA.mean())
    assert (pair.p_adjusted, pair.verdict) == (pair.p, "a better")
    assert found.corrections == {"split": JOINT}


def test_five_seeds_are_tested_by_students_t() -> None:
    (pair,) = found_in(*two(DELTA[:5])).pairs
    expected = stats.ttest_1samp(DELTA[:5], 0)
    assert pair.test == PAIRED_T
    assert (pair.statistic, pair.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert not pair.exact


def test_a_lower_alpha_wants_more_patterns() -> None:
    """2 / 2^7 is 0.0156: at alpha = 0.01 seven seeds are too few for signs."""
    (pair,) = found_in(*two(), alpha=0.01).pairs
    assert pair.test == PAIRED_T


@pytest.mark.parametrize("size", [1, 2])
def test_one_or_two_seeds_are_not_tested(size: int) -> None:
    found = found_in(*two(DELTA[:size]))
    (pair,) = found.pairs
    assert (pair.n, pair.is_tested, pair.better) == (size, False, 0)
    assert pair.verdict == "too few seeds in common"
    assert found.omnibus == ()


def test_with_a_failed_run_signed_ranks_are_flipped() -> None:
    a, b = two()
    failed = runs_of("a", a.value, failed=[2])
    (pair,) = found_in(failed, b).pairs
    # Sizes of the others in order: 0.01, two of 0.02 that share 2.5, 0.03, 0.04, 0.05; then 7.
    steps = np.array([5, 4, -7, 2.5, 6, 1, 2.5])
    assert pair.test == SIGNED_RANKS
    assert pair.statistic == pytest.approx(steps.mean())
    assert pair.p == pytest.approx(flips(steps))


def test_of_two_the_test_of_all_is_that_of_the_pair() -> None:
    found = found_in(*two())
    (omnibus,) = found.omnibus
    assert (omnibus.p, omnibus.strategies, omnibus.blocks) == (found.pairs[0].p, 2, 7)


# ---------------------------------------------------------------------- a family


def several(names: str, seeds: int, scenario: str = "split") -> list[Runs]:
    """Each better than the one before by two of its own deviations."""
    rng = np.random.default_rng(11)
    runs = []
    for k, name in enumerate(names):
        values = 0.5 + 0.02 * k + 0.01 * rng.normal(size=seeds)
        runs.append(runs_of(name, values, scenario))
    return runs


def t_test(a: Runs, b: Runs) -> float:
    return float(stats.ttest_rel(a.value, b.value).pvalue)


def test_three_strategies_are_closed_over_their_partitions() -> None:
    """{ab}, {ac}, {bc} are tested by their own pair, {abc} by the omnibus test: so each pair has
    the larger of its own p and that one.
    """
    runs = several("abc", 5)
    found = found_in(*runs)
    assert found.corrections == {"split": PARTITIONS}
    gate = found.omnibus[0].p
    for pair, (a, b) in zip(found.pairs, itertools.combinations(runs, 2), strict=True):
        assert pair.p == pytest.approx(t_test(a, b))
        assert pair.p_adjusted == pytest.approx(max(pair.p, gate))


def test_of_four_strategies_two_pairs_may_be_equal_at_once() -> None:
    """a pair's partitions: its own, with the other pair apart (times 2), in threes, and all."""
    runs = several("abcd", 5)
    found = found_in(*runs)
    p = {frozenset((pair.a, pair.b)): pair.p for pair in found.pairs}
    gate = found.omnibus[0].p
    for pair in found.pairs:
        own = frozenset((pair.a, pair.b))
        rest = frozenset("abcd") - own
        local = [p[own], 2 * min(p[own], p[rest]), gate]
        for third in rest:
            inside = own | {third}
            local.append(3 * min(value for names, value in p.items() if names <= inside))
        assert pair.p_adjusted == pytest.approx(min(1, max(local)))


def test_many_seeds_are_flipped_together() -> None:
    found = found_in(*several("abc", 9))
    assert found.corrections == {"split": JOINT}
    assert found.omnibus[0].test == STRONGEST_PAIR
    strongest = min(pair.p_adjusted for pair in found.pairs)
    assert found.omnibus[0].p == pytest.approx(strongest)
    assert all(pair.p_adjusted >= pair.p for pair in found.pairs)


def test_comparisons_with_a_baseline_are_adjusted_by_holm() -> None:
    runs = several("abcd", 5)
    found = found_in(*runs, baseline="b", family=BASELINE)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("a", "b"), ("b", "c"), ("b", "d")]
    assert found.corrections == {"split": HOLM}
    p = np.array([pair.p for pair in found.pairs])
    order = np.argsort(p)
    holm = np.empty(3)
    holm[order] = np.minimum(np.maximum.accumulate(p[order] * [3, 2, 1]), 1)
    assert [pair.p_adjusted for pair in found.pairs] == pytest.approx(holm.tolist())


def test_a_baseline_that_is_not_here_leaves_every_pair() -> None:
    runs = several("abc", 5)
    found = found_in(*runs, baseline="elsewhere", family=BASELINE)
    assert len(found.pairs) == 3


def test_pairs_that_cannot_be_tested_cost_the_others_nothing() -> None:
    """Tarone: c has two seeds, which can show nothing."""
    a, b = two()
    c = runs_of("c", [0.1, 0.2])
    with_c, without = found_in(a, b, c), found_in(a, b)
    assert with_c.pairs[0].p_adjusted == without.pairs[0].p_adjusted
    assert [pair.is_tested for pair in with_c.pairs] == [True, False, False]
    # One pair was tested, and its p is the test of all there is.
    assert with_c.omnibus == without.omnibus


# ---------------------------------------------------------------------- scenarios


def test_two_scenarios_of_a_pair_each_are_adjusted_as_by_holm() -> None:
    clear, weak = DELTA + 0.05, DELTA
    found = found_in(*two(clear, "one"), *two(weak, "two"))
    smaller, larger = (flips(delta) for delta in (clear, weak))
    adjusted = [pair.p_adjusted for pair in found.pairs]
    assert adjusted == pytest.approx([2 * smaller, max(larger, 2 * smaller)])
    assert [one.scenario for one in found.omnibus] == ["one", "two"]


def test_a_strategy_that_is_not_on_a_scenario_has_no_pair_there() -> None:
    runs = [*several("abc", 5, "one"), *several("ab", 5, "two")]
    found = found_in(*runs)
    names = [(pair.scenario, pair.a + pair.b) for pair in found.pairs]
    assert names == [("one", "ab"), ("one", "ac"), ("one", "bc"), ("two", "ab")]


def test_without_scenarios_there_is_nothing() -> None:
    assert within({}, rules_of()) == Within((), (), {})


def test_the_order_of_strategies_turns_pairs_round() -> None:
    runs = several("abc", 5)
    there = {frozenset((one.a, one.b)): one for one in found_in(*runs).pairs}
    for back in found_in(*reversed(runs)).pairs:
        one = there[frozenset((back.a, back.b))]
        assert back.p_adjusted == pytest.approx(one.p_adjusted)
        assert back.winner == one.winner
        assert back.difference == pytest.approx(-one.difference)


# ---------------------------------------------------------------------- the test of all


def test_without_a_test_of_all_a_single_tested_pair_stands_for_it() -> None:
    nothing = Answer(None, HOLM, ())
    tested, untested = pair_of(p=0.2), untested_pair("a", "c", n=2)
    (one,) = omnibus_of("split", nothing, [untested, tested])
    assert (one.p, one.strategies) == (0.2, 2)
    assert list(omnibus_of("split", nothing, [tested, pair_of("b", "c")])) == []
    assert list(omnibus_of("split", nothing, [untested])) == []
