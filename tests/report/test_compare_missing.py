"""Records with failed runs, missing seeds, absent values, or nothing at all."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clbench.report.compare_formats import render
from tests.report.built import pair_in, row_in, said


def test_failed_runs_rank_last_and_are_shown(made) -> None:
    status = np.array(["done"] * 8 + ["diverged", "diverged", "failed", "timeout"], dtype=object)
    fragile = made.cell("fragile", made.draw(0.95, 12, 5), member_status=status)
    found = made.compared(fragile, *made.three()[1:2])
    assert (row_in(found, "fragile").n, row_in(found, "fragile").n_requested) == (8, 12)
    assert row_in(found, "fragile").mean == pytest.approx(made.draw(0.95, 12, 5)[:8].mean())
    assert pair_in(found, "fragile", "good").n == 12
    assert pair_in(found, "fragile", "good").effect == pytest.approx(8 / 12)
    # The four failures have the largest ranks of twelve, 10.5 each: 78 - 42.
    assert pair_in(found, "fragile", "good").statistic == (36 - 42) / 12
    by_ranks = made.compared(fragile, *made.three()[1:2], tests="ranks")
    assert pair_in(by_ranks, "fragile", "good").statistic == 36.0
    assert pair_in(by_ranks, "fragile", "good").p == pair_in(found, "fragile", "good").p
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
    assert (row_in(found, "gappy").n, row_in(found, "gappy").n_requested) == (10, 12)
    assert pair_in(found, "gappy", "poor").n == 12
    assert pair_in(found, "gappy", "poor").effect == pytest.approx(10 / 12)
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
    assert pair_in(found, "poor", "good").n == 10
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
    assert pair_in(found, "early", "late").n == 4
    assert pair_in(found, "early", "none").verdict == "no seeds in common"
    assert found.to_json()["pairs"][1]["p"] is None
    # Of those two that share seeds there is a test; that of all strategies leaves the third out.
    assert [(one.strategies, one.blocks) for one in found.omnibus] == [(2, 4)]
    two = made.compared(early, none)
    assert "early and none have no seeds in common; --unpaired compares them" in said(two)
    assert made.compared(early, none, unpaired=True).pairs[0].p < 0.2


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
