"""What tests say of two strategies: who is ahead, in which order, and in what words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.report.contest import (
    LIKE_THESE,
    NAN,
    better_matrix,
    difference_matrix,
    differs,
    equivalence_matrix,
    is_equivalent,
    of_pair,
    places_of,
    rejected,
    verdict,
    with_verdicts,
)
from clbench.report.contest import (
    tested_pair as pair_of_test,
)
from clbench.stats import result
from clbench.stats.looks import EQUIVALENT, FIRST, OPEN, SECOND
from tests.report.built import omnibus_of, pair_of, rules_of, untested_pair

RULES = rules_of()


# ---------------------------------------------------------------------- one pair


@pytest.mark.parametrize(("better", "names"), [(1, ("a", "b")), (-1, ("b", "a"))])
def test_who_is_ahead_is_the_winner(better: int, names: tuple[str, str]) -> None:
    pair = pair_of(better=better)
    assert (pair.winner, pair.loser) == names


@pytest.mark.parametrize(("effect", "delta"), [(0.0, -1.0), (0.5, 0.0), (0.75, 0.5), (1.0, 1.0)])
def test_cliffs_delta_is_the_effect_on_another_scale(effect: float, delta: float) -> None:
    assert pair_of(effect=effect).cliffs_delta == delta


def test_a_pair_without_a_p_was_not_tested() -> None:
    assert pair_of(p=1.0).is_tested
    assert not untested_pair().is_tested


def test_the_p_however_often_decides_where_there_is_one() -> None:
    assert pair_of(p=0.01).deciding_p == 0.01
    assert pair_of(p=0.01, p_always=0.3).deciding_p == 0.3


TURNED = {
    "a": "b",
    "effect": pytest.approx(0.3),
    "difference": -0.1,
    "ci_low": pytest.approx(-0.15),
    "ci_high": pytest.approx(-0.05),
    "together_low": -0.4,
    "together_high": 0.2,
    "won": 3,
    "lost": 6,
    "won_low": pytest.approx(0.1),
    "won_high": pytest.approx(0.7),
    "better": -1,
}


@pytest.fixture
def lopsided() -> Any:
    """a is ahead in six of ten seeds, one is a tie."""
    sides: dict[str, Any] = {"won": 6, "lost": 3, "won_low": 0.3, "won_high": 0.9}
    return pair_of(together_low=-0.2, together_high=0.4, **sides)


@pytest.mark.parametrize(("field", "value"), TURNED.items())
def test_turned_round_a_pair_says_the_same_of_the_other(
    lopsided: Any, field: str, value: Any
) -> None:
    assert getattr(lopsided.turned(), field) == value


def test_turned_twice_a_pair_is_itself(lopsided: Any) -> None:
    again = lopsided.turned().turned()
    for field in ("a", "b", "better", "won", "lost", "p", "decision", "verdict"):
        assert getattr(again, field) == getattr(lopsided, field)
    for field in ("effect", "difference", "ci_low", "ci_high", "won_low", "won_high"):
        assert getattr(again, field) == pytest.approx(getattr(lopsided, field))


@pytest.mark.parametrize(
    ("decision", "other"),
    [(FIRST, SECOND), (SECOND, FIRST), (EQUIVALENT, EQUIVALENT), (OPEN, OPEN), ("", "")],
)
def test_a_decision_for_the_first_is_one_for_the_second_when_turned(
    decision: str, other: str
) -> None:
    assert pair_of(decision=decision).turned().decision == other


def test_what_a_test_says_makes_a_pair_without_sizes() -> None:
    found = result.Tested("flips", 2.0, 0.25, 0.125, -1, exact=True)
    pair = pair_of_test("s", "x", "y", 4, found)
    assert (pair.scenario, pair.a, pair.b, pair.n) == ("s", "x", "y", 4)
    assert (pair.test, pair.statistic, pair.p, pair.smallest_p) == ("flips", 2.0, 0.25, 0.125)
    assert (pair.better, pair.exact, pair.verdict, pair.question) == (-1, True, "", "")
    sizes = (pair.p_adjusted, pair.effect, pair.difference, pair.ci_low, pair.ci_high)
    assert np.isnan(sizes).all()


def test_of_two_strategies_the_test_of_all_is_that_of_the_pair() -> None:
    pair = pair_of(p=0.02, exact=True, question=LIKE_THESE, scenario=None)
    one = of_pair(pair)
    assert (one.p, one.test, one.statistic) == (pair.p, pair.test, pair.statistic)
    assert (one.strategies, one.blocks) == (2, pair.n)
    assert (one.scenario, one.question, one.exact) == (None, LIKE_THESE, True)


# ---------------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"p": 0.05}, True),  # alpha itself is enough
        ({"p": 0.0500001}, False),
        ({"p": 0.001, "better": 0}, False),  # nobody is ahead
        ({"p": NAN, "better": 0}, False),
        ({"p": 0.001, "decision": OPEN}, False),  # looks go before p
        ({"p": 0.9, "decision": FIRST}, True),
        ({"p": 0.9, "decision": SECOND}, True),
        ({"p": 0.001, "decision": EQUIVALENT}, False),
    ],
)
def test_a_difference_is_shown_by_looks_or_else_by_p(
    changes: dict[str, Any], expected: bool
) -> None:
    assert differs(pair_of(**changes), 0.05) is expected
    assert differs(pair_of(**changes).turned(), 0.05) is expected


def test_only_the_adjusted_p_shows_a_difference() -> None:
    assert not differs(pair_of(p=0.001, p_adjusted=0.06), 0.05)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),  # nobody asked
        ({"equivalence_p": 0.05}, True),
        ({"equivalence_p": 0.06}, False),
        ({"equivalence_p": 0.01, "decision": OPEN}, False),
        ({"equivalence_p": 0.9, "decision": EQUIVALENT}, True),
    ],
)
def test_equivalence_is_shown_by_looks_or_else_by_its_p(
    changes: dict[str, Any], expected: bool
) -> None:
    assert is_equivalent(pair_of(**changes), 0.05) is expected


# ---------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("pair", "rejected_all", "said"),
    [
        (pair_of(), True, "a better"),
        (pair_of(better=-1), True, "b better"),
        (pair_of(), False, "a better (though the omnibus test found no difference)"),
        (pair_of(p=0.2), True, "cannot be told apart"),
        (pair_of(p=0.2), False, "cannot be told apart"),
        (pair_of(equivalence_p=0.01), True, "equivalent within ±0.02"),
        # Sure, and too small to matter.
        (pair_of(p=0.2, equivalence_p=0.01), False, "equivalent within ±0.02"),
        # Nobody knows what repeated looks make of a test of all strategies.
        (pair_of(p=0.9, decision=FIRST), False, "a better"),
        (untested_pair(n=2), True, "too few seeds in common"),
        (untested_pair(n=0), True, "no seeds in common"),
        (untested_pair(n=2, question=LIKE_THESE), True, "too few scenarios in common"),
        (untested_pair(n=0, question=LIKE_THESE), True, "no scenarios in common"),
    ],
)
def test_verdicts_in_words(pair: Any, rejected_all: bool, said: str) -> None:
    assert verdict(pair, rejected_all, rules_of(rope=0.02)) == said


def test_the_region_is_told_as_it_was_given() -> None:
    same = pair_of(equivalence_p=0.0)
    assert verdict(same, True, rules_of(rope=0.5)) == "equivalent within ±0.5"
    assert verdict(same, True, rules_of(rope=1e-5)) == "equivalent within ±1e-05"


def test_each_pair_is_judged_by_the_test_of_its_own_scenario() -> None:
    pairs = [pair_of(scenario="one"), pair_of(scenario="two"), pair_of(scenario="three")]
    judged = with_verdicts(pairs, {"one": True, "two": False}, RULES)
    # Of the third there was no test of all strategies, so nothing speaks against it.
    doubts = ["though" in pair.verdict for pair in judged]
    assert doubts == [False, True, False]
    assert {pair.verdict for pair in pairs} == {""}


def test_a_test_of_all_rejects_at_alpha_itself() -> None:
    tests = [omnibus_of(0.05, "at"), omnibus_of(0.051, "above"), omnibus_of(0.01, None)]
    assert rejected(tests, RULES) == {"at": True, "above": False, None: True}


# ---------------------------------------------------------------------- matrices

NAMES = ("x", "y", "z")
SHOWN = (
    pair_of("x", "y"),  # x is better than y
    pair_of("z", "x", better=-1),  # x is better than z
    pair_of("y", "z", p=0.5, equivalence_p=0.01),
    pair_of("x", "stranger"),
)


def test_places_are_in_order() -> None:
    assert places_of(NAMES) == {"x": 0, "y": 1, "z": 2}
    assert places_of([]) == {}


def test_the_better_one_is_the_row() -> None:
    expected = np.zeros((3, 3), dtype=bool)
    expected[0, [1, 2]] = True
    assert np.array_equal(better_matrix(NAMES, SHOWN, 0.05), expected)


def test_who_differs_differs_both_ways() -> None:
    different = difference_matrix(NAMES, SHOWN, 0.05)
    assert np.array_equal(different, different.T)
    better = better_matrix(NAMES, SHOWN, 0.05)
    assert np.array_equal(different, better | better.T)


def test_who_is_equivalent_is_so_both_ways_and_never_to_itself() -> None:
    same = equivalence_matrix(NAMES, SHOWN, 0.05)
    assert np.argwhere(same).tolist() == [[1, 2], [2, 1]]


@pytest.mark.parametrize("matrix", [better_matrix, difference_matrix, equivalence_matrix])
def test_a_matrix_is_in_the_order_of_its_names(matrix: Any) -> None:
    order = [2, 0, 1]
    permuted = matrix([NAMES[k] for k in order], SHOWN, 0.05)
    assert np.array_equal(permuted, matrix(NAMES, SHOWN, 0.05)[np.ix_(order, order)])
    turned = [pair.turned() for pair in SHOWN]
    assert np.array_equal(matrix(NAMES, turned, 0.05), matrix(NAMES, SHOWN, 0.05))


@pytest.mark.parametrize("matrix", [better_matrix, difference_matrix, equivalence_matrix])
def test_at_a_smaller_level_no_more_is_shown(matrix: Any) -> None:
    strict = matrix(NAMES, SHOWN, 0.001)
    assert not strict.any()
    assert strict.shape == (3, 3)
    assert matrix([], SHOWN, 0.05).shape == (0, 0)


# ---------------------------------------------------------------------- rules


def test_intervals_say_what_the_tests_say() -> None:
    assert rules_of(alpha=0.1).level == pytest.approx(0.9)


def test_every_purpose_has_the_same_fresh_draws() -> None:
    rules = rules_of(seed=3)
    assert rules.rng().random() == rules.rng().random()
    assert rules.rng().random() != replace(rules, seed=4).rng().random()
