"""The short form: a line a scenario, and no more than a run should end with."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.findings import LeftOutRuns, LostRuns, SeedsAdded
from clbench.report.findings_of_design import Chance, Power, Untested
from clbench.report.look_words import in_short
from clbench.report.sentences import sentence
from clbench.report.short import short
from tests.report.built import compared_of, pair_of, row_of, runs_of


def ranked(strategy: str, best: int | None, worst: int | None, **changes: Any) -> Any:
    return row_of(strategy, rank_best=best, rank_worst=worst, **changes)


def lines(*rows: Any, **changes: Any) -> list[str]:
    scenarios = dict.fromkeys(one.scenario for one in rows)
    runs = tuple(runs_of("a", [0.5], scenario) for scenario in scenarios)
    return short(compared_of(summary=rows, runs=runs, **changes))


APART = (ranked("b", 1, 1), ranked("a", 2, 2))


def test_strategies_stand_by_rank_those_of_one_rank_together() -> None:
    rows = (
        ranked("good", 1, 1),
        ranked("middle", 2, 3),
        ranked("other", 2, 3),
        ranked("few", None, None, rank_reason="too few runs"),
        ranked("joint", None, None, rank_reason="bound"),
    )
    assert lines(*rows)[1:] == [
        "  split: 1 good; 2-3 middle and other; too few runs few; bound joint"
    ]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, "the two strategies cannot be told apart"),
        (4, "no two of the 4 strategies can be told apart"),
    ],
)
def test_where_all_share_the_ranks_nobody_is_told_apart(count: int, said: str) -> None:
    rows = [ranked(name, 1, count) for name in "abcd"[:count]]
    assert lines(*rows)[1:] == [f"  split: {said}"]


def test_where_nobody_has_a_rank_the_reason_is_told() -> None:
    rows = [ranked(name, None, None, rank_reason="too few runs") for name in "ab"]
    assert lines(*rows)[1:] == ["  split: too few runs a and b"]


def test_every_scenario_with_two_strategies_has_a_line() -> None:
    rows = [*APART, ranked("b", 1, 1, scenario="two"), ranked("a", 2, 2, scenario="two")]
    alone = ranked("a", 1, 1, scenario="three")
    assert lines(*rows, alone)[1:] == ["  split: 1 b; 2 a", "  two: 1 b; 2 a"]


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({}, "paired by seed, alpha = 0.1"),
        ({"unpaired": True}, "as independent runs, alpha = 0.1"),
        ({"correction": "fdr_bh"}, "paired by seed, alpha = 0.1, Benjamini-Hochberg"),
        ({"correction": "none"}, "paired by seed, alpha = 0.1"),
    ],
)
def test_the_first_line_says_how(changes: dict[str, Any], how: str) -> None:
    assert lines(*APART, **changes)[0] == (
        f"Ranked by average_accuracy ({how}); ranks from the best that is not excluded to the"
        " worst:"
    )


def power(*, smallest: float, unpaired: bool = False) -> Power:
    return Power(5, smallest, 1, 0.05, unpaired, 6)


@pytest.mark.parametrize(
    ("finding", "is_told"),
    [
        (power(smallest=0.0625), True),
        (power(smallest=0.05), False),
        (power(smallest=0.0625, unpaired=True), False),
        (Chance(4, 0.1, 0.49, 11), True),
        (Chance(4, 0.1, 0.5, 11), False),
        (Untested(2, 3, 3), True),
    ],
)
def test_that_seeds_are_too_few_is_told(finding: Any, is_told: bool) -> None:
    told = lines(*APART, findings=(finding,))[2:]
    assert told == ([f"  {sentence(finding)}"] if is_told else [])


def test_that_seeds_were_added_is_told_before_that() -> None:
    added = SeedsAdded(((5, "a day"),), (), "", 0.05, False, False)
    few = Untested(2, 3, 3)
    told = lines(*APART, findings=(few, added))[2:]
    assert told == [f"  {in_short(added)}", f"  {sentence(few)}"]


def test_without_a_pair_of_two_seeds_there_is_nothing_to_tell() -> None:
    assert lines(*APART, pairs=(pair_of(n=1),)) == []
    assert lines(*APART, pairs=(pair_of(n=1), pair_of(n=2))) != []
    assert lines(APART[0]) == []
    assert lines() == []


def test_where_no_run_has_a_value_the_reason_is_told() -> None:
    lost = sentence(LeftOutRuns("split", "er", LostRuns("diverged", 3, 3)))
    assert lines(left_out=(lost, "another")) == [
        f"No comparison: no run has a value of average_accuracy; {lost}"
    ]


# ---------------------------------------------------------------------- of whole records


def test_the_short_form_has_a_line_a_scenario(made) -> None:
    lines = short(
        made.compared(*made.three("one"), *made.cells(dict.fromkeys("abc", [0.5] * 12), "two"))
    )
    assert lines[0].startswith("Ranked by average_accuracy (paired by seed, alpha = 0.05); ranks")
    assert lines[1:] == [
        "  one: 1 good; 2 middle; 3 poor",
        "  two: no two of the 3 strategies can be told apart",
    ]


def test_the_short_form_says_when_there_are_too_few_seeds_and_nothing_when_there_is_nothing(
    made,
) -> None:
    by_ranks = made.compared(*made.three(seeds=4)[:2], tests="ranks")
    assert "with 6 seeds, 2 more, one could be" in short(by_ranks)[-1]
    few = short(made.compared(*made.three(seeds=3)))
    assert "With 3 seeds a difference of one standard deviation" in few[-1]
    assert "too few runs good" in short(made.compared(*made.three(seeds=2)))[1]
    assert (
        "have 2 seeds in common, and nothing can be shown"
        in short(made.compared(*made.three(seeds=2)))[-1]
    )
    assert short(made.compared(*made.three()[:1])) == []
    assert short(made.compared(*made.three(seeds=1))) == []
    assert short(made.compared()) == []
