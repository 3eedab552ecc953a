"""Which tests were made, and why; and what they could find, in words."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report import findings_of_design
from clbench.report.agents import means_of_agents
from clbench.report.contest import LIKE_THESE, THESE
from clbench.report.design_words import (
    chance_words,
    corrected_words,
    design,
    intervals_words,
    power_words,
    untested_words,
)
from clbench.report.findings_of_design import (
    Chance,
    ChosenTests,
    DesignedTests,
    IntervalsMade,
    Power,
    Untested,
)
from clbench.stats.by_design import FLIPS, HOLM, JOINT, PARTITIONS, SHAFFER, STUDENT
from clbench.stats.questions import SIGNED_RANKS

ONE_AGENT = {"split": 1}


def designed(**changes: Any) -> DesignedTests:
    known: dict[str, Any] = {
        "reason": "why",
        "flipped": (10,),
        "students": (),
        "by_ranks": False,
        "omnibus": (),
        "corrections": (JOINT,),
        "family": 3,
        "scenarios": 1,
        "baseline": None,
        "alpha": 0.05,
        "over": (),
        "agents_of": ONE_AGENT,
    }
    return DesignedTests(**(known | changes))


def chosen(**changes: Any) -> ChosenTests:
    known: dict[str, Any] = {
        "reason": "why",
        "pairs": "Wilcoxon signed-rank",
        "omnibus": "Friedman",
        "exact": True,
        "correction": "holm",
        "family": 3,
        "over": None,
        "agents_of": ONE_AGENT,
    }
    return ChosenTests(**(known | changes))


# ---------------------------------------------------------------------- by design


def test_the_tests_by_design_and_the_reason_for_them() -> None:
    assert design(designed()) == (
        "By the design of the experiment (why), not by a look at the data: of every pair: sign"
        " flips of the mean difference (10 seeds); all of a family by the same flips; the 3 pairs"
        " are one family"
    )


@pytest.mark.parametrize("found", [designed(agents_of={}), chosen(agents_of={})])
def test_without_runs_there_is_no_test(found: Any) -> None:
    assert design(found) == "No test: there are no runs to compare"


@pytest.mark.parametrize("found", [designed(family=0), chosen(pairs=None)])
def test_without_a_pair_there_is_no_test_within_a_scenario(found: Any) -> None:
    assert design(found) == "No test within a scenario: why"


@pytest.mark.parametrize(
    "found", [designed(agents_of={"split": 2}), chosen(agents_of={"split": 2})]
)
def test_agents_of_one_seed_are_told_last(found: Any) -> None:
    assert design(found).endswith(f"; {means_of_agents(found.agents_of)}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flipped": (6, 10)}, "sign flips of the mean difference (6 to 10 seeds);"),
        (
            {"flipped": (), "students": (4, 5)},
            "the paired t test (sign flips of 4 to 5 seeds cannot reach alpha = 0.05);",
        ),
        (
            # 2 / 2^7 is 0.016: below alpha, and yet too much for so many pairs.
            {"flipped": (), "students": (7,)},
            "the paired t test (sign flips of 7 seeds have too few patterns for so many pairs);",
        ),
        (
            {"students": (5,), "by_ranks": True},
            "(10 seeds), or the paired t test (sign flips of 5 seeds cannot reach alpha = 0.05), or"
            " sign flips of signed ranks where a run failed, which counts as the lowest;",
        ),
        ({"omnibus": ("Friedman, exact",)}, "of all strategies: Friedman, exact; of every pair:"),
        ({"omnibus": ("one", "other")}, "of all strategies: one or other; of every pair:"),
        ({"baseline": "naive"}, ": of every strategy with naive: sign flips"),
        ({"scenarios": 2}, "; the 3 pairs of 2 scenarios are one family"),
        ({"corrections": (PARTITIONS, HOLM)}, "(closed partitions) or adjusted by Holm; the 3"),
    ],
)
def test_what_is_told_of_tests_by_design(changes: dict[str, Any], words: str) -> None:
    assert words in design(designed(**changes))


def test_a_single_pair_is_no_family() -> None:
    assert design(designed(family=1)).endswith("sign flips of the mean difference (10 seeds)")


def test_alpha_decides_what_flips_can_reach() -> None:
    found = designed(flipped=(), students=(7,), alpha=0.01)
    assert "sign flips of 7 seeds cannot reach alpha = 0.01" in design(found)


@pytest.mark.parametrize(
    ("tests", "question", "words"),
    [
        (
            (FLIPS,),
            THESE,
            "; on these 6 scenarios together sign flips, adjusted by Shaffer's multipliers (each"
            " seed's mean over them)",
        ),
        (
            (),
            THESE,
            "; on these 6 scenarios together nothing is tested (for too few seeds are on all of"
            " them)",
        ),
        (
            (STUDENT, SIGNED_RANKS),
            LIKE_THESE,
            "; on scenarios like these, of which 6 are a sample, the paired t test and sign flips"
            " of signed ranks where a run failed, adjusted by Shaffer's multipliers",
        ),
        ((), LIKE_THESE, "; on scenarios like these, of which 6 are a sample, nothing is tested"),
    ],
)
def test_what_is_told_over_scenarios(tests: tuple[str, ...], question: str, words: str) -> None:
    over = findings_of_design.TestsOverByDesign(question, 6, tests, SHAFFER)
    assert design(designed(over=(over,))).endswith(words)
    assert design(designed(family=0, over=(over,))) == f"No test within a scenario: why{words}"


def test_ways_of_adjusting_are_named_once_each() -> None:
    assert corrected_words(["holm", "holm", "none"]) == (
        "adjusted by Holm or not adjusted for their number"
    )
    assert corrected_words([HOLM]) == corrected_words(["holm"]) == "adjusted by Holm"
    with pytest.raises(KeyError):
        corrected_words(["nothing known"])


# ---------------------------------------------------------------------- on ranks


def test_the_tests_on_ranks_and_the_reason_for_them() -> None:
    assert design(chosen()) == (
        "By the design of the experiment (why), not by a look at the data: Friedman test, then the"
        " exact Wilcoxon signed-rank test of every pair, adjusted by Holm over the 3 pairs shown"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"omnibus": None, "family": 1}, "data: exact Wilcoxon signed-rank test"),
        ({"exact": False}, "then the Wilcoxon signed-rank test of every pair"),
        ({"correction": "none"}, "of every pair, not adjusted for their number (3)"),
        ({"correction": "fdr_bh"}, "of every pair, adjusted by Benjamini-Hochberg over the 3"),
        ({"family": 1}, "test of every pair"),
        (
            {"over": findings_of_design.TestsOverScenarios(4, omnibus=False)},
            "; over the 4 scenarios the Wilcoxon signed-rank test of how far one is ahead on each",
        ),
        (
            {"over": findings_of_design.TestsOverScenarios(4, omnibus=True)},
            "; over the 4 scenarios Friedman's test of the strategies' ranks on each, then"
            " Nemenyi's of every pair, which adjusts itself",
        ),
    ],
)
def test_what_is_told_of_tests_on_ranks(changes: dict[str, Any], words: str) -> None:
    assert words in design(chosen(**changes))


# ---------------------------------------------------------------------- what can be found


def power(n: int, smallest: float, penalty: int = 1, **changes: Any) -> Power:
    return Power(n, smallest, penalty, 0.05, changes.get("unpaired", False), 7)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            power(8, 2 / 2**8),
            "A pair of 8 seeds can have no p smaller than 0.00781: enough for alpha = 0.05 where"
            " all seeds agree.",
        ),
        (
            power(1, 1.0),
            "A pair of 1 seed can have no p smaller than 1: no difference could be shown at alpha"
            " = 0.05, however large it is; with 7 seeds, 6 more, one could be, if all of them"
            " agree.",
        ),
        (
            power(6, 2 / 2**6, penalty=3),
            "A pair of 6 seeds can have no p smaller than 0.0312, 0.0938 after the correction: no"
            " difference could be shown at alpha = 0.05, however large it is; with 7 seeds, 1"
            " more, one could be, if all of them agree.",
        ),
        (
            power(12, 0.002, unpaired=True),
            "A pair of 12 runs can have no p smaller than 0.002: enough for alpha = 0.05.",
        ),
        (
            power(6, 0.1, unpaired=True),
            "A pair of 6 runs can have no p smaller than 0.1: nothing could be shown at alpha ="
            " 0.05, however large; more seeds are needed.",
        ),
    ],
)
def test_what_a_pair_can_reach(found: Power, said: str) -> None:
    assert power_words(found) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (0.345, "34 %"),
        (0.995, "100 %"),
        (0.9951, "more than 99 %"),
        (1.0, "more than"),
    ],
)
def test_no_difference_is_found_for_sure(share: float, said: str) -> None:
    told = chance_words(Chance(5, share, 0.5, 11))
    assert f"is found in about {said}" in told
    assert told.startswith("With 5 seeds a difference of one standard deviation")
    assert told.endswith("one of two in 50 %; to find one of one in 80 % takes 11 seeds.")


def test_a_single_seed_is_told_as_one() -> None:
    assert chance_words(Chance(1, 0, 0, 11)).startswith("With 1 seed a difference")


@pytest.mark.parametrize(
    ("found", "start"),
    [
        (Untested(2, 1, 3), "A pair has 2 seeds in common, and nothing can be shown of so few:"),
        (Untested(1, 4, 3), "4 pairs have 1 seed in common, and nothing can be shown of so few:"),
    ],
)
def test_pairs_that_are_not_tested_are_in_nobodys_family(found: Untested, start: str) -> None:
    end = " not tested, and in nobody's family; 3 are the fewest."
    assert untested_words(found) == start + end


def test_intervals_say_what_they_are_not() -> None:
    told = intervals_words(IntervalsMade(unpaired=False, level=0.95, family=1))
    assert told.startswith(
        "Intervals are Student's t, 95 % for one mean at a time (those of differences are of the"
        " differences seed by seed): unlike p they are not adjusted"
    )
    assert "together_low" not in told
    assert "Welch's" in intervals_words(IntervalsMade(unpaired=True, level=0.95, family=1))


def test_intervals_of_several_differences_hold_together_where_asked() -> None:
    told = intervals_words(IntervalsMade(unpaired=False, level=0.99, family=6))
    assert "99 % for one mean" in told
    assert "; those that hold for all 6 differences together are as much longer" in told
