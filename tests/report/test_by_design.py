"""The tests of a comparison are those that the design asks for, from records to verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import UserError
from clbench.records import load
from clbench.records.cell import select
from clbench.report.contest import differs
from clbench.stats.questions import (
    Plan,
    over_scenarios_like_these,
    over_these_scenarios,
    within_scenarios,
)

SHIPPED = Path(__file__).parents[2] / "leaderboard" / "records" / "split_digits.h5"
SCENARIOS = ("one", "two", "three")


def tables(scenarios: int, seeds: int, seed: int = 0) -> list[Any]:
    """Five strategies, the first of them 2 sd better."""
    rng = np.random.default_rng(seed)
    drawn = 0.5 + 0.02 * rng.normal(size=(scenarios, seeds, 5))
    drawn[:, :, 0] += 0.06
    return list(drawn)


def cells_of(made: Any, every: list[Any], **changes: Any) -> list[Any]:
    cells = []
    for s, table in enumerate(every):
        named = {f"m{k}": table[:, k] for k in range(table.shape[1])}
        cells += made.cells(named, f"s{s}", **changes)
    return cells


def test_the_pipeline_says_what_the_pure_functions_say(made: Any) -> None:
    every = tables(7, 6)
    found = made.compared(*cells_of(made, every))
    answers = within_scenarios(every, Plan(0.05))
    expected = np.concatenate([answer.p_adjusted for answer in answers])
    assert [pair.p_adjusted for pair in found.pairs] == expected.tolist()
    for overall, answer in (
        (found.overall, over_these_scenarios(every, Plan(0.05))),
        (found.like_these, over_scenarios_like_these(every, Plan(0.05))),
    ):
        assert [pair.p_adjusted for pair in overall.pairs] == answer.p_adjusted.tolist()
        assert overall.p == answer.omnibus.p
        for pair, one in zip(overall.pairs, answer.pairs, strict=True):
            apart = [table[:, one.first] - table[:, one.second] for table in every]
            assert pair.difference == pytest.approx(np.mean(apart))
            assert differs(pair, 0.05) == one.differs(0.05)


def test_five_seeds_can_tell_strategies_apart(made: Any) -> None:
    """Signed ranks of five seeds have no p below 0.0625, however large the difference."""
    cells = made.three(seeds=5)
    assert {pair.verdict for pair in made.compared(*cells, tests="ranks").pairs} == {
        "cannot be told apart"
    }
    found = made.compared(*cells)
    assert {pair.verdict for pair in found.pairs} == {"good better", "middle better"}
    assert {pair.test for pair in found.pairs} == {"paired t"}
    assert "the paired t test (sign flips of 5 seeds cannot reach alpha = 0.05)" in found.design


def test_of_the_shipped_record_five_seeds_tell_pairs_apart(made: Any) -> None:
    record = load(SHIPPED).record
    cells = [select(cell, np.flatnonzero(cell.seed < 5)) for cell in record.cells]
    told_apart = {}
    for tests in ("by_design", "ranks"):
        found = made.compared(*cells, tests=tests)
        told_apart[tests] = sum(differs(pair, 0.05) for pair in found.pairs)
    assert told_apart == {"by_design": 28, "ranks": 0}


def test_with_a_baseline_its_comparisons_are_the_family(made: Any) -> None:
    cells = [cell for name in SCENARIOS for cell in made.three(name, 5)]
    found = made.compared(*cells, baseline="poor")
    assert [(pair.a, pair.b) for pair in found.pairs] == [
        ("poor", "good"),
        ("poor", "middle"),
    ] * 3
    assert len(found.overall.pairs) == 2
    assert "of every strategy with poor" in found.design
    assert found.pairs[0].p_adjusted < made.compared(*cells).pairs[0].p_adjusted
    # Of two strategies that were not compared nothing is known.
    assert {row.group for row in found.summary} == {""}
    assert {(row.strategy, row.rank_best, row.rank_worst) for row in found.summary} == {
        ("good", 1, 2),
        ("middle", 1, 2),
        ("poor", 3, 3),
    }


def test_a_baseline_of_the_suite_adds_differences_and_leaves_every_pair(made: Any) -> None:
    text = "compare: {baseline: poor}"
    found = made.compared(*made.three(), text=text)
    assert len(found.pairs) == 3
    assert found.summary[0].difference == pytest.approx(0.4, abs=0.01)
    assert len(made.compared(*made.three(), text=text, family="baseline").pairs) == 2
    asked = "compare: {baseline: poor, family: baseline}"
    assert len(made.compared(*made.three(), text=asked).pairs) == 2
    assert len(made.compared(*made.three(), text=asked, family="pairs").pairs) == 3


@pytest.mark.parametrize(
    ("asked", "tests", "correction"),
    [
        ({}, "by_design", None),
        ({"tests": "ranks"}, "ranks", "holm"),
        ({"correction": "fdr_bh"}, "ranks", "fdr_bh"),
        ({"unpaired": True}, "ranks", "holm"),
    ],
)
def test_a_correction_means_tests_on_ranks(
    made: Any, asked: dict[str, Any], tests: str, correction: str
) -> None:
    stated = f"compare: {json.dumps(asked)}"
    for found in (
        made.compared(*made.three(), **asked),
        made.compared(*made.three(), text=stated),
    ):
        assert (found.tests, found.correction) == (tests, correction)
    assert made.compared(*made.three(), text=stated, tests="by_design").tests == "by_design"


@pytest.mark.parametrize(
    "asked",
    [
        {"tests": "by_design", "correction": "holm"},
        {"tests": "by_design", "unpaired": True},
        {"tests": "ranks", "family": "baseline", "baseline": "poor"},
        {"family": "baseline"},
        {"tests": "rank"},
    ],
)
def test_what_contradicts_itself_is_refused(made: Any, asked: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        made.compared(*made.three(), **asked)


def test_an_entry_of_few_runs_has_no_rank_and_takes_nobody_elses(made: Any) -> None:
    """One seed at 10 % was rank 1, above ten seeds at 70 %."""
    one_seed = made.cell("one_seed", [0.1])
    for tests in ("by_design", "ranks"):
        found = made.compared(*made.three(seeds=10), one_seed, tests=tests)
        ranks = {row.strategy: (row.rank_best, row.rank_reason) for row in found.summary}
        assert ranks["one_seed"] == (None, "too few runs")
        assert ranks["middle"] == (2, "")
        assert found.summary[-1].strategy == "one_seed"
        assert "split: without a rank: one_seed (too few runs)." in found.text


@pytest.mark.parametrize("tests", ["by_design", "ranks"])
@pytest.mark.parametrize("others", [0, 1, 10])
def test_entries_that_cannot_be_tested_revoke_nothing(made: Any, others: int, tests: str) -> None:
    base = made.draw(0.7, 8, 1)
    cells = made.cells({"a": base + 0.01, "b": base})
    cells += [made.cell(f"few{k}", [0.5]) for k in range(others)]
    found = made.compared(*cells, tests=tests)
    (ours,) = (pair for pair in found.pairs if {pair.a, pair.b} == {"a", "b"})
    assert ours.verdict == "a better"
    assert ours.p_adjusted == ours.p
    if tests == "ranks":
        assert "p smaller than 0.00781: enough for alpha = 0.05" in "\n".join(found.text)


@pytest.mark.parametrize("tests", ["by_design", "ranks"])
def test_a_short_entry_takes_the_omnibus_test_from_nobody(made: Any, tests: str) -> None:
    found = made.compared(*made.three(seeds=5), made.cell("short", [0.6]), tests=tests)
    (omnibus,) = found.omnibus
    assert omnibus.p < 0.05
    assert "not all strategies are alike" in "\n".join(found.text)
    assert "Friedman" in found.design


@pytest.mark.parametrize("tests", ["by_design", "ranks"])
def test_three_strategies_in_one_order_on_two_seeds_are_no_proof(made: Any, tests: str) -> None:
    """F was infinite there, p below 0.0001; of the 36 arrangements six are as far apart."""
    found = made.compared(*made.three(seeds=2), tests=tests)
    assert all(one.p == pytest.approx(1 / 6) for one in found.omnibus)
    assert bool(found.omnibus) is (tests == "ranks")
    assert "Davenport" not in "\n".join(found.text)


def test_bounds_stand_apart(made: Any) -> None:
    bound = made.cell("joint", made.draw(0.95, 12, 9), declared={"bound": "it keeps all data"})
    found = made.compared(*made.three(), bound)
    last = found.summary[-1]
    assert (last.strategy, last.rank_best, last.rank_reason) == ("joint", None, "bound")
    assert (found.summary[0].strategy, found.summary[0].rank_worst) == ("good", 1)
    assert "split: good is better than every other; 6 of 6 pairs differ." in found.text


def test_ranks_follow_the_region_of_equivalence(made: Any) -> None:
    base = made.draw(0.8, 12, 3)
    cells = made.cells({"a": base + 0.002, "b": base + np.linspace(0, 0.0002, 12), "c": base - 0.3})
    ranks = [(1, 1), (2, 2), (3, 3)]
    found = made.compared(*cells)
    assert [(row.rank_best, row.rank_worst) for row in found.summary] == ranks
    found = made.compared(*cells, rope=0.01)
    assert [(row.rank_best, row.rank_worst) for row in found.summary] == [(1, 2), (1, 2), (3, 3)]


@pytest.mark.parametrize("tests", ["by_design", "ranks"])
def test_intervals_are_of_the_level_that_tests_are_made_at(made: Any, tests: str) -> None:
    cells = cells_of(made, tables(3, 10))
    wide, narrow = (made.compared(*cells, alpha=alpha, tests=tests) for alpha in (0.01, 0.2))
    for rows in ("summary", "pairs"):
        for one, other in zip(getattr(wide, rows), getattr(narrow, rows), strict=True):
            assert one.ci_high - one.ci_low > other.ci_high - other.ci_low
    for one, other in zip(wide.overall.ranks, narrow.overall.ranks, strict=True):
        assert one.ci_high - one.ci_low > other.ci_high - other.ci_low
    assert "99 % for one mean at a time" in wide.text[-1]


def test_the_intervals_of_all_differences_hold_together(made: Any) -> None:
    found = made.compared(*made.three())
    for pair in found.pairs:
        assert pair.together_low < pair.ci_low < pair.ci_high < pair.together_high
    turned = found.pairs[0].turned()
    assert turned.together_low == -found.pairs[0].together_high


def test_both_failed_is_no_difference_of_nothing(made: Any) -> None:
    """Of two runs that both failed there is no difference that a mean could be taken of."""
    status = np.array(["failed"] * 2 + ["done"] * 6, dtype=object)
    cells = []
    for name in ("one", "two"):
        base = made.draw(0.7, 8, 1)
        cells.append(made.cell("a", base + 0.02, name, member_status=status))
        cells.append(made.cell("b", base, name, member_status=status))
    found = made.compared(*cells)
    assert {round(pair.difference, 9) for pair in (*found.pairs, *found.overall.pairs)} == {0.02}


def test_won_seeds_stand_beside_the_chance(made: Any) -> None:
    """Every seed agrees, and A is near one half."""
    base = np.linspace(0.2, 0.8, 12)
    found = made.compared(*made.cells({"a": base + 0.005, "b": base})).pairs[0]
    assert (found.won, found.lost) == (12, 0)
    assert found.won_low > 0.7
    assert found.effect < 0.6


def test_every_table_can_be_made_again_from_the_json(made: Any) -> None:
    plain = json.loads(json.dumps(made.compared(*cells_of(made, tables(6, 10))).to_json()))
    scenarios = [one["scenario"] for one in plain["omnibus_tests"]]
    assert scenarios == ["s0", "s1", "s2", "s3", "s4", "s5", None, None]
    assert {one["question"] for one in plain["omnibus_tests"][-2:]} == {
        "these scenarios",
        "scenarios like these",
    }
    assert plain["summary"][0]["interval"] == "Student t"
    assert plain["summary"][0]["iqm_low"] < plain["summary"][0]["iqm_high"]
    for question in ("overall", "like_these"):
        row = plain[question]["ranks"][0]
        assert row["ci_low"] < row["mean"] < row["ci_high"]
        assert (row["rank_best"], row["rank_worst"]) == (1, 1)
    assert (plain["paired"], plain["tests"], plain["level"]) == (True, "by_design", 0.95)
