"""A sentence for each finding, made of the finding alone."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.contest import LIKE_THESE, THESE
from clbench.report.findings import (
    AgainstBaseline,
    Equivalence,
    LeftOutRuns,
    LostRuns,
    MeasuredInstead,
    MissingSeeds,
    MixedRecords,
    NoCommonSeeds,
    NotEverywhere,
    NothingToCompare,
    OneStrategy,
    OverallRanking,
    PartlyStated,
    Probabilities,
    Probability,
    ProtocolDifference,
    ProtocolsDiffer,
    Ranking,
    RunsWithoutValue,
    SeedsAdded,
    StatedNotUsed,
    TooFewScenarios,
    Unranked,
)
from clbench.report.look_words import seeds_added
from clbench.report.sentences import MAX_PROTOCOLS, left_out_words, sentence

SAID = [
    (
        MixedRecords(("one", "two")),
        "Mixed records, ranked together because that was insisted on; they differ: one; two.",
    ),
    (
        NothingToCompare("forgetting"),
        "There is nothing to compare: no run has a value of forgetting.",
    ),
    (
        MeasuredInstead("online_accuracy"),
        "There are values of online_accuracy: `--metric online_accuracy`, or"
        " `compare: {metric: online_accuracy}` in the suite.",
    ),
    (
        OneStrategy("split", "er"),
        "split: only er has runs, so there is nothing to compare it with.",
    ),
    (
        Unranked("split", "", 1, (("er", "too few runs"), ("lwf", "too many runs failed"))),
        "split: without a rank: er (too few runs) and lwf (too many runs failed).",
    ),
    (
        Unranked(None, THESE, 4, (("er", "too few runs"),)),
        "On these 4 scenarios together: without a rank: er (too few runs).",
    ),
    (
        TooFewScenarios(3),
        "Over scenarios: 3 of them are too few for any difference between average ranks to be that"
        " large.",
    ),
    (
        LeftOutRuns("split", "er", LostRuns("timed out", 2, 5)),
        "split, er: 2 of 5 runs timed out: they rank below every finished run, and means and"
        " intervals are over the others",
    ),
    (
        LeftOutRuns("split", "er", RunsWithoutValue("forgetting", "one task", 5, 5)),
        "split, er: 5 of 5 runs have no value of forgetting (one task) and are left out",
    ),
    (
        NotEverywhere("er", 2, 3),
        "er has runs on 2 of 3 scenarios only, and no place over all of them",
    ),
    (
        NoCommonSeeds("er", "lwf", "lwf"),
        "er and lwf have no seeds in common on some scenario, so lwf has no place over all of them",
    ),
    (StatedNotUsed("the baseline", "it is gone"), "the baseline is not used: it is gone"),
]


@pytest.mark.parametrize(("finding", "said"), SAID, ids=lambda one: type(one).__name__)
def test_a_finding_has_its_sentence(finding: Any, said: str) -> None:
    assert sentence(finding) == said


def test_that_seeds_were_added_is_said_as_its_own_module_does() -> None:
    added = SeedsAdded(((5, "a day"),), (), "", 0.05, False, False)
    assert sentence(added) == seeds_added(added)


def test_what_became_of_runs_is_said_without_whose_they_are() -> None:
    runs = LostRuns("diverged", 1, 5)
    said = left_out_words(runs)
    assert said.startswith("1 of 5 runs diverged: they rank below")
    assert sentence(LeftOutRuns("split", "er", runs)) == f"split, er: {said}"


# ---------------------------------------------------------------------- seeds


def missing(**changes: Any) -> str:
    known: dict[str, Any] = {
        "scenario": "split",
        "asked": 10,
        "counts": (("er", 9), ("lwf", 7)),
        "missing_to_all": 0,
        "unpaired": False,
    }
    return sentence(MissingSeeds(**(known | changes)))


def test_who_lacks_seeds_is_named_with_those_it_has() -> None:
    assert missing() == (
        "split: seeds are missing: of 10 seeds er has 9 and lwf has 7; pairs are the seeds that"
        " both have, a test of all ranks each seed among those that have it. Whoever lacks its bad"
        " seeds looks better than it is."
    )
    assert "er has 9 and lwf has 7; runs are compared as they are. Whoever" in missing(
        unpaired=True
    )


def test_seeds_that_all_lack_are_counted() -> None:
    assert missing(missing_to_all=4) == (
        "split: seeds are missing: of 10 seeds that the suite asks for no strategy has 4."
    )
    assert missing(asked=1, missing_to_all=1).startswith("split: seeds are missing: of 1 seed that")


# ---------------------------------------------------------------------- who is ahead


def ranking(**changes: Any) -> str:
    known: dict[str, Any] = {
        "scenario": "split",
        "question": "",
        "scenarios": 1,
        "strategies": 3,
        "first": ("a",),
        "winner": "a",
        "differing": 2,
        "pairs": 3,
    }
    return sentence(Ranking(**(known | changes)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "a is better than every other; 2 of 3 pairs differ."),
        (
            {"winner": None, "first": ("a", "b")},
            "no strategy is shown to be better than a and b; 2 of 3 pairs differ.",
        ),
        # Nobody has a rank, and pairs differ all the same.
        ({"winner": None, "first": ()}, "2 of 3 pairs differ."),
        ({"differing": 0}, "no two of the 3 strategies can be told apart."),
        ({"differing": 0, "strategies": 2}, "no two strategies can be told apart."),
        ({"differing": 0, "pairs": 0}, "no pair has enough in common to be tested."),
    ],
)
def test_who_is_ahead_as_far_as_that_is_shown(changes: dict[str, Any], said: str) -> None:
    assert ranking(**changes) == f"split: {said}"


def test_over_scenarios_the_question_goes_first() -> None:
    told = ranking(scenario=None, question=LIKE_THESE, scenarios=6)
    assert told.startswith("On scenarios like these 6: a is better")


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ((("b",), ("c", "d"), ()), "better: b; worse: c and d."),
        (((), (), ("b",)), "not told apart from it: b."),
        ((("b",), ("c",), ("d",)), "better: b; worse: c; not told apart from it: d."),
    ],
)
def test_against_a_baseline_each_side_is_named(sides: Any, said: str) -> None:
    found = AgainstBaseline("split", "a", *sides, question="", scenarios=1)
    assert sentence(found) == f"split: against a: {said}"


@pytest.mark.parametrize(
    ("tied", "end"),
    [((), "a ranks best (1.50)."), (("b", "c"), "(1.50); not told apart from it: b and c.")],
)
def test_average_ranks_that_are_far_enough_apart(tied: tuple[str, ...], end: str) -> None:
    told = sentence(OverallRanking(1.234, 0.05, 2, 6, "a", 1.5, tied))
    assert told.startswith(
        "Over scenarios: strategies whose average ranks are 1.23 or more apart are shown to differ"
        " (Nemenyi, alpha = 0.05): 2 of 6 pairs. a ranks best"
    )
    assert told.endswith(end)


# ---------------------------------------------------------------------- equivalence


def same(**changes: Any) -> str:
    known: dict[str, Any] = {
        "scenario": "split",
        "rope": 0.01,
        "unit": "fraction",
        "same": (("a", "b"), ("a", "c")),
        "failed": (),
        "too_few_seeds": None,
    }
    return sentence(Equivalence(**(known | changes)))


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, "a = b and a = c."),
        ({"same": ()}, "no pair."),
        ({"failed": ("c",)}, "a = b and a = c; nothing is where runs failed (c)."),
        ({"same": (), "too_few_seeds": 4}, "no pair; 4 seeds are too few to show it."),
        (
            {"same": (), "failed": ("c",), "too_few_seeds": 2},
            "no pair; nothing is where runs failed (c); 2 seeds are too few to show it.",
        ),
    ],
)
def test_who_is_equivalent_and_why_others_are_not(changes: dict[str, Any], end: str) -> None:
    start = "split: equivalent within 1.0 points by two one-sided tests: "
    assert same(**changes) == start + end


def test_a_region_is_in_the_unit_of_the_metric() -> None:
    assert "within 1.5 s by two" in same(rope=1.5, unit="seconds")


def test_probabilities_are_of_better_about_the_same_and_worse() -> None:
    each = (
        Probability("b", 10, 0, 0.125, 0.5, 0.375),
        Probability("c", 10, 3),
        Probability("d", 1, 0),
    )
    assert sentence(Probabilities("split", "a", 0.01, "fraction", each)) == (
        "split: against a, the probability of being better by more than 1.0 points, about the same,"
        " worse by more (Bayesian signed-rank): b 0.12, 0.50, 0.38; c not given, for runs failed in"
        " 3 of 10 pairs; d not given, for 1 pair are too few."
    )


# ---------------------------------------------------------------------- protocols


def difference(label: str, what: str, *scenarios: str) -> ProtocolDifference:
    return ProtocolDifference(label, what, scenarios)


def test_strategies_of_which_the_same_is_said_are_named_together() -> None:
    found = ProtocolsDiffer(
        (
            difference("a", "epochs 5", "one", "two"),
            difference("b", "lr 1", "one"),
            difference("c", "epochs 5", "one", "two"),
            difference("d", "epochs 5", "one"),
        )
    )
    assert sentence(found) == (
        "Protocols differ, by declaration: a and c: epochs 5 (one, two); b: lr 1 (one); d: epochs 5"
        " (one)."
    )


@pytest.mark.parametrize(("beyond", "end"), [(0, f"d{MAX_PROTOCOLS - 1} (s)."), (2, "and 2 more.")])
def test_of_many_differences_the_first_are_told(beyond: int, end: str) -> None:
    count = MAX_PROTOCOLS + beyond
    found = ProtocolsDiffer(tuple(difference(f"m{k}", f"d{k}", "s") for k in range(count)))
    told = sentence(found)
    assert told.endswith(end)
    assert told.count(";") == MAX_PROTOCOLS - 1 + (beyond > 0)


@pytest.mark.parametrize(
    ("unsaid", "unstated", "alone", "rivals", "said"),
    [
        (("x", "y"), (), (), (), "the files do not say: x and y."),
        (
            (),
            ("head",),
            ("noise",),
            (),
            "not stated are head; stated here alone are noise.",
        ),
        (
            ("x",),
            (),
            (),
            ("a{}",),
            "the files do not say: x; that a seed is the same stream as for a{} is not stated"
            " (--unpaired does not pair them).",
        ),
    ],
)
def test_what_other_libraries_do_not_state(
    unsaid: Any, unstated: Any, alone: Any, rivals: Any, said: str
) -> None:
    found = PartlyStated(("er", "lwf"), unsaid, unstated, alone, rivals)
    assert sentence(found) == f"er and lwf, from another library: {said}"
