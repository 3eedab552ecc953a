"""Which strategies are told apart, by name, scenario by scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench.stats.looks import DECIDED, EQUIVALENT, FIRST, MORE, OPEN, SECOND, UNDECIDED, LookPlan
from clbench.stats.separation import Separation, separation
from clbench.typing import Array

PLAN = LookPlan((6, 9, 12), alpha=0.2, draws=999)


@dataclass(frozen=True)
class Scored:
    strategy: str
    seed: Array
    score: Array


def scored(name: str, mean: float, seeds: int = 12, number: int = 0) -> Scored:
    values = np.random.default_rng(number).normal(mean, 0.1, seeds)
    return Scored(name, np.arange(seeds), values)


def verdicts(found: Separation) -> dict[tuple[str, str, str], tuple[str, int | None]]:
    return {(pair.scenario, pair.a, pair.b): (pair.verdict, pair.look) for pair in found.pairs}


def test_pairs_far_apart_are_decided_at_the_first_look_that_can() -> None:
    runs = [scored("poor", 0, number=1), scored("good", 5, number=2)]
    found = separation({"s": runs}, range(6), PLAN)
    assert verdicts(found) == {("s", "poor", "good"): (SECOND, 6)}
    assert (found.state, found.next_look, found.undecided) == (DECIDED, None, [])


def test_what_is_open_asks_for_the_next_look_and_stays_undecided_at_the_last() -> None:
    same = scored("a", 0, number=1)
    runs = [same, Scored("b", same.seed, same.score)]
    assert separation({"s": runs}, range(6), PLAN).next_look == 9
    assert separation({"s": runs}, range(9), PLAN).state == MORE
    last = separation({"s": runs}, range(12), PLAN)
    assert (last.state, last.next_look) == (UNDECIDED, None)
    assert verdicts(last) == {("s", "a", "b"): (OPEN, None)}
    within = LookPlan((6, 9, 12), alpha=0.2, rope=0.05, draws=999)
    assert verdicts(separation({"s": runs}, range(9), within))["s", "a", "b"] == (EQUIVALENT, 6)


def test_with_a_baseline_its_pairs_alone_are_decided_wherever_it_stands() -> None:
    runs = [scored("a", 0, number=1), scored("b", 0, number=2), scored("base", 5, number=3)]
    found = separation({"s": runs}, range(6), PLAN, baseline="base")
    assert verdicts(found) == {("s", "base", "a"): (FIRST, 6), ("s", "base", "b"): (FIRST, 6)}
    assert found.state == DECIDED
    # Where nobody has the baseline there is nothing to decide.
    assert separation({"s": runs}, range(6), PLAN, baseline="else").pairs == ()


def test_a_scenario_with_one_strategy_costs_the_others_no_alpha() -> None:
    runs = [scored("poor", 0, number=1), scored("good", 5, number=2)]
    plan = LookPlan((6, 9, 12), alpha=0.08, draws=999)
    alone = separation({"s": runs}, range(6), plan)
    assert alone.state == DECIDED
    assert separation({"s": runs, "t": runs[:1]}, range(6), plan) == alone
    # Two scenarios share it: six seeds cannot reach half of what the first look has.
    assert separation({"s": runs, "t": runs}, range(6), plan).state == MORE


def test_failed_runs_count_as_worst_and_missing_ones_not() -> None:
    failing = Scored("failing", np.arange(12), np.full(12, -np.inf))
    runs = [scored("fine", 0, number=1), failing]
    assert verdicts(separation({"s": runs}, range(6), PLAN))["s", "fine", "failing"] == (FIRST, 6)
    short = Scored("short", np.arange(3), np.full(3, -9.0))
    found = separation({"s": [scored("fine", 0, number=1), short]}, range(12), PLAN)
    assert found.state == UNDECIDED


def test_rows_stand_in_the_order_in_which_seeds_were_added() -> None:
    values = np.array([1.0, -9, 1, 1, 1, 1, 1, 1, -9, 1, 1, 1])
    runs = [Scored("a", np.arange(12), values), Scored("b", np.arange(12), np.zeros(12))]
    seeds = [0, 2, 3, 4, 5, 6, 7, 9, 10, 11, 1, 8]
    assert separation({"s": runs}, seeds[:6], PLAN).state == DECIDED
    assert separation({"s": runs}, range(6), PLAN).state == MORE


def test_runs_may_come_in_any_sequence() -> None:
    runs = (scored("a", 0, number=1), scored("b", 0, number=2), scored("base", 5, number=3))
    for baseline in (None, "base"):
        from_list = separation({"s": list(runs)}, range(6), PLAN, baseline)
        assert separation({"s": runs}, range(6), PLAN, baseline) == from_list
    # A tuple without the baseline was taken for one that has it.
    assert separation({"s": runs[:2]}, range(6), PLAN, baseline="base").pairs == ()


def test_nothing_to_compare_is_decided() -> None:
    for scenarios in ({}, {"s": []}, {"s": [scored("a", 0)]}):
        found = separation(scenarios, range(6), PLAN)
        assert (found.state, found.next_look, found.pairs) == (DECIDED, None, ())


def test_seeds_that_were_not_added_yet_are_not_looked_at() -> None:
    """What a record holds beyond the seeds that are asked about changes nothing."""
    short = [scored("a", 0, seeds=6, number=1), scored("b", 5, seeds=6, number=2)]
    long = []
    for runs in short:
        score = np.append(runs.score, np.full(6, -100.0))
        long.append(Scored(runs.strategy, np.arange(12), score))
    assert separation({"s": long}, range(6), PLAN) == separation({"s": short}, range(6), PLAN)


def test_scenarios_are_added_to_together() -> None:
    """The one that is decided waits for the other's next look, which all of them are run up to."""
    apart = [scored("a", 0, number=1), scored("b", 9, number=2)]
    same = [scored("a", 0, number=3), Scored("b", np.arange(12), scored("a", 0, number=3).score)]
    plan = LookPlan((6, 9, 12), alpha=0.4, draws=999)
    found = separation({"apart": apart, "same": same}, range(6), plan)
    assert (found.state, found.next_look) == (MORE, 9)
    assert [pair.scenario for pair in found.undecided] == ["same"]
