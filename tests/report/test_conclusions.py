"""What follows from tests: findings, in the order in which they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.report.across import Across, OverallRank
from clbench.report.conclusions import MOST_LETTERS, chosen_tests, conclusions, ranked
from clbench.report.contest import BASELINE, LIKE_THESE, NAN, RANKS, THESE
from clbench.report.findings import (
    AgainstBaseline,
    AllStrategies,
    MeasuredInstead,
    MissingSeeds,
    MixedRecords,
    NoBaseline,
    NothingToCompare,
    OneStrategy,
    OverallRanking,
    Ranking,
    SeedsAdded,
    TooFewScenarios,
    TwoStrategies,
    Unranked,
)
from clbench.report.findings_of_design import (
    Chance,
    ChosenTests,
    DesignedTests,
    IntervalsMade,
    Power,
)
from clbench.report.looked import Looked
from clbench.stats.design import NEMENYI
from clbench.stats.looks import LookPlan
from clbench.stats.power import seeds_needed
from tests.report.built import (
    comparison_of,
    omnibus_of,
    pair_of,
    rules_of,
    runs_of,
    scenarios_of,
    untested_pair,
)

A, B, C = (runs_of(name, [value] * 10) for name, value in zip("abc", (0.9, 0.8, 0.7), strict=True))
THREE = scenarios_of(A, B, C)
PAIRS = (pair_of("a", "b"), pair_of("a", "c"), pair_of("b", "c", p=0.3))


def found_in(by_scenario: Any = THREE, pairs: Any = PAIRS, **changes: Any) -> list[Any]:
    return list(conclusions(comparison_of(by_scenario, pairs, **changes)))


def only(kind: type, found: list[Any]) -> Any:
    (one,) = of_kind(kind, found)
    return one


def of_kind(kind: type, found: list[Any]) -> list[Any]:
    return [one for one in found if isinstance(one, kind)]


# ---------------------------------------------------------------------- the order


def test_tests_come_first_and_intervals_last() -> None:
    found = found_in(omnibus=[omnibus_of()])
    kinds = [type(one) for one in found]
    assert kinds == [DesignedTests, Chance, AllStrategies, Ranking, NoBaseline, IntervalsMade]
    on_ranks = found_in(omnibus=[omnibus_of()], rules=rules_of(tests=RANKS))
    kinds = [type(one) for one in on_ranks]
    assert kinds == [ChosenTests, Power, AllStrategies, Ranking, NoBaseline, IntervalsMade]


def test_mixed_records_are_said_before_all_else() -> None:
    assert found_in(mixed=("epochs",))[0] == MixedRecords(("epochs",))
    assert of_kind(MixedRecords, found_in()) == []


def test_intervals_hold_together_for_the_pairs_that_were_tested() -> None:
    pairs = (*PAIRS[:2], untested_pair("b", "c", n=2))
    made = only(IntervalsMade, found_in(pairs=pairs, rules=rules_of(alpha=0.1)))
    assert (made.family, made.unpaired) == (2, False)
    assert made.level == pytest.approx(0.9)


def test_without_runs_there_is_nothing_else_to_say() -> None:
    rules = rules_of(metric="forgetting")
    assert found_in({}, (), rules=rules) == [NothingToCompare("forgetting")]


def test_a_metric_that_has_values_is_named_where_the_other_has_none(made: Any) -> None:
    cell = made.cell("er", [0.5] * 3)
    found = found_in({}, (), cells=[cell], rules=rules_of(metric="nothing"))
    assert found == [NothingToCompare("nothing"), MeasuredInstead("learning_accuracy")]
    # Of itself nobody is told, nor where no run has a value of any.
    same = found_in({}, (), cells=[cell], rules=rules_of(metric="learning_accuracy"))
    assert of_kind(MeasuredInstead, same) == []
    cell.accuracy[:] = np.nan
    assert of_kind(MeasuredInstead, found_in({}, (), cells=[cell])) == []


def test_only_where_somebody_could_be_set_against_it_a_baseline_is_missed() -> None:
    assert only(NoBaseline, found_in()) == NoBaseline()
    assert of_kind(NoBaseline, found_in(rules=rules_of(baseline="a"))) == []
    assert of_kind(NoBaseline, found_in(scenarios_of(A), ())) == []


# ---------------------------------------------------------------------- one scenario


def test_one_strategy_has_nothing_to_be_compared_with() -> None:
    found = found_in(scenarios_of(A), ())
    assert only(OneStrategy, found) == OneStrategy("split", "a")
    assert of_kind(Ranking, found) == []


def test_two_strategies_are_a_pair() -> None:
    found = found_in(scenarios_of(A, B), PAIRS[:1], rules=rules_of(alpha=0.1))
    two = only(TwoStrategies, found)
    assert (two.scenario, two.pair, two.unit, two.sign) == ("split", PAIRS[0], "fraction", 1)
    assert (two.alpha, two.unpaired, two.scenarios) == (0.1, False, 1)
    assert of_kind(Ranking, found) == of_kind(AllStrategies, found) == []


def test_each_scenario_has_its_own_findings() -> None:
    pairs = [pair_of(scenario="one"), pair_of(scenario="two", p=0.4)]
    runs = []
    for scenario in ("one", "two"):
        runs += [runs_of(name, [0.5] * 10, scenario) for name in "ab"]
    found = of_kind(TwoStrategies, found_in(scenarios_of(*runs), pairs))
    assert [one.pair for one in found] == pairs
    assert {one.scenarios for one in found} == {2}


def test_who_is_better_than_all_others_wins() -> None:
    ranking = only(Ranking, found_in())
    assert (ranking.first, ranking.winner) == (("a",), "a")
    assert (ranking.differing, ranking.pairs, ranking.strategies) == (2, 3, 3)


def test_whom_nobody_is_shown_to_beat_is_first() -> None:
    ranking = only(Ranking, found_in(pairs=(PAIRS[1], pair_of("a", "b", p=0.5), PAIRS[2])))
    assert (ranking.first, ranking.winner, ranking.differing) == (("a", "b"), None, 1)


def test_alone_with_a_rank_nobody_wins() -> None:
    few = runs_of("b", [0.5, 0.6]), runs_of("c", [0.5, 0.6])
    found = found_in(scenarios_of(A, *few), ())
    ranking = only(Ranking, found)
    assert (ranking.strategies, ranking.first, ranking.winner) == (1, ("a",), None)
    unranked = only(Unranked, found)
    assert unranked.each == (("b", "too few runs"), ("c", "too few runs"))


def test_a_bound_is_not_missed_among_the_ranks() -> None:
    bound = runs_of("joint", [0.99] * 10, is_bound=True)
    found = found_in(scenarios_of(A, B, C, bound))
    assert of_kind(Unranked, found) == []
    assert only(Ranking, found).strategies == 3


def test_within_a_rank_strategies_are_sorted_by_the_middle_half_of_their_runs() -> None:
    """One run at 0 moves the mean of a below b, and not its middle half."""
    a, b = runs_of("a", [0.0, *[0.8] * 9]), runs_of("b", [0.75] * 10)
    assert a.mean < b.mean
    assert [place.strategy for place in ranked([b, a], [], rules_of())] == ["a", "b"]
    # With more than a quarter failed the middle half is below everything.
    failed = runs_of("a", [0.9] * 10, failed=[0, 1, 2])
    assert [place.strategy for place in ranked([failed, b], [], rules_of())] == ["b", "a"]


# ---------------------------------------------------------------------- seeds


def test_who_lacks_seeds_that_others_have_is_counted() -> None:
    short = runs_of("b", [0.5] * 7)
    missing = only(MissingSeeds, found_in(scenarios_of(A, short)))
    assert (missing.asked, missing.counts, missing.missing_to_all) == (10, (("b", 7),), 0)


def test_seeds_that_the_suite_asks_for_may_be_missing_to_all() -> None:
    missing = only(MissingSeeds, found_in(asked=tuple(range(12))))
    assert missing.asked == 12
    assert missing.counts == (("a", 10), ("b", 10), ("c", 10))
    assert missing.missing_to_all == 2


def test_where_some_lack_more_none_are_missing_to_all() -> None:
    short = runs_of("b", [0.5] * 7)
    missing = only(MissingSeeds, found_in(scenarios_of(A, short), asked=tuple(range(12))))
    assert (missing.asked, missing.missing_to_all) == (12, 0)
    assert missing.counts == (("a", 10), ("b", 7))


def test_where_nobody_lacks_a_seed_nothing_is_said() -> None:
    assert of_kind(MissingSeeds, found_in(asked=tuple(range(10)))) == []
    assert of_kind(MissingSeeds, found_in(asked=(0, 1))) == []


def looked(**changes: Any) -> Looked:
    return Looked(((5, "a day"),), tuple(range(10)), **changes)


def test_that_seeds_were_added_is_found_and_tests_of_all_are_not_told() -> None:
    rules = rules_of(looked=looked(problem="why"))
    found = found_in(rules=rules, omnibus=[omnibus_of()])
    added = only(SeedsAdded, found)
    assert (added.earlier, added.by_looks, added.problem) == (((5, "a day"),), (), "why")
    assert (added.alpha, added.unpaired, added.scenarios_like_these) == (0.05, False, False)
    assert of_kind(AllStrategies, found) == []
    assert only(AllStrategies, found_in(omnibus=[omnibus_of()]))


def test_declared_looks_are_told() -> None:
    rules = rules_of(looked=looked(plan=LookPlan((6, 10))))
    assert only(SeedsAdded, found_in(rules=rules)).by_looks == (6, 10)


# ---------------------------------------------------------------------- a baseline


def test_against_a_baseline_strategies_take_sides() -> None:
    pairs = (
        pair_of("a", "b"),
        pair_of("c", "b", better=-1),
        pair_of("b", "d", p=0.5),
        pair_of("a", "c"),
    )
    by_scenario = scenarios_of(A, B, C, runs_of("d", [0.8] * 10))
    against = only(AgainstBaseline, found_in(by_scenario, pairs, rules=rules_of(baseline="b")))
    assert (against.better, against.worse, against.neither) == (("a",), ("c",), ("d",))
    assert (against.scenario, against.baseline, against.question) == ("split", "b", "")


def test_of_two_strategies_the_pair_says_it_all() -> None:
    found = found_in(scenarios_of(A, B), PAIRS[:1], rules=rules_of(baseline="b"))
    assert of_kind(AgainstBaseline, found) == []


def test_a_baseline_without_a_pair_is_not_told() -> None:
    found = found_in(rules=rules_of(baseline="elsewhere"))
    assert of_kind(AgainstBaseline, found) == []


def test_of_comparisons_with_a_baseline_alone_nobody_comes_out_first() -> None:
    rules = rules_of(baseline="a", family=BASELINE)
    found = found_in(pairs=PAIRS[:2], rules=rules)
    assert of_kind(Ranking, found) == []
    assert only(AgainstBaseline, found).worse == ("b", "c")


# ---------------------------------------------------------------------- tests on ranks


def test_the_design_of_tests_on_ranks() -> None:
    pairs = [pair_of("a", "b", exact=True), untested_pair("a", "c")]
    tested = comparison_of(THREE, pairs, omnibus=[omnibus_of()], rules=rules_of(tests=RANKS))
    found = chosen_tests(tested)
    assert (found.pairs, found.omnibus) == ("Wilcoxon signed-rank", "Friedman")
    assert (found.exact, found.family, found.correction) == (True, 1, "holm")
    assert (found.over, found.agents_of) == (None, {"split": 1})


@pytest.mark.parametrize(
    ("names", "unpaired", "pairs", "omnibus"),
    [
        ("a", False, None, None),
        ("ab", False, "Wilcoxon signed-rank", None),
        ("ab", True, "Mann-Whitney", None),
        ("abc", True, "Dunn", "Kruskal-Wallis"),
    ],
)
def test_the_scenario_with_most_strategies_decides(
    names: str, unpaired: bool, pairs: str | None, omnibus: str | None
) -> None:
    runs = [runs_of(name, [0.5] * 5, "one") for name in names]
    by_scenario = scenarios_of(*runs, runs_of("a", [0.5] * 5, "two"))
    rules = rules_of(tests=RANKS, unpaired=unpaired)
    found = chosen_tests(comparison_of(by_scenario, (), omnibus=[omnibus_of()], rules=rules))
    assert (found.pairs, found.omnibus) == (pairs, omnibus)
    assert found.exact is (not unpaired)


def test_power_is_told_of_every_number_of_seeds() -> None:
    """Of three pairs the one of four seeds could never be shown: 2 / 2^4, and two are left."""
    pairs = (
        pair_of("a", "b", n=10, smallest_p=2 / 2**10),
        pair_of("a", "c", n=4, smallest_p=2 / 2**4),
        pair_of("b", "c", n=10, smallest_p=2 / 2**10),
    )
    found = of_kind(Power, found_in(pairs=pairs, rules=rules_of(tests=RANKS)))
    assert [(one.n, one.smallest_p, one.penalty) for one in found] == [
        (4, 2 / 2**4, 2),
        (10, 2 / 2**10, 2),
    ]
    assert {one.seeds_needed for one in found} == {seeds_needed(0.05, 2)}


def test_where_no_pair_could_be_shown_all_of_them_are_paid_for() -> None:
    pairs = [pair_of("a", name, n=4, smallest_p=2 / 2**4) for name in "bc"]
    (power,) = of_kind(Power, found_in(pairs=pairs, rules=rules_of(tests=RANKS)))
    assert power.penalty == 2
    uncorrected = rules_of(tests=RANKS, correction="none")
    (power,) = of_kind(Power, found_in(pairs=pairs, rules=uncorrected))
    assert power.penalty == 1


# ---------------------------------------------------------------------- over scenarios


def rank(name: str, average: float, group: str = "a", **changes: Any) -> OverallRank:
    known = {"rank_best": 1, "rank_worst": 3, "rank_reason": ""}
    return OverallRank(name, average, group, 0.5, 0.4, 0.6, **(known | changes))


def over(*ranks: OverallRank, **changes: Any) -> Across:
    known: dict[str, Any] = {
        "question": LIKE_THESE,
        "omnibus": None,
        "correction": NEMENYI,
        "critical_difference": NAN,
        "pairs": (),
    }
    return Across(ranks=ranks, **(known | changes))


RANKS_OF_THREE = (rank("a", 1.2, "a"), rank("b", 1.9, "ab"), rank("c", 2.9, "b"))


def test_by_average_ranks_the_best_is_named_with_who_is_tied() -> None:
    pairs = (pair_of("a", "c"), pair_of("a", "b", p=0.3), pair_of("b", "c", p=0.4))
    found = found_in(over=[over(*RANKS_OF_THREE, critical_difference=1.5, pairs=pairs)])
    ranking = only(OverallRanking, found)
    assert (ranking.best, ranking.best_rank, ranking.tied) == ("a", 1.2, ("b",))
    assert (ranking.differing, ranking.pairs, ranking.critical_difference) == (1, 3, 1.5)
    assert of_kind(TooFewScenarios, found) == []


@pytest.mark.parametrize(
    ("critical", "p", "is_told"),
    [(2.5, 0.3, True), (2.0, 0.3, False), (2.5, 0.001, False)],
)
def test_scenarios_are_too_few_where_no_gap_could_be_large_enough(
    critical: float, p: float, is_told: bool
) -> None:
    """Three average ranks lie at most 2 apart."""
    one = over(*RANKS_OF_THREE, critical_difference=critical, pairs=(pair_of("a", "c", p=p),))
    found = of_kind(TooFewScenarios, found_in(over=[one]))
    assert found == ([TooFewScenarios(1)] if is_told else [])


@pytest.mark.parametrize(("count", "tied"), [(MOST_LETTERS, 25), (MOST_LETTERS + 1, 0)])
def test_of_more_strategies_than_letters_nobody_is_called_tied(count: int, tied: int) -> None:
    ranks = [rank(f"m{k}", 1.0 + k) for k in range(count)]
    found = only(OverallRanking, found_in(over=[over(*ranks, critical_difference=1.5)]))
    assert len(found.tied) == tied


def test_of_two_over_scenarios_the_pair_says_it_all() -> None:
    pair = pair_of(scenario=None, question=LIKE_THESE)
    one = over(*RANKS_OF_THREE[:2], pairs=(pair,), omnibus=omnibus_of(scenario=None))
    found = found_in(over=[one])
    assert only(TwoStrategies, found).pair is pair
    assert only(Ranking, found).scenario == "split"


@pytest.mark.parametrize(("question", "is_told"), [(LIKE_THESE, True), (THESE, False)])
def test_where_seeds_were_added_it_is_told_whether_like_these_was_asked(
    question: str, is_told: bool
) -> None:
    one = over(*RANKS_OF_THREE, question=question)
    found = found_in(over=[one], rules=rules_of(looked=looked()))
    assert only(SeedsAdded, found).scenarios_like_these is is_told


def test_by_design_each_question_has_its_ranking() -> None:
    pairs = [pair_of("a", name, scenario=None, question=THESE) for name in "bc"]
    ranks = (rank("a", 1.0, rank_worst=1), *RANKS_OF_THREE[1:])
    one = over(*ranks, question=THESE, pairs=tuple(pairs), omnibus=omnibus_of(scenario=None))
    found = found_in(over=[one], rules=rules_of(baseline="c"))
    ranking = of_kind(Ranking, found)[-1]
    assert (ranking.scenario, ranking.question, ranking.winner) == (None, THESE, "a")
    assert ranking.differing == 2
    against = of_kind(AgainstBaseline, found)[-1]
    assert (against.scenario, against.question, against.better) == (None, THESE, ("a",))
    assert [one.omnibus.scenario for one in of_kind(AllStrategies, found)] == [None]
    assert np.isnan(one.critical_difference)
