from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import clbench
from clbench.errors import RecordError, UnknownName, UserError
from clbench.report.compare_formats import render
from clbench.report.compare_tables import tables
from clbench.report.compared import Comparison
from clbench.report.short import short
from clbench.stats.blocks import permutation_omnibus

# Demsar (2006), table 6, strategies by column.
DEMSAR = {
    "C4.5": [
        0.763,
        0.599,
        0.954,
        0.628,
        0.882,
        0.936,
        0.661,
        0.583,
        0.775,
        1.000,
        0.940,
        0.619,
        0.972,
        0.957,
    ],
    "C4.5+m": [
        0.768,
        0.591,
        0.971,
        0.661,
        0.888,
        0.931,
        0.668,
        0.583,
        0.838,
        1.000,
        0.962,
        0.666,
        0.981,
        0.978,
    ],
    "C4.5+cf": [
        0.771,
        0.590,
        0.968,
        0.654,
        0.886,
        0.916,
        0.609,
        0.563,
        0.866,
        1.000,
        0.965,
        0.614,
        0.975,
        0.946,
    ],
    "C4.5+m+cf": [
        0.798,
        0.569,
        0.967,
        0.657,
        0.898,
        0.931,
        0.685,
        0.625,
        0.875,
        1.000,
        0.962,
        0.669,
        0.974,
        0.970,
    ],
}


def said(comparison: Comparison) -> str:
    return "\n".join(comparison.text)


def row(comparison: Comparison, strategy: str, scenario: str = "split") -> Any:
    return next(
        row for row in comparison.summary if (row.scenario, row.strategy) == (scenario, strategy)
    )


def pair(comparison: Comparison, a: str, b: str) -> Any:
    return next(pair for pair in comparison.pairs if (pair.a, pair.b) == (a, b))


# ---------------------------------------------------------------------- one scenario


def test_strategies_that_differ_are_ranked_and_told_apart(made) -> None:
    found = made.compared(*made.three())
    assert [(row.strategy, row.rank, row.group) for row in found.summary] == [
        ("good", 1, "a"),
        ("middle", 2, "b"),
        ("poor", 3, "c"),
    ]
    assert {pair.verdict for pair in found.pairs} == {"good better", "middle better"}
    assert "split: good is better than every other; 3 of 3 pairs differ." in found.text
    assert found.left_out == ()


def test_the_tests_are_scipys(made) -> None:
    rng = np.random.default_rng(0)
    table = {name: np.clip(rng.normal(0.7, 0.05, 9), 0, 1) for name in "abcd"}
    found = made.compared(*made.cells(table), tests="ranks")
    friedman = stats.friedmanchisquare(*table.values())
    assert found.omnibus[0].statistic == pytest.approx(friedman.statistic)
    permuted = permutation_omnibus(np.stack(list(table.values()), axis=1))
    assert found.omnibus[0].p == permuted.p
    assert permuted.p == pytest.approx(friedman.pvalue, abs=0.01)
    for one in found.pairs:
        expected = stats.wilcoxon(table[one.a], table[one.b], method="exact")
        assert (one.statistic, one.p) == pytest.approx((expected.statistic, expected.pvalue))
    p = [one.p for one in found.pairs]
    steps = np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)).clip(max=1)
    assert sorted(one.p_adjusted for one in found.pairs) == pytest.approx(sorted(steps))


@pytest.mark.parametrize(
    ("tests", "test"),
    [("by_design", "sign flips of the mean, exact"), ("ranks", "Wilcoxon signed-rank, exact")],
)
def test_two_strategies_need_no_omnibus_test(made, tests: str, test: str) -> None:
    found = made.compared(*made.three()[:2], tests=tests)
    assert found.omnibus[0].test == test
    assert found.omnibus[0].p == found.pairs[0].p == found.pairs[0].p_adjusted == 2 / 2**12
    assert "split: good is better than poor (poor - good: difference -40" in said(found)


def test_the_baseline_is_subtracted_whatever_its_place(made) -> None:
    cells = made.three()
    for name, place in (("poor", 0), ("middle", 2)):
        found = made.compared(*cells, baseline=name)
        good = row(found, "good")
        assert good.difference == pytest.approx(row(found, "good").mean - row(found, name).mean)
        assert (good.effect, good.p_adjusted) == (
            1.0,
            pair(found, *(("poor", "good") if place == 0 else ("good", "middle"))).p_adjusted,
        )
        assert np.isnan(row(found, name).difference)
    assert "split: against middle: better: good; worse: poor." in found.text


def test_without_a_baseline_there_are_no_differences_to_it(made) -> None:
    found = made.compared(*made.three())
    assert all(np.isnan(row.difference) for row in found.summary)
    assert "No baseline was named" in said(found)


def test_less_can_be_better(made) -> None:
    cells = made.three()
    for k, cell in enumerate(cells):
        cell.metrics["seconds_used"] = np.arange(12.0) / 100 + k
        cell.cost["train_seconds"] = np.arange(12.0) / 100 + k
    found = made.compared(*cells, metric="train_seconds", baseline="poor")
    assert [row.strategy for row in found.summary] == ["poor", "good", "middle"]
    assert not found.higher_is_better
    good = row(found, "good")
    assert good.difference == pytest.approx(1.0)  # slower by a second ...
    assert good.effect == 0.0  # ... and never better
    assert "train_seconds (less is better)" in tables(found)[0].title


def test_iqm_from_ten_runs_on(made) -> None:
    assert all(np.isnan(row.iqm) for row in made.compared(*made.three(seeds=9)).summary)
    found = made.compared(*made.three(seeds=10))
    assert row(found, "good").iqm == pytest.approx(stats.trim_mean(made.draw(0.9, 10, 1), 0.25))
    assert row(found, "good").iqm_low < row(found, "good").iqm < row(found, "good").iqm_high


def test_agents_of_one_seed_are_one_run(made) -> None:
    both = [
        made.cell(name, values, seed=np.repeat(np.arange(6), 2), agent=np.tile([0, 1], 6))
        for name, values in (("a", np.linspace(0.1, 0.6, 12)), ("b", np.linspace(0.3, 0.8, 12)))
    ]
    found = made.compared(*both)
    assert (found.pairs[0].n, found.pairs[0].p, row(found, "a").n) == (6, 2 / 2**6, 6)


# ---------------------------------------------------------------------- what few seeds can show


def test_by_ranks_five_seeds_can_show_nothing_and_how_many_more_can(made) -> None:
    found = made.compared(*made.three(seeds=5)[:2], tests="ranks")
    assert found.pairs[0].smallest_p == found.pairs[0].p == 0.0625
    assert found.pairs[0].verdict == "cannot be told apart"
    assert (
        "A pair of 5 seeds can have no p smaller than 0.0625: no difference could be shown"
        in said(found)
    )
    assert "with 6 seeds, 1 more, one could be, if all of them agree." in said(found)


def test_the_correction_is_counted_in(made) -> None:
    table = {f"m{k}": made.draw(0.1 + 0.1 * k, 10, k) for k in range(8)}
    found = made.compared(*made.cells(table), tests="ranks")
    assert "0.00195, 0.0547 after the correction: no difference could be shown" in said(found)
    assert "with 11 seeds, 1 more, one could be, if all of them agree." in said(found)
    assert {(row.rank_best, row.rank_worst) for row in found.summary} == {(1, 8)}
    for told_apart in ({"correction": "fdr_bh"}, {"tests": "by_design"}):
        found = made.compared(*made.cells(table), **told_apart)
        assert [(row.rank_best, row.rank_worst) for row in found.summary] == [
            (rank, rank) for rank in range(1, 9)
        ]


def test_the_family_is_every_pair_shown(made) -> None:
    cells = [*made.three("one"), *made.three("two")]
    assert {pair.p_adjusted for pair in made.compared(*cells, correction="bonferroni").pairs} == {
        6 * 2 / 2**12
    }


# ---------------------------------------------------------------------- runs that are not there


def test_failed_runs_rank_last_and_are_shown(made) -> None:
    status = np.array(["done"] * 8 + ["diverged", "diverged", "failed", "timeout"], dtype=object)
    fragile = made.cell("fragile", made.draw(0.95, 12, 5), member_status=status)
    found = made.compared(fragile, *made.three()[1:2])
    assert (row(found, "fragile").n, row(found, "fragile").n_requested) == (8, 12)
    assert row(found, "fragile").mean == pytest.approx(made.draw(0.95, 12, 5)[:8].mean())
    assert pair(found, "fragile", "good").n == 12
    assert pair(found, "fragile", "good").effect == pytest.approx(8 / 12)
    # The four failures have the largest ranks of twelve, 10.5 each: 78 - 42.
    assert pair(found, "fragile", "good").statistic == (36 - 42) / 12
    by_ranks = made.compared(fragile, *made.three()[1:2], tests="ranks")
    assert pair(by_ranks, "fragile", "good").statistic == 36.0
    assert pair(by_ranks, "fragile", "good").p == pair(found, "fragile", "good").p
    assert "split, fragile: 2 of 12 runs diverged: they rank below every finished run" in "\n".join(
        found.left_out
    )
    assert "1 of 12 runs timed out" in "\n".join(found.left_out)


def test_a_strategy_that_always_fails_is_last(made) -> None:
    broken = made.cell(
        "broken",
        np.full(12, np.nan),
        member_status=np.array(["failed"] * 12, dtype=object),
        status="failed",
    )
    found = made.compared(broken, *made.three())
    assert found.summary[-1].strategy == "broken"
    last = found.summary[-1]
    assert (last.n, last.n_requested, last.rank, last.rank_reason) == (
        0,
        12,
        None,
        "too many runs failed",
    )
    assert {pair.verdict for pair in found.pairs if "broken" in (pair.a, pair.b)} == {
        "poor better",
        "good better",
        "middle better",
    }
    assert json.loads(json.dumps(found.to_json()))["summary"][-1]["mean"] is None


def test_finished_runs_without_the_number_that_others_have_rank_last(made) -> None:
    some = made.draw(0.8, 12, 9)
    some[:2] = np.nan
    found = made.compared(made.cell("gappy", some), *made.three())
    assert (row(found, "gappy").n, row(found, "gappy").n_requested) == (10, 12)
    assert pair(found, "gappy", "poor").n == 12
    assert pair(found, "gappy", "poor").effect == pytest.approx(10 / 12)
    assert (
        "split, gappy: 2 of 12 runs ended without a number: they rank below every finished run"
        in "\n".join(found.left_out)
    )


def test_a_metric_that_complete_runs_do_not_have_leaves_them_out(made) -> None:
    """Asked for only when the last ten seeds ran: nothing is wrong with the first two."""
    cells = made.three()
    for cell in cells:
        cell.metrics["my_probe"] = np.arange(12.0)
        cell.probes = {"my_probe": {"options": {}}}
    cells[0].metrics["my_probe"] = np.where(np.arange(12) < 2, np.nan, np.arange(12.0))
    found = made.compared(*cells, metric="my_probe")
    assert pair(found, "poor", "good").n == 10
    assert (
        "split, poor: 2 of 12 runs have no value of my_probe (it was not measured) and are left out"
        in found.left_out
    )
    assert "split: seeds are missing: of 12 seeds poor has 10; pairs are the seeds that" in said(
        found
    )


def test_pairs_are_the_seeds_both_have(made) -> None:
    early = made.cell("early", made.draw(0.8, 8, 7), seed=np.arange(8))
    late = made.cell("late", made.draw(0.6, 8, 8), seed=np.arange(4, 12))
    none = made.cell("none", made.draw(0.7, 2, 8), seed=np.array([50, 51]))
    found = made.compared(early, late, none)
    assert pair(found, "early", "late").n == 4
    assert pair(found, "early", "none").verdict == "no seeds in common"
    assert found.to_json()["pairs"][1]["p"] is None
    # Of those two that share seeds there is a test; that of all strategies leaves the third out.
    assert [(one.strategies, one.blocks) for one in found.omnibus] == [(2, 4)]
    two = made.compared(early, none)
    assert "early and none have no seeds in common; --unpaired compares them" in said(two)
    assert made.compared(early, none, unpaired=True).pairs[0].p < 0.2


# ---------------------------------------------------------------------- odd records


@pytest.mark.parametrize("unpaired", [False, True])
@pytest.mark.parametrize("scenarios", [("split",), ("one", "two", "three")])
@pytest.mark.parametrize("seeds", [1, 2, 3, 12])
@pytest.mark.parametrize("strategies", [1, 2, 3])
@pytest.mark.parametrize("kind", ["different", "ties", "nan"])
def test_no_record_is_too_odd(
    made, kind: str, strategies: int, seeds: int, scenarios: tuple[str, ...], unpaired: bool
) -> None:
    cells = [cell for scenario in scenarios for cell in made.three(scenario, seeds)[:strategies]]
    for cell in cells:
        if kind == "ties":
            cell.accuracy[:] = 0.5
        if kind == "nan" and cell.label == "good":
            cell.accuracy[:] = np.nan
    found = made.compared(*cells, unpaired=unpaired, rope=0.01, baseline="poor")
    assert found.text
    plain = json.dumps(found.to_json(), allow_nan=False)
    assert len(json.loads(plain)["summary"]) == len(scenarios) * (
        strategies - (kind == "nan" and strategies > 1)
    )
    for form in ("markdown", "latex", "csv", "json", "html"):
        assert render(found, form)
    if kind == "ties" and strategies > 1 and seeds < 3:
        assert {row.rank_reason for row in found.summary} == {"too few runs"}
    elif kind == "ties" and strategies > 1:
        assert {(row.rank_best, row.rank_worst) for row in found.summary} == {(1, strategies)}
        assert {row.group for row in found.summary} == {"a" if unpaired else ""}


def test_nothing_to_compare_is_a_sentence(made) -> None:
    assert made.compared().text == (
        "There is nothing to compare: no run has a value of average_accuracy.",
    )
    alone = made.compared(*made.three()[:1])
    assert "split: only poor has runs, so there is nothing to compare it with." in alone.text
    assert "No test within a scenario" in alone.design


def test_ties_everywhere_are_not_told_apart(made) -> None:
    found = made.compared(*made.cells(dict.fromkeys("abc", [0.5] * 8)))
    assert found.omnibus[0].p == 1
    assert {pair.p for pair in found.pairs} == {1}
    assert "no two of the 3 strategies can be told apart" in said(found)


def test_pairs_are_marked_where_the_omnibus_test_found_nothing(made) -> None:
    """Two strategies differ by a hair at every seed, among others of pure noise."""
    rng = np.random.default_rng(1)
    base = rng.uniform(0.3, 0.7, 14)
    table = {"a": base, "b": base + 0.001} | {f"n{k}": rng.uniform(0.3, 0.7, 14) for k in range(9)}
    found = made.compared(*made.cells(table), correction="none")
    assert found.omnibus[0].p > 0.05
    assert pair(found, "a", "b").verdict == "b better (though the omnibus test found no difference)"


# ---------------------------------------------------------------------- unpaired


def test_unpaired_is_mann_whitney_for_two_and_dunn_for_more(made) -> None:
    cells = made.three()
    two = made.compared(*cells[:2], unpaired=True)
    expected = stats.mannwhitneyu(made.draw(0.5, 12, 0), made.draw(0.9, 12, 1), method="exact")
    assert (two.pairs[0].test, two.pairs[0].p) == (
        "Mann-Whitney, exact",
        pytest.approx(expected.pvalue),
    )
    three = made.compared(*cells, unpaired=True)
    kruskal = stats.kruskal(*(made.draw(centre, 12, k) for k, centre in enumerate((0.5, 0.9, 0.7))))
    assert (three.omnibus[0].test, three.omnibus[0].p) == (
        "Kruskal-Wallis",
        pytest.approx(kruskal.pvalue),
    )
    assert {pair.test for pair in three.pairs} == {"Dunn"}
    assert "whose runs are taken as independent" in three.design
    welch = stats.ttest_ind(
        made.draw(0.5, 12, 0), made.draw(0.9, 12, 1), equal_var=False
    ).confidence_interval()
    assert (two.pairs[0].ci_low, two.pairs[0].ci_high) == pytest.approx((welch.low, welch.high))


# ---------------------------------------------------------------------- a region of practical
# equivalence


def test_sure_and_too_small_to_matter_is_equivalent(made) -> None:
    base = made.draw(0.8, 12, 3)
    found = made.compared(
        *made.cells({"a": base, "b": base + np.linspace(0.001, 0.002, 12)}), rope=0.01, baseline="a"
    )
    assert found.pairs[0].p == 2 / 2**12
    assert found.pairs[0].verdict == "equivalent within ±0.01"
    assert "equivalent within 1.0 points by two one-sided tests: a = b" in said(found)
    assert "b 0.00, 1.00, 0.00" in said(found)
    assert found.to_json()["rope"] == 0.01


# ---------------------------------------------------------------------- several scenarios


def test_demsars_example_as_a_record(made) -> None:
    cells = [
        made.cell(name, [values[k]], f"data{k}")
        for k in range(14)
        for name, values in DEMSAR.items()
    ]
    found = made.compared(*cells, tests="ranks").to_json()["overall"]
    ranks = {row["strategy"]: row["average_rank"] for row in found["ranks"]}
    assert ranks == pytest.approx(
        {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}, abs=5e-4
    )
    assert (found["test"], found["statistic"], found["f"]) == (
        "Friedman",
        pytest.approx(9.28, abs=5e-3),
        pytest.approx(3.69, abs=5e-3),
    )
    assert found["critical_difference"] == pytest.approx(1.25, abs=5e-3)
    assert {row["group"] for row in found["ranks"]} == {"a"}
    at_ten = made.compared(*cells, alpha=0.1, tests="ranks").to_json()["overall"]
    assert at_ten["critical_difference"] == pytest.approx(1.12, abs=5e-3)
    assert [
        (one["a"], one["b"]) for one in at_ten["pairs"] if one["verdict"].endswith("better")
    ] == [
        ("C4.5", "C4.5+m"),
        ("C4.5", "C4.5+m+cf"),
    ]


def test_two_strategies_over_scenarios_are_tested_by_wilcoxon(made) -> None:
    cells = [cell for k in range(6) for cell in made.three(f"s{k}", 4)[:2]]
    found = made.compared(*cells, tests="ranks")
    assert found.overall is not None
    assert (found.overall.test, found.overall.p) == ("Wilcoxon signed-rank, exact", 2 / 2**6)
    assert found.to_json()["overall"]["critical_difference"] is None
    assert "On scenarios like these 6: good is better than poor" in said(found)
    assert "6 scenarios, p = 0.0312" in said(found)
    low, high = found.overall.pairs[0].ci_low, found.overall.pairs[0].ci_high
    assert low < -0.4 < high < 0
    assert found.overall.pairs[0].effect == 0


def test_few_scenarios_are_said_to_be_too_few(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two"), tests="ranks")
    assert (
        "Over scenarios: 2 of them are too few for any difference between average ranks to be that "
        "large." in found.text
    )
    assert found.to_json()["omnibus"]["test"] == "Friedman"
    assert [one.scenario for one in found.omnibus] == ["one", "two", None]


def test_strategies_without_runs_somewhere_have_no_place_over_all(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two")[:2], *made.three("three"))
    assert {rank.strategy for rank in found.overall.ranks} == {"poor", "good"}
    assert (
        "middle has runs on 2 of 3 scenarios only, and no place over all of them" in found.left_out
    )
    apart = made.compared(*made.three("one")[:1], *made.three("two")[1:])
    assert apart.overall is None
    assert apart.to_json()["overall"] is None


def test_failing_never_helps_over_scenarios(made) -> None:
    """A strategy that finishes only its best run ranks below those that finish all of theirs."""
    status = np.array(["done"] + ["diverged"] * 11, dtype=object)
    lucky = [
        made.cell("lucky", made.draw(0.95, 12, 6), name, member_status=status)
        for name in ("one", "two")
    ]
    found = made.compared(*made.three("one"), *made.three("two"), *lucky)
    assert (found.overall.ranks[-1].strategy, found.overall.ranks[-1].average_rank) == ("lucky", 4)


# ---------------------------------------------------------------------- what the suite says, and
# what is asked


def test_the_suite_chooses_unless_somebody_else_does(made) -> None:
    text = "compare: {metric: final_accuracy, baseline: poor, alpha: 0.1, correction: fdr_bh}"
    found = made.compared(*made.three(), text=text)
    assert (found.metric, found.baseline, found.alpha, found.correction) == (
        "final_accuracy",
        "poor",
        0.1,
        "fdr_bh",
    )
    found = made.compared(
        *made.three(),
        text=text,
        metric="average_accuracy",
        baseline="good",
        alpha=0.01,
        correction="none",
    )
    assert (found.metric, found.baseline, found.alpha, found.correction) == (
        "average_accuracy",
        "good",
        0.01,
        "none",
    )


@pytest.mark.parametrize(
    "text", ["", "compare: {metric: [1}", "compare: {alpha: two}", "just text", "compare: null"]
)
def test_a_suite_that_says_nothing_useful_is_no_obstacle(made, text: str) -> None:
    assert made.compared(*made.three(), text=text).metric == "average_accuracy"


def test_the_suite_is_read_as_suites_are_and_what_cannot_be_used_is_told(made) -> None:
    """YAML 1.1 took `no` for false, and with it the whole block for wrong."""
    cells = made.cells({"no": made.draw(0.5, 8, 1), "b": made.draw(0.9, 8, 2)})
    found = made.compared(
        *cells, text="compare: {baseline: no, alpha: 0.01, metric: final_accuracy}"
    )
    assert (found.baseline, found.alpha, found.metric) == ("no", 0.01, "final_accuracy")
    wrong = made.compared(*cells, text="compare: {alpha: two}")
    assert "what the suite says of its comparison is not used: compare.alpha: " in wrong.left_out[0]


def test_a_baseline_of_the_suite_that_is_not_there_is_noted(made) -> None:
    found = made.compared(*made.three(), text="compare: {baseline: naive}")
    assert found.baseline is None
    assert (
        "the baseline that the suite names is not used: the record has no strategy 'naive'"
        in found.left_out[0]
    )


def test_wrong_questions_are_answered_in_a_sentence(made) -> None:
    with pytest.raises(RecordError, match="no strategy 'goood'; did you mean 'good'"):
        made.compared(*made.three(), baseline="goood")
    grid = [made.cell(f"er(memory={size})", made.draw(0.7, 6, size)) for size in (10, 20)]
    with pytest.raises(
        RecordError,
        match=(
            r"'er' names 2 strategies; choose one as the baseline: er\(memory=10\), "
            r"er\(memory=20\)"
        ),
    ):
        made.compared(*grid, baseline="er")
    with pytest.raises(UnknownName, match="did you mean 'forgetting'"):
        made.compared(*made.three(), metric="forgeting")
    for wrong in (
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"rope": -1.0},
        {"rope": float("inf")},
        {"correction": "holms"},
    ):
        with pytest.raises(UserError):
            made.compared(*made.three(), **wrong)


def test_a_metric_without_values_says_why(made) -> None:
    found = made.compared(*made.three(), metric="activation_sparsity")
    nothing, instead = found.text
    assert nothing == "There is nothing to compare: no run has a value of activation_sparsity."
    assert instead.startswith("There are values of learning_accuracy: `--metric learning_accuracy`")
    assert "it was not measured; add it to the suite's metrics" in found.left_out[0]


def test_a_metric_that_only_some_cells_have_stored_leaves_the_others_out(made) -> None:
    cells = made.three()
    for cell in cells[:2]:
        cell.metrics["my_probe"] = np.arange(12.0)
    found = made.compared(*cells, metric="my_probe")
    assert {row.strategy for row in found.summary} == {"poor", "good"}
    assert found.left_out == (
        "split, middle: 12 of 12 runs have no value of my_probe (it was not measured) and are "
        "left out",
    )


# ---------------------------------------------------------------------- the answer as data


def test_the_keys_of_the_json_form_are_fixed(made) -> None:
    plain = made.compared(*made.three("one"), *made.three("two"), baseline="poor").to_json()
    keys = (
        "metric unit higher_is_better baseline paired alpha level rope tests family correction"
        " corrections design omnibus omnibus_tests summary pairs overall like_these looks choices"
        " text left_out"
    )
    assert list(plain) == keys.split()
    assert list(plain["omnibus"]) == ["test", "statistic", "p"]
    keys = (
        "scenario strategy n n_requested mean ci_low ci_high iqm rank group"
        " difference p_adjusted effect rank_best rank_worst rank_reason interval iqm_low iqm_high"
        " difference_low difference_high compared won lost won_low won_high best_of optimism"
        " p_always"
    )
    assert list(plain["summary"][0]) == keys.split()
    keys = (
        "scenario a b n test statistic p p_adjusted smallest_p effect"
        " difference ci_low ci_high verdict better exact equivalence_p p_always decision interval"
        " together_low together_high won lost won_low won_high"
    )
    assert list(plain["pairs"][0]) == keys.split()
    assert list(plain["overall"]) == [
        "question",
        "test",
        "statistic",
        "p",
        "f",
        "f_p",
        "critical_difference",
        "correction",
        "ranks",
        "pairs",
    ]
    ranks = "strategy average_rank group mean ci_low ci_high rank_best rank_worst rank_reason"
    assert list(plain["overall"]["ranks"][0]) == ranks.split()
    assert list(plain["overall"]["pairs"][0]) == keys.split()[1:]


def test_frames_have_a_row_a_row(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two"))
    assert found.frame().shape[0] == 6
    assert list(found.pairs.frame().a) == [pair.a for pair in found.pairs]
    assert list(found.overall.ranks.frame().strategy) == ["good", "middle", "poor"]
    assert found.pairs[0].cliffs_delta == 2 * found.pairs[0].effect - 1


def test_the_same_record_gives_the_same_answer(made) -> None:
    one, other = (made.compared(*made.three("one"), *made.three("two")).to_json() for _ in range(2))
    assert one == other


def test_a_comparison_needs_neither_torch_nor_pandas_at_import() -> None:
    heavy = "{'torch', 'pandas', 'scipy', 'matplotlib'}"
    code = (
        "import sys, clbench.report.comparison, clbench.report.compare_formats\n"
        f"print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# ---------------------------------------------------------------------- promises about chance


def test_where_nothing_differs_few_suites_say_otherwise(made) -> None:
    """The whole pipeline, 4 strategies x 8 seeds, 200 times: at most alpha, but for three standard
    errors.
    """
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(200):
        seeds = rng.normal(0, 0.05, 8)
        table = {name: np.clip(0.7 + seeds + rng.normal(0, 0.03, 8), 0, 1) for name in "abcd"}
        alarms += any("better" in pair.verdict for pair in made.compared(*made.cells(table)).pairs)
    assert alarms / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


@given(
    st.lists(
        st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.9]), min_size=7, max_size=7),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=25, deadline=None)
def test_ranks_letters_and_verdicts_agree(made, values: list[list[float]]) -> None:
    found = made.compared(
        *made.cells({f"m{k}": numbers for k, numbers in enumerate(values)}), correction="none"
    )
    group = {row.strategy: set(row.group) for row in found.summary}
    rank = {row.strategy: row.rank for row in found.summary}
    for one in found.pairs:
        assert bool(group[one.a] & group[one.b]) is ("better" not in one.verdict)
    assert min(rank.values()) == 1 or len(rank) > 2
    order = [row.rank for row in found.summary]
    assert order == sorted(order)


# ---------------------------------------------------------------------- several records


def test_records_of_one_suite_are_one(made, tmp_path: Path) -> None:
    whole = made.three()
    parts = [
        made.save(tmp_path / f"{k}.h5", cell, text="name: demo") for k, cell in enumerate(whole)
    ]
    assert clbench.compare(parts).to_json() == made.compared(*whole).to_json()


def test_suites_with_the_same_streams_and_budget_are_ranked_together(made) -> None:
    other = made.results(made.cell("mine", made.draw(0.95, 12, 4)), suite="mine")
    found = clbench.compare([made.results(*made.three()), other])
    assert [row.strategy for row in found.summary][:2] == ["mine", "good"]
    assert found.mixed == ()


def test_the_same_streams_under_another_label_are_the_same(made) -> None:
    cell = made.cell(
        "mine",
        made.draw(0.95, 12, 4),
        "elsewhere",
        content={"scenario": ["split", {}], "data": "f00d"},
    )
    found = clbench.compare([made.results(*made.three()), made.results(cell, suite="mine")])
    assert found.scenarios == ["split"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": {"epochs": 5}}, "length of a task: 1 epochs in demo; 5 epochs in mine"),
        ({"protocol": {"epochs": None, "steps": 100}}, "1 epochs in demo; 100 steps in mine"),
        ({"protocol": {"batch_size": 64}}, "batch_size: 32 in demo; 64 in mine"),
        ({"protocol": {"augment": "flip"}}, "augment: none in demo; flip in mine"),
        ({"protocol": {"precision": "bf16"}}, "precision: fp32 in demo; bf16 in mine"),
        ({"protocol": {"pad": 2}}, "streams: .* in demo; .*, images padded by 2 in mine"),
        (
            {"protocol": {"model": {"cnn": {}}}},
            r"model: mlp\(hidden=\[100\]\) in demo; cnn in mine",
        ),
        ({"content": {"scenario": ["split", {"tasks": 10}], "data": "f00d"}}, "streams:"),
        (
            {"content": {"scenario": ["split", {}], "data": "beef"}},
            "data: f00d in demo; beef in mine",
        ),
        ({"content": {}}, "not stated in mine: streams, data"),
    ],
)
def test_what_is_not_comparable_is_refused_with_what_differs(
    made, changes: dict[str, Any], words: str
) -> None:
    changes = {
        name: made.protocol | value if name == "protocol" else value
        for name, value in changes.items()
    }
    pair_of = [
        made.results(*made.three()),
        made.results(made.cell("mine", made.draw(0.95, 12, 4), **changes), suite="mine"),
    ]
    with pytest.raises(RecordError, match=f"(?s)cannot be ranked together.*{words}.*--force-mixed"):
        clbench.compare(pair_of)
    found = clbench.compare(pair_of, force_mixed=True)
    assert found.text[0].startswith(
        "Mixed records, ranked together because that was insisted on; they differ: split: "
    )
    assert found.mixed


def test_an_optimiser_is_a_methods_own_and_shown(made) -> None:
    other = made.cell(
        "mine", made.draw(0.95, 12, 4), protocol=made.protocol | {"optimizer": {"sgd": {"lr": 0.5}}}
    )
    found = clbench.compare([made.results(*made.three()), made.results(other, suite="mine")])
    assert (
        "Protocols differ, by declaration: mine: optimizer.sgd.lr 0.5 instead of none (split)."
        in found.text
    )


def test_within_a_suite_budgets_may_differ_and_are_shown(made) -> None:
    long = made.cell("long", made.draw(0.95, 12, 4), protocol=made.protocol | {"epochs": 5})
    assert "long: epochs 5 instead of 1 (split)" in said(made.compared(*made.three(), long))


def test_what_two_suites_call_alike_is_told_apart(made) -> None:
    other = made.cell(
        "good",
        made.draw(0.95, 12, 4),
        content={"scenario": ["split", {}], "data": "f00d", "versions": "2"},
    )
    other.key = "another"
    found = clbench.compare([made.results(*made.three()), made.results(other, suite="mine")])
    assert [row.strategy for row in found.summary] == [
        "good [mine]",
        "good [demo]",
        "middle",
        "poor",
    ]


def test_runs_that_are_in_both_records_count_once(made) -> None:
    first, second = made.results(*made.three()), made.results(*made.three(), suite="again")
    assert {row.n for row in clbench.compare([first, second]).summary} == {12}


def test_foreign_cells_of_one_name_do_not_collide(made) -> None:
    plain: dict[str, Any] = {"content": {}, "protocol": {}}
    both = [made.cell("er", made.draw(0.7, 6, k), **plain) for k in range(2)]
    both[1].key = "other"
    assert len({row.strategy for row in made.compared(*both).summary}) == 2


# ---------------------------------------------------------------------- the command


@pytest.fixture
def record(made, project) -> str:
    made.save(
        project.folder / "r.h5",
        *made.three("one"),
        *made.three("two"),
        text="compare: {baseline: poor}",
    )
    return "r.h5"


def test_the_command_prints_tables_and_sentences(project, record) -> None:
    answer = project.clbench("compare", record)
    assert (answer.code, answer.stderr) == (0, "")
    for words in (
        "average_accuracy (more is better)",
        "minus poor",
        "Every pair: sign flips of the mean, exact",
        "On these 2 scenarios together",
    ):
        assert words in answer.stdout
    by_ranks = project.clbench("compare", record, "--tests", "ranks")
    for words in ("Every pair: Wilcoxon signed-rank, exact", "Nemenyi"):
        assert words in by_ranks.stdout
    assert "\x1b" not in answer.stdout


def test_every_option_reaches_the_comparison(project, record) -> None:
    options = [
        "--metric",
        "final_accuracy",
        "--baseline",
        "good",
        "--alpha",
        "0.01",
        "--correction",
        "bonferroni",
        "--rope",
        "0.02",
    ]
    plain = json.loads(project.clbench("compare", record, *options, "--format", "json").stdout)
    assert (plain["metric"], plain["alpha"], plain["correction"]) == (
        "final_accuracy",
        0.01,
        "bonferroni",
    )
    assert next(row for row in plain["summary"] if row["strategy"] == "good")["difference"] is None
    unpaired = json.loads(
        project.clbench("compare", record, "--unpaired", "--format", "json").stdout
    )
    assert unpaired["omnibus"]["test"] == "Friedman"
    assert {pair["test"] for pair in unpaired["pairs"]} == {"Dunn"}


def test_wrong_use_is_exit_2_in_a_sentence(made, project, record) -> None:
    made.save(
        project.folder / "o.h5", made.cell("mine", [0.5] * 5, "one", content={}), suite="other"
    )
    for arguments, words in (
        (["nothing.h5"], "there is no such file"),
        ([record, "--metric", "nothing"], "unknown metric 'nothing'"),
        ([record, "--baseline", "goood"], "did you mean 'good'"),
        ([record, "--alpha", "2"], "must lie between 0 and 1"),
        (
            [record, "--tests", "by_design", "--correction", "holm"],
            "`correction` belongs to `tests: ranks`",
        ),
        ([record, "o.h5"], "--force-mixed ranks them all the same"),
        ([record, "--figure", "cd.gif"], "ends in .svg, .pdf or .png"),
        ([record, "--figure", "dc.svg"], "must begin with what to draw"),
        ([record, "--figure", "nowhere/cd.svg"], "there is no folder nowhere"),
    ):
        answer = project.clbench("compare", *arguments)
        assert (answer.code, answer.stdout) == (2, ""), arguments
        assert words in answer.stderr
        assert "Traceback" not in answer.stderr
    assert "Mixed records" in project.clbench("compare", record, "o.h5", "--force-mixed").stdout


# ---------------------------------------------------------------------- the short form


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
