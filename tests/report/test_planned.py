"""What the design asked for, and what it can find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from clbench.report.across import Across
from clbench.report.contest import BASELINE, NAN, THESE
from clbench.report.findings_of_design import Chance, Untested
from clbench.report.planned import chances, designed_tests
from clbench.stats.by_design import FEWEST_FOR_T, FLIPS, HOLM, JOINT, PARTITIONS, STUDENT
from clbench.stats.paired import PAIRED_T
from clbench.stats.questions import SIGNED_RANKS
from tests.report.built import (
    comparison_of,
    omnibus_of,
    pair_of,
    rules_of,
    runs_of,
    scenarios_of,
    untested_pair,
)

THREE = scenarios_of(*(runs_of(name, [0.5] * 10) for name in "abc"))


def flipped(a: str = "a", b: str = "b", n: int = 10, **changes: Any) -> Any:
    return pair_of(a, b, n=n, test="sign flips of the mean, exact", **changes)


def student(a: str = "a", b: str = "b", n: int = 5, **changes: Any) -> Any:
    return pair_of(a, b, n=n, test=PAIRED_T, **changes)


def by_ranks(a: str = "a", b: str = "b", **changes: Any) -> Any:
    return pair_of(a, b, test=SIGNED_RANKS, **changes)


def designed(*pairs: Any, by_scenario: Any = THREE, **changes: Any) -> Any:
    return designed_tests(comparison_of(by_scenario, pairs, **changes))


# ---------------------------------------------------------------------- the tests


def test_pairs_are_told_by_their_tests_and_sizes() -> None:
    found = designed(flipped(n=12), flipped("a", "c", n=9), student("b", "c"), by_ranks(n=7))
    assert (found.flipped, found.students, found.by_ranks) == ((9, 12), (5,), True)
    assert (found.family, found.scenarios, found.alpha) == (4, 1, 0.05)
    only = designed(flipped(), flipped("a", "c"))
    assert (only.flipped, only.students, only.by_ranks) == ((10,), (), False)


def test_pairs_that_were_not_tested_are_not_told() -> None:
    found = designed(flipped(), untested_pair("a", "c", n=2))
    assert (found.family, found.flipped) == (1, (10,))
    assert designed().family == 0


def test_a_scenario_without_tested_pairs_is_not_counted() -> None:
    corrections = {"one": JOINT, "two": PARTITIONS, "three": JOINT, "four": HOLM}
    pairs = [flipped(scenario=name) for name in ("one", "two", "three")]
    found = designed(*pairs, untested_pair(scenario="four"), corrections=corrections)
    assert found.scenarios == 3
    assert found.corrections == (JOINT, PARTITIONS)


def test_the_test_of_all_is_of_three_at_least() -> None:
    tests = [omnibus_of(test="one"), omnibus_of(test="two", strategies=2), omnibus_of(test="one")]
    assert designed(flipped(), omnibus=tests).omnibus == ("one",)


def test_the_baseline_is_told_where_it_is_the_family() -> None:
    assert designed(rules=rules_of(baseline="a")).baseline is None
    assert designed(rules=rules_of(baseline="a", family=BASELINE)).baseline == "a"


def test_the_reason_is_that_of_the_scenario_with_most_strategies() -> None:
    by_scenario = {**scenarios_of(runs_of("a", [0.5], "one")), **THREE}
    assert designed(by_scenario=by_scenario).reason.startswith("3 strategies ran on the same seeds")
    assert designed(by_scenario={}).reason == "there is nothing to test with one strategy"


def test_over_scenarios_each_kind_of_test_is_named_once() -> None:
    pairs = (student(), flipped(), student(), untested_pair(), by_ranks())
    one = Across(THESE, None, JOINT, NAN, (), pairs)
    (over,) = designed(over=[one]).over
    assert over.tests == (STUDENT, FLIPS, SIGNED_RANKS)
    assert (over.question, over.correction, over.scenarios) == (THESE, JOINT, 1)


# ---------------------------------------------------------------------- what can be found


def chance_of(*pairs: Any, **changes: Any) -> list[Any]:
    return list(chances(comparison_of(THREE, pairs, **changes)))


def power(n: int, effect: float, level: float) -> float:
    """By scipy's noncentral t."""
    critical = stats.t.isf(level / 2, n - 1)
    shift = effect * np.sqrt(n)
    return float(stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift))


@pytest.mark.parametrize(
    ("pairs", "level"),
    [
        ([flipped()], 0.05),
        # All pairs of three strategies: behind the omnibus test one is left that may be equal.
        ([flipped("a", "b"), flipped("a", "c"), flipped("b", "c")], 0.05),
        # Comparisons with a: any number of them may be equal.
        ([flipped("a", "b"), flipped("a", "c")], 0.05 / 2),
        # All pairs of four: where one differs, three may still be equal.
        ([flipped(*names) for names in ("ab", "ac", "ad", "bc", "bd", "cd")], 0.05 / 3),
        # Two scenarios share alpha, and the larger family decides.
        (
            [flipped(scenario="one"), flipped("a", "b"), flipped("a", "c")],
            0.05 / 2 / 2,
        ),
    ],
)
def test_a_chance_is_that_of_students_t_at_the_first_level(pairs: Any, level: float) -> None:
    (found,) = chance_of(*pairs)
    assert isinstance(found, Chance)
    assert found.n == 10
    assert found.one_sd == pytest.approx(power(10, 1.0, level), abs=1e-6)
    assert found.two_sd == pytest.approx(power(10, 2.0, level), abs=1e-6)
    assert power(found.needed, 1.0, level) >= 0.8 > power(found.needed - 1, 1.0, level)


def test_the_order_in_which_a_pair_names_its_two_does_not_matter() -> None:
    names = ("ab", "ac", "bc")
    there = chance_of(*(flipped(*both) for both in names))
    back = chance_of(*(flipped(*both[::-1]) for both in names[::-1]))
    assert there == back


def test_every_number_of_seeds_has_its_chance() -> None:
    found = chance_of(flipped(n=12), student("a", "c", n=5), flipped("b", "c", n=12))
    assert [one.n for one in found] == [5, 12]
    assert found[0].one_sd < found[1].one_sd


def test_pairs_of_too_few_seeds_are_counted_by_their_number() -> None:
    untested = [untested_pair("a", name, n=2) for name in "bc"]
    found = chance_of(*untested, untested_pair("b", "c", n=1), untested_pair("a", "d", n=0))
    assert found == [Untested(1, 1, FEWEST_FOR_T), Untested(2, 2, FEWEST_FOR_T)]
