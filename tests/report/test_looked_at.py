"""How the seeds of a comparison came together, from the looks and the runs of its record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.records import CellRecord, RecordFile
from clbench.records.looks import Look
from clbench.records.provenance import named
from clbench.report.contest import BASELINE, NAN
from clbench.report.looked import Looked, looked_at
from clbench.report.runs import Runs
from clbench.report.score_tables import tables_of
from clbench.stats.always_valid import always_valid, always_valid_interval
from clbench.stats.declared import DECLARED
from clbench.stats.looks import EQUIVALENT, FIRST, OPEN, SECOND, LookPlan
from tests.report.built import pair_of, rules_of, runs_of, scenarios_of, untested_pair
from tests.report.test_looked import LEADS, RULE, look

EIGHT = tuple(range(8))


def cell(made: Any, name: str, seeds: Any = EIGHT, scenario: str = "split") -> CellRecord:
    found: CellRecord = made.cell(name, [0.5] * len(seeds), scenario, seed=np.array(seeds))
    return found


def record_of(cells: Any, *looks: Look, runs: Any = ()) -> RecordFile:
    return RecordFile(2, "demo", "", {}, list(cells), looks=looks, runs=runs)


def runs_in(cells: Any) -> dict[str, list[Runs]]:
    runs = []
    for one in cells:
        values = [0.5] * len(one.seed)
        runs.append(runs_of(one.label, values, one.scenario, seeds=one.seed))
    return scenarios_of(*runs)


def found_in(cells: Any, *looks: Look, runs: Any = (), **rules: Any) -> Looked | None:
    record = record_of(cells, *looks, runs=runs)
    return looked_at(record, runs_in(cells), rules_of(**rules))


def at(day: int = 1, **seeds: Any) -> Look:
    """A look at these seeds of cells."""
    cells = {f"split-{name}": tuple(own) for name, own in seeds.items()}
    return replace(look(1, day=day), cells=cells)


# ---------------------------------------------------------------------- earlier looks


@pytest.mark.parametrize(
    ("then", "sizes"),
    [
        ({"a": range(5), "b": range(5)}, [5]),
        ({"a": range(8), "b": range(5)}, [5]),  # the pair had five in common
        ({"a": range(8), "b": range(8)}, []),  # as many as now
        ({"a": range(20), "b": range(20)}, []),  # and others that are gone
        ({"a": range(5)}, []),  # a strategy alone is not compared
        ({"a": [0, 1], "b": [2, 3]}, []),  # nor two that shared no seed
        ({"a": [0, 1, 2], "b": [2, 3]}, [1]),
        ({"a": range(5), "gone": range(5)}, []),
        ({}, []),
    ],
)
def test_a_look_counts_where_two_had_fewer_seeds_in_common(
    made: Any, then: dict[str, Any], sizes: list[int]
) -> None:
    found = found_in([cell(made, "a"), cell(made, "b")], at(**then))
    assert [size for size, _ in (found.earlier if found else ())] == sizes


def test_strategies_of_two_scenarios_were_never_compared(made: Any) -> None:
    cells = [cell(made, "a"), cell(made, "b", scenario="other")]
    one = replace(look(5), cells={"split-a": (0, 1), "other-b": (0, 1)})
    assert found_in(cells, one) is None


def test_looks_are_told_by_the_number_of_seeds_the_last_day_of_each(made: Any) -> None:
    cells = [cell(made, "a"), cell(made, "b"), cell(made, "c", range(6))]
    looks = [look(7, day=1), look(5, day=2), look(5, day=3)]
    found = found_in(cells, *looks)
    assert found is not None
    assert found.earlier == ((5, "2026-11-03"), (7, "2026-11-01"))


def test_three_of_the_same_seeds_are_counted_once(made: Any) -> None:
    cells = [cell(made, name) for name in "abc"]
    found = found_in(cells, at(a=range(5), b=range(5), c=range(6)))
    assert found is not None
    # a and b had five in common, each of them with c, too.
    assert found.earlier == ((5, "2026-11-01"),)


@pytest.mark.parametrize("changes", [{"metric": "forgetting"}, {"cells": {}}])
def test_looks_by_another_metric_do_not_count(made: Any, changes: Any) -> None:
    cells = [cell(made, "a"), cell(made, "b")]
    assert found_in(cells, replace(look(5), **changes)) is None


# ---------------------------------------------------------------------- the order of seeds


def test_seeds_are_in_the_order_of_the_days_on_which_they_first_ran(made: Any) -> None:
    days = [named({"date": f"2026-11-0{day}"}) for day in (3, 1, 2)]
    names = [str(one["id"]) for one in days]
    a, b = cell(made, "a", range(4)), cell(made, "b", range(4))
    # Seed 0 ran on the 3rd, 1 and 2 on the 1st, 3 on the 2nd; of b seed 0 ran on the 2nd already.
    a = replace(a, run=np.array([names[k] for k in (0, 1, 1, 2)], dtype=object))
    b = replace(b, run=np.array([names[k] for k in (2, 1, 1, 2)], dtype=object))
    found = found_in([a, b], look(2), runs=days)
    assert found is not None
    assert found.order == (1, 2, 0, 3)


def test_seeds_of_runs_that_do_not_say_when_are_in_order(made: Any) -> None:
    found = found_in([cell(made, "a", [5, 1, 3]), cell(made, "b", [1, 3, 5])], at(a=[1], b=[1]))
    assert found is not None
    assert found.order == (1, 3, 5)


# ---------------------------------------------------------------------- declared looks


def ruled(seeds: int = 6, day: int = 1, **changes: Any) -> Look:
    return look(seeds, day=day, test=DECLARED, rule=RULE | changes)


def declared(made: Any, *looks: Look, seeds: Any = EIGHT, **rules: Any) -> Looked:
    found = found_in([cell(made, "a", seeds), cell(made, "b", seeds)], *looks, **rules)
    assert found is not None
    return found


def test_looks_that_a_run_went_by_decide(made: Any) -> None:
    found = declared(made, ruled(), ruled(8, day=2))
    assert (found.declared, found.problem, found.baseline) == ((6, 8), "", None)
    assert found.plan == LookPlan((6, 8), alpha=0.05, rope=None, method=DECLARED)


def test_a_rule_of_other_cells_is_nothing_to_these(made: Any) -> None:
    elsewhere = replace(ruled(), cells={"elsewhere": (0, 1)})
    assert found_in([cell(made, "a"), cell(made, "b")], elsewhere) is None


@pytest.mark.parametrize(
    ("rule", "rules", "problem"),
    [
        ({}, {"alpha": 0.01}, "they were declared for another alpha or rope"),
        ({"rope": 0.01}, {}, "they were declared for another alpha or rope"),
        ({"baseline": "a"}, {}, "they were declared for other pairs"),
        ({"baseline": "a"}, {"baseline": "a"}, "they were declared for other pairs"),
        ({"baseline": "a"}, {"baseline": "b", "family": BASELINE}, "they were declared for other"),
        ({}, {"baseline": "a", "family": BASELINE}, "they were declared for other pairs"),
        ({"baseline": "a"}, {"baseline": "a", "family": BASELINE}, ""),
        ({"rope": 0.01}, {"rope": 0.01}, ""),
        ({"alpha": "much"}, {}, "what the record says of them is damaged"),
        ({"looks": [8, 6]}, {}, "what the record says of them is damaged"),
        ({"looks": []}, {}, "what the record says of them is damaged"),
    ],
)
def test_looks_decide_what_they_were_declared_for(
    made: Any, rule: dict[str, Any], rules: dict[str, Any], problem: str
) -> None:
    found = declared(made, ruled(**rule), **rules)
    assert found.problem.startswith(problem)
    assert bool(found.problem) is bool(problem)
    assert (found.plan is None) is bool(problem)


def test_a_rule_without_a_key_is_damaged(made: Any) -> None:
    without = {key: value for key, value in RULE.items() if key != "rope"}
    found = declared(made, look(6, rule=without))
    assert found.problem == "what the record says of them is damaged"


def test_seeds_that_no_plan_would_add_are_not_decided_by_it(made: Any) -> None:
    found = declared(made, ruled(), seeds=range(1, 9))
    assert found.problem == "other seeds are compared"


def test_a_plan_that_was_made_after_a_look_or_changed_is_none(made: Any) -> None:
    after = declared(made, look(5), ruled(day=2))
    assert after.problem.startswith("somebody had compared the strategies before")
    # By another metric nobody could see what the plan decides.
    by_another = declared(made, look(5, metric="forgetting"), ruled(day=2))
    assert by_another.problem == ""
    anew = declared(made, ruled(), ruled(8, day=2, looks=[6, 8, 10]))
    assert anew.problem == "they were declared anew after a look"


def test_as_plain_data(made: Any) -> None:
    assert declared(made, ruled()).to_plain() == {
        "earlier": [{"seeds": 6, "date": "2026-11-01"}],
        "declared": [6, 8],
        "problem": None,
    }
    assert Looked((), (), problem="why").to_plain() == {
        "earlier": [],
        "declared": None,
        "problem": "why",
    }


# ---------------------------------------------------------------------- verdicts


def scores(leads: Any = LEADS, scenario: str = "split", **changes: Any) -> list[Runs]:
    even = np.full(len(leads), 0.5)
    return [
        runs_of("a", even + leads, scenario, **changes),
        runs_of("b", even, scenario),
    ]


def judged(leads: Any, *pairs: Any, order: Any = EIGHT, **rules: Any) -> Any:
    looked = Looked((), tuple(order))
    return looked.within(pairs or [pair_of()], scenarios_of(*scores(leads)), rules_of(**rules))


def p_by_hand(leads: Any, order: Any = EIGHT) -> float:
    table = np.stack([0.5 + np.asarray(leads), np.full(len(leads), 0.5)], axis=1)
    return float(always_valid(table[list(order)], [(0, 1)]).last[0])


@pytest.mark.parametrize("order", [EIGHT, EIGHT[::-1]])
def test_the_p_however_often_is_of_bets_in_the_order_of_seeds(order: Any) -> None:
    (pair,) = judged(LEADS, order=order)
    assert pair.p_always == p_by_hand(LEADS, order)


def test_a_pair_in_the_other_order_has_the_same_p_and_the_other_decision() -> None:
    growing = LEADS[::-1]
    there, back = judged(growing, pair_of(), pair_of("b", "a"))
    assert there.p_always == back.p_always <= 0.05
    assert (there.decision, there.better) == (FIRST, 1)
    assert (back.decision, back.better) == (SECOND, -1)


@pytest.mark.parametrize(
    ("leads", "decision"),
    [(LEADS[::-1], FIRST), (-LEADS[::-1], SECOND), (LEADS, OPEN), (0 * LEADS, OPEN)],
)
def test_who_is_ahead_is_decided_by_signed_ranks(leads: Any, decision: str) -> None:
    (pair,) = judged(leads)
    assert pair.decision == decision


def test_alpha_itself_is_enough() -> None:
    growing = LEADS[::-1]
    alpha = p_by_hand(growing)
    assert [pair.decision for pair in judged(growing, alpha=alpha)] == [FIRST]
    assert [pair.decision for pair in judged(growing, alpha=alpha * 0.99)] == [OPEN]


def test_a_pair_that_was_not_tested_is_not_decided() -> None:
    (pair,) = judged(LEADS[::-1], untested_pair(n=2))
    assert pair.decision == ""


def test_equivalent_is_whose_interval_at_all_sizes_is_within_the_region() -> None:
    leads = np.tile([0.01, -0.01], 8)
    interval = always_valid_interval(leads, 0.05)
    even = tuple(range(16))
    for rope, decision in ((interval.high * 1.01, EQUIVALENT), (interval.high * 0.99, OPEN)):
        (pair,) = judged(leads, order=even, rope=rope)
        assert pair.decision == decision
    # Two pairs share alpha, so that the interval is longer.
    two = judged(leads, pair_of(), pair_of(), order=even, rope=interval.high * 1.01)
    assert {pair.decision for pair in two} == {OPEN}


def test_with_a_failed_run_nothing_is_equivalent() -> None:
    runs = scores(0 * LEADS, failed=[0])
    looked = Looked((), EIGHT)
    (pair,) = looked.within([pair_of()], scenarios_of(*runs), rules_of(rope=10.0))
    assert pair.decision == OPEN


def test_declared_looks_stand_above_what_holds_however_often() -> None:
    plan = LookPlan((6, 8))
    looked = Looked((), EIGHT, plan)
    by_scenario = scenarios_of(*scores(LEADS))
    there, back = looked.within([pair_of(), pair_of("b", "a")], by_scenario, rules_of())
    assert there.p_always > 0.05
    assert (there.decision, back.decision) == (FIRST, SECOND)
    assert (there.winner, back.winner) == ("a", "a")


def test_a_comparison_with_a_baseline_is_decided_by_its_own_looks() -> None:
    looked = Looked((), EIGHT, LookPlan((6, 8)), baseline="b")
    runs = [*scores(LEADS), runs_of("c", 0.5 - LEADS)]
    pairs = [pair_of("a", "b"), pair_of("a", "c"), pair_of("b", "c")]
    found = looked.within(pairs, scenarios_of(*runs), rules_of())
    # Of a and c nothing was declared: bets of twice these leads decide nothing, too.
    assert [pair.decision for pair in found] == [FIRST, OPEN, FIRST]


# ---------------------------------------------------------------------- over scenarios


def test_on_these_scenarios_bets_are_on_a_seeds_mean() -> None:
    growing = LEADS[::-1]
    tables = tables_of([scores(growing, "one"), scores(3 * growing, "two")])
    looked = Looked((), EIGHT[::-1])
    pair = pair_of(scenario=None)
    turned, there = looked.over([pair.turned(), pair], tables, rules_of())
    assert there.p_always == p_by_hand(2 * growing, EIGHT[::-1])
    assert turned.p_always == there.p_always
    later = Looked((), EIGHT).over([pair], tables, rules_of())
    assert later[0].decision == FIRST


def test_seeds_that_are_not_in_the_order_are_not_bet_on() -> None:
    tables = tables_of([scores(LEADS)])
    (pair,) = Looked((), (2, 0, 1, 99)).over([pair_of(scenario=None)], tables, rules_of())
    assert pair.p_always == p_by_hand(LEADS, (2, 0, 1))
    assert pair_of().p_always is NAN
