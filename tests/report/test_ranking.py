"""Ranks and letters from pairs: what is not excluded, in the order in which it is read."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from clbench.report.contest import BASELINE, NAN
from clbench.report.ranking import BOUND, Entry, Place, ranking, show_rank
from clbench.stats.ranking import TOO_FEW_RUNS, TOO_MANY_FAILED
from tests.report.built import pair_of, rules_of

RULES = rules_of()


def entry(name: str, value: float = 0.5, finished: int = 10, **changes: Any) -> Entry:
    return Entry(name, value, finished, changes.pop("runs", 10), **changes)


def ranks(places: list[Place]) -> dict[str, tuple[int | None, int | None]]:
    return {place.strategy: (place.rank_best, place.rank_worst) for place in places}


def order(places: list[Place]) -> str:
    return "".join(place.strategy for place in places)


def test_three_that_differ_have_a_rank_and_a_letter_each() -> None:
    pairs = [pair_of("a", "b"), pair_of("a", "c"), pair_of("b", "c")]
    found = ranking([entry("c"), entry("b"), entry("a")], pairs, RULES)
    assert ranks(found) == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
    assert [place.group for place in found] == ["a", "b", "c"]
    assert order(found) == "abc"


def test_who_is_not_told_apart_shares_ranks_and_letters() -> None:
    """a beats c; b differs from neither: it may be first or last, and shares a letter with both."""
    found = ranking([entry("a"), entry("b"), entry("c")], [pair_of("a", "c")], RULES)
    assert ranks(found) == {"a": (1, 2), "b": (1, 3), "c": (2, 3)}
    assert [place.group for place in found] == ["a", "ab", "b"]


def test_equal_ranks_are_sorted_by_value() -> None:
    found = ranking([entry("a", 0.1), entry("b", 0.3), entry("c", 0.2)], [], RULES)
    assert order(found) == "bca"
    assert {place.group for place in found} == {"a"}


def test_who_has_no_value_is_sorted_behind_those_that_have_one() -> None:
    found = ranking([entry("a", NAN), entry("b", -5.0)], [], RULES)
    assert order(found) == "ba"


def test_a_rank_goes_before_a_value() -> None:
    found = ranking([entry("a", 0.9), entry("b", 0.1)], [pair_of("b", "a")], RULES)
    assert order(found) == "ba"


@pytest.mark.parametrize(
    ("finished", "runs", "reason"),
    [(2, 2, TOO_FEW_RUNS), (2, 10, TOO_MANY_FAILED), (3, 10, ""), (0, 0, TOO_FEW_RUNS)],
)
def test_with_fewer_than_three_finished_runs_there_is_no_rank(
    finished: int, runs: int, reason: str
) -> None:
    odd = entry("odd", 0.99, finished, runs=runs)
    found = ranking([odd, entry("a"), entry("b")], [], RULES)
    place = next(one for one in found if one.strategy == "odd")
    assert place.rank_reason == reason
    assert (place.rank_best is None) is bool(reason)
    assert (place.group == "") is bool(reason)


def test_wins_over_who_has_no_rank_move_nobody() -> None:
    pairs = [pair_of("odd", "a"), pair_of("b", "odd")]
    found = ranking([entry("odd", finished=2), entry("a"), entry("b")], pairs, RULES)
    assert ranks(found) == {"a": (1, 2), "b": (1, 2), "odd": (None, None)}


def test_bounds_are_last_and_rank_nobody() -> None:
    pairs = [pair_of("joint", "a"), pair_of("joint", "b"), pair_of("a", "b")]
    few = entry("few", 0.95, finished=1)
    joint = entry("joint", 0.99, is_bound=True)
    found = ranking([joint, few, entry("b"), entry("a")], pairs, RULES)
    assert [place.strategy for place in found] == ["a", "b", "few", "joint"]
    assert ranks(found)["a"] == (1, 1)
    assert (found[-1].rank_reason, found[-1].group) == (BOUND, "")


def test_what_is_equivalent_shares_ranks_however_sure_the_difference() -> None:
    entries = [entry("a"), entry("b")]
    sure = pair_of("a", "b")
    assert ranks(ranking(entries, [sure], RULES))["a"] == (1, 1)
    same = pair_of("a", "b", equivalence_p=0.01)
    found = ranking(entries, [same], rules_of(rope=0.2))
    assert ranks(found) == {"a": (1, 2), "b": (1, 2)}


def test_of_comparisons_with_a_baseline_there_are_no_letters() -> None:
    rules = rules_of(baseline="a", family=BASELINE)
    found = ranking([entry("a"), entry("b")], [pair_of("b", "a")], rules)
    assert ranks(found) == {"b": (1, 1), "a": (2, 2)}
    assert {place.group for place in found} == {""}


def test_the_order_of_entries_and_of_pairs_does_not_matter() -> None:
    entries = [entry("a", 0.4), entry("b", 0.3), entry("c", 0.2), entry("d", 0.1, finished=1)]
    pairs = [pair_of("a", "b"), pair_of("c", "a", better=-1), pair_of("b", "d")]
    expected = ranking(entries, pairs, RULES)
    for shuffled in itertools.permutations(entries):
        turned = [pair.turned() for pair in reversed(pairs)]
        assert ranking(shuffled, turned, RULES) == expected


def test_nobody_has_no_ranking() -> None:
    assert ranking([], [], RULES) == []
    only_bounds = [entry("joint", 0.2, is_bound=True), entry("all", 0.3, is_bound=True)]
    assert [place.strategy for place in ranking(only_bounds, [], RULES)] == ["all", "joint"]


@pytest.mark.parametrize(
    ("best", "worst", "reason", "shown"),
    [
        (1, 1, "", "1"),
        (1, 3, "", "1-3"),
        (12, 12, "", "12"),
        (None, None, BOUND, "bound"),
        (None, None, TOO_FEW_RUNS, "too few runs"),
    ],
)
def test_a_rank_in_a_table(best: int | None, worst: int | None, reason: str, shown: str) -> None:
    assert show_rank(best, worst, reason) == shown
