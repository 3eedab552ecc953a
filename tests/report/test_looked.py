"""Verdicts of records to which seeds were added after somebody had looked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.records import CellRecord, RecordFile, Results, read_record, write_file
from clbench.records.looks import Look
from clbench.records.provenance import named
from clbench.report.compare_formats import render
from clbench.report.compare_tables import tables
from clbench.report.comparison import Comparison, compare
from clbench.report.findings import AllStrategies, SeedsAdded
from clbench.report.short import short
from clbench.stats.always_valid import always_valid
from clbench.stats.declared import ALWAYS_VALID, DECLARED

# Ahead at each of eight seeds, by less each time: a test of a fixed number finds it, and bets that
# grow with the size of a difference do not yet.
LEADS = np.array([0.08, 0.07, 0.06, 0.05, 0.04, 0.03, 0.02, 0.01])
EVEN = np.array([0.5] * 8)
RULE = {"looks": [6, 8], "alpha": 0.05, "rope": None, "method": DECLARED, "baseline": None}


def look(seeds: int, *keys: str, day: int = 1, rule: Any = None, **changes: Any) -> Look:
    cells = dict.fromkeys(keys or ("split-a", "split-b"), tuple(range(seeds)))
    date = f"2026-11-{day:02d}T10:00:00+00:00"
    known = Look(date, cells, "average_accuracy", 0.05, "t", rule or {})
    return replace(known, **changes)


def two(made: Any, leads: Any = LEADS, scenario: str = "split") -> list[CellRecord]:
    even = np.full(len(leads), 0.5)
    return made.cells({"a": even + leads, "b": even}, scenario)


def compared(
    made: Any, cells: list[CellRecord], *looks: Look, text: str = "", runs: Any = (), **options: Any
) -> Comparison:
    record = RecordFile(2, "demo", text, {"python": "3"}, cells, looks=looks, runs=runs)
    return compare(Results(record, made.host), **options)


def added(comparison: Comparison) -> SeedsAdded | None:
    return next((one for one in comparison.findings if isinstance(one, SeedsAdded)), None)


# ---------------------------------------------------------------------- however often


def test_where_nobody_looked_before_p_is_that_of_a_fixed_number(made) -> None:
    found = compared(made, two(made))
    (pair,) = found.pairs
    assert (pair.verdict, np.isnan(pair.p_always), pair.decision) == ("a better", True, "")
    assert added(found) is None
    assert found.to_json()["looks"] is None
    assert "p however often" not in tables(found)[1].headers


def test_where_fewer_seeds_were_compared_before_verdicts_go_by_the_p_however_often(made) -> None:
    found = compared(made, two(made), look(5), look(7, day=2))
    (pair,) = found.pairs
    expected = always_valid(np.stack([0.5 + LEADS, EVEN], axis=1), [(0, 1)]).last[0]
    assert pair.p_adjusted < 0.05 < pair.p_always == expected
    assert (pair.verdict, pair.decision) == ("cannot be told apart", "open")
    assert {(row.rank_best, row.rank_worst) for row in found.summary} == {(1, 2)}
    told = added(found)
    assert told is not None
    assert told.earlier == ((5, "2026-11-01"), (7, "2026-11-02"))
    (sentence,) = [line for line in found.text if line.startswith("Seeds were added")]
    assert "compared before, with 5 (2026-11-01), 7 (2026-11-02) of the seeds" in sentence
    assert "verdicts go by `p however often`" in sentence
    assert any("if the number of seeds had been fixed, = " in line for line in found.text)


def test_both_p_are_printed_and_in_the_json(made) -> None:
    found = compared(made, two(made), look(5), baseline="b")
    (pair,) = found.to_json()["pairs"]
    assert pair["p_adjusted"] < 0.05 < pair["p_always"]
    assert found.to_json()["looks"] == {
        "earlier": [{"seeds": 5, "date": "2026-11-01"}],
        "declared": None,
        "problem": None,
    }
    summary, pairs = tables(found)
    for table in (summary, pairs):
        row = dict(zip(table.headers, table.rows[0], strict=True))
        assert float(row["adjusted p"]) < 0.05 < float(row["p however often"])
    assert "p however often" in str(render(found, "markdown"))


def test_a_difference_that_grows_is_found_however_often_one_looks(made) -> None:
    found = compared(made, two(made, LEADS[::-1]), look(5))
    (pair,) = found.pairs
    assert pair.p_always < 0.05
    assert pair.verdict == "a better"


@pytest.mark.parametrize(
    "other",
    [
        look(5, metric="forgetting"),
        look(8),
        look(5, "split-a", "elsewhere"),
        look(12),
    ],
)
def test_looks_at_other_things_or_at_no_fewer_seeds_change_nothing(made, other: Look) -> None:
    assert added(compared(made, two(made), other)) is None


def test_bets_are_made_in_the_order_in_which_seeds_were_added(made) -> None:
    later, sooner = (named({"date": f"2026-11-0{day}", "cpu": "A"}) for day in (2, 1))
    run = np.array([str(later["id"])] * 4 + [str(sooner["id"])] * 4, dtype=object)
    cells = [replace(cell, run=run) for cell in two(made)]
    found = compared(made, cells, look(4), runs=(sooner, later))
    order = [4, 5, 6, 7, 0, 1, 2, 3]
    scores = np.stack([0.5 + LEADS, EVEN], axis=1)
    assert found.pairs[0].p_always == always_valid(scores[order], [(0, 1)]).last[0]
    assert found.pairs[0].p_always != always_valid(scores, [(0, 1)]).last[0]


def test_no_test_of_all_strategies_is_told_of_a_record_that_grew(made) -> None:
    cells = made.cells({"a": 0.5 + LEADS, "b": EVEN, "c": EVEN - LEADS})
    before, grew = compared(made, cells), compared(made, cells, look(5))
    assert any(isinstance(one, AllStrategies) for one in before.findings)
    assert not any(isinstance(one, AllStrategies) for one in grew.findings)
    assert all("omnibus" not in pair.verdict for pair in grew.pairs)


def test_over_these_scenarios_the_same_holds(made) -> None:
    cells = [*two(made), *two(made, scenario="other")]
    keys = ("split-a", "split-b")
    found = compared(made, cells, look(5, *keys))
    assert found.overall is not None
    (pair,) = found.overall.pairs
    assert pair.p_adjusted < 0.05 < pair.p_always
    assert pair.verdict == "cannot be told apart"
    assert {(row.rank_best, row.rank_worst) for row in found.overall.ranks} == {(1, 2)}


def test_equivalence_needs_an_interval_that_holds_at_all_sizes(made) -> None:
    leads = np.array([0.004, -0.004, 0.003, -0.003, 0.002, -0.002, 0.001, -0.001])
    fixed = compared(made, two(made, leads), rope=0.004)
    grown = compared(made, two(made, leads), look(5), rope=0.004)
    assert fixed.pairs[0].verdict == "equivalent within ±0.004"
    assert grown.pairs[0].verdict == "cannot be told apart"
    wide = compared(made, two(made, leads), look(5), rope=0.02)
    assert wide.pairs[0].verdict == "equivalent within ±0.02"


def test_runs_that_are_not_paired_are_told_to_have_no_such_p(made) -> None:
    found = compared(made, two(made), look(5), unpaired=True)
    assert np.isnan(found.pairs[0].p_always)
    (sentence,) = [line for line in found.text if line.startswith("Seeds were added")]
    assert "as if the number of seeds had been fixed, which it was not" in sentence


# ---------------------------------------------------------------------- declared looks


def ruled(seeds: int, day: int = 1, **changes: Any) -> Look:
    return look(seeds, day=day, test=DECLARED, rule=RULE | changes)


def test_verdicts_of_an_adaptive_run_are_what_its_looks_decide(made) -> None:
    found = compared(made, two(made), ruled(6), ruled(8, day=2))
    (pair,) = found.pairs
    # The declared looks decide at eight seeds what bets however often do not.
    assert pair.p_always > 0.05
    assert (pair.verdict, pair.decision) == ("a better", "first better")
    (sentence,) = [line for line in found.text if line.startswith("Seeds were added")]
    assert "looks that were declared beforehand (at 6, 8 seeds)" in sentence
    turned = compared(made, two(made)[::-1], ruled(6), ruled(8, day=2))
    assert turned.pairs[0].verdict == "a better"
    assert found.to_json()["looks"]["declared"] == [6, 8]


def test_a_run_that_stopped_by_one_metric_stopped_by_the_others_too(made) -> None:
    by_another = [replace(one, metric="forgetting") for one in (ruled(6), ruled(8, day=2))]
    found = compared(made, two(made), *by_another)
    assert found.pairs[0].decision == "first better"
    told = added(found)
    assert told is not None
    assert told.by_looks == (6, 8)


def test_what_is_open_at_the_last_look_is_not_called_equal(made) -> None:
    found = compared(made, two(made, 0 * LEADS), ruled(6), ruled(8, day=2))
    assert found.pairs[0].verdict == "cannot be told apart"
    rope = {"rope": 0.01}
    equal = compared(made, two(made, 0 * LEADS), ruled(6, **rope), **rope)
    assert equal.pairs[0].verdict == "equivalent within ±0.01"


@pytest.mark.parametrize(
    ("looks", "options", "problem"),
    [
        ([ruled(6)], {"alpha": 0.01}, "they were declared for another alpha or rope"),
        ([ruled(6)], {"rope": 0.01}, "they were declared for another alpha or rope"),
        ([ruled(6)], {"baseline": "b"}, "they were declared for other pairs"),
        (
            [look(5), ruled(6, day=2)],
            {},
            "somebody had compared the strategies before they were declared",
        ),
        ([ruled(6), ruled(8, day=2, looks=[6, 8, 9])], {}, "they were declared anew after a look"),
        ([ruled(6, looks="many")], {}, "what the record says of them is damaged"),
    ],
)
def test_looks_that_cannot_decide_leave_it_to_what_holds_however_often(
    made, looks: list[Look], options: dict[str, Any], problem: str
) -> None:
    found = compared(made, two(made), *looks, **options)
    told = added(found)
    assert told is not None
    assert (told.problem, told.by_looks) == (problem, ())
    assert found.pairs[0].verdict == "cannot be told apart"


def test_a_suite_that_adds_seeds_compares_with_its_baseline_alone(made) -> None:
    text = "seeds: {until: separated}\ncompare: {baseline: b}\n"
    cells = made.cells({"a": 0.5 + LEADS, "b": EVEN, "c": EVEN - LEADS})
    found = compared(made, cells, ruled(6, baseline="b", method=ALWAYS_VALID), text=text)
    assert {frozenset((pair.a, pair.b)) for pair in found.pairs} == {
        frozenset("ab"),
        frozenset("bc"),
    }
    told = added(found)
    assert told is not None
    assert told.by_looks == (6, 8)


def test_a_look_at_a_run_that_is_not_over_knows_what_was_declared(project, made) -> None:
    text = "seeds: {until: separated, looks: [6, 8]}\ncompare: {metric: average_accuracy}\n"
    path = project.folder / "r.h5"
    write_file(path, RecordFile(2, "demo", text, {"python": "3"}, two(made, LEADS[:4])))
    assert project.clbench("compare", "r.h5").code == 0
    (early,) = read_record(path).looks
    assert early.rule == RULE
    looks = (*read_record(path).looks, ruled(6, day=2), ruled(8, day=3))
    found = compared(made, two(made), *looks, text=text)
    assert found.pairs[0].decision == "first better"


def test_what_is_compared_is_what_decided_how_many_seeds_there_are(made) -> None:
    text = "seeds: {until: separated, looks: [6, 8], alpha: 0.2, rope: 0.001}\n"
    found = compared(made, two(made), ruled(6, alpha=0.2, rope=0.001), text=text)
    assert (found.alpha, found.rope) == (0.2, 0.001)
    told = added(found)
    assert told is not None
    assert told.by_looks == (6, 8)
    assert compared(made, two(made), text=text, alpha=0.01).alpha == 0.01


def test_the_command_says_it_of_a_record_that_grew(project, made) -> None:
    path = project.folder / "r.h5"
    write_file(path, RecordFile(2, "demo", "", {"python": "3"}, two(made, LEADS[:5])))
    assert "Seeds were added" not in project.clbench("compare", "r.h5").stdout
    write_file(path, replace(read_record(path), cells=two(made)))
    grew = project.clbench("compare", "r.h5").stdout
    assert "compared before, with 5 (" in grew
    assert "p however often" in grew
    assert short(compare(path))[2] == (
        "  Seeds were added after a look, so ranks go by a p that holds however often one looks."
    )
    assert [len(max(one.cells.values())) for one in read_record(path).looks] == [5, 8]
