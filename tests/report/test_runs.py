"""One number a run: values, failures, what is missing, and scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.report.findings import LostRuns, RunsWithoutValue
from clbench.report.runs import FAILED_WORDS, Runs, common_seeds, runs_of

METRIC = "average_accuracy"


def runs(
    seeds: list[int], values: list[float], failed: list[bool] | None = None, **changes: Any
) -> Runs:
    """Runs of one strategy; all finished unless said."""
    known: dict[str, Any] = {"requested": len(seeds), "left_out": (), "unit": "fraction", "sign": 1}
    lost = np.array([False] * len(seeds) if failed is None else failed, dtype=bool)
    value = np.where(lost, np.nan, values)
    return Runs("split", "er", "er", np.array(seeds), value, lost, **(known | changes))


# ---------------------------------------------------------------------- what a cell has


def test_the_values_of_a_cell_by_seed(made) -> None:
    cell = made.cell("er(memory=2)", [0.5, 0.75], seed=np.array([3, 8]), declared=("bound",))
    found = runs_of(made.results(cell), METRIC, cell)
    assert (found.scenario, found.strategy, found.name) == ("split", "er(memory=2)", "er")
    assert (found.seed.tolist(), found.value.tolist()) == ([3, 8], [0.5, 0.75])
    assert (found.unit, found.sign, found.limits) == ("fraction", 1, (0.0, 1.0))
    assert (found.requested, found.left_out, found.is_bound, found.agents) == (2, (), True, 1)


def test_less_is_better_turns_the_sign(made) -> None:
    cell = made.cell("er", [0.5, 0.75])
    assert runs_of(made.results(cell), "forgetting", cell).sign == -1


def test_seeds_that_the_suite_asks_for_count_as_requested_once(made) -> None:
    cell = made.cell("er", [0.5, 0.75])
    assert runs_of(made.results(cell), METRIC, cell, asked=[1, 2, 3]).requested == 4  # and 0


@pytest.mark.parametrize("status", ["diverged", "failed", "timeout"])
def test_a_failed_run_stays_as_a_failure(made, status: str) -> None:
    statuses = np.array(["done", status], dtype=object)
    cell = made.cell("er", [0.5, 0.75], member_status=statuses)
    found = runs_of(made.results(cell), METRIC, cell)
    assert found.failed.tolist() == [False, True]
    assert np.isnan(found.value[1])
    assert found.left_out == (LostRuns(FAILED_WORDS[status], 1, 2),)


def test_failures_of_one_kind_are_counted_together(made) -> None:
    statuses = np.array(["diverged", "failed", "diverged", "done"], dtype=object)
    cell = made.cell("er", [0.5] * 4, member_status=statuses)
    found = runs_of(made.results(cell), METRIC, cell)
    assert found.left_out == (LostRuns("diverged", 2, 4), LostRuns("failed", 1, 4))


def test_runs_without_a_value_are_left_out_with_the_reason(made) -> None:
    cell = made.cell("er", [0.5, 0.5])
    found = runs_of(made.results(cell), "online_accuracy", cell)
    assert (len(found.seed), found.requested) == (0, 2)
    (missing,) = found.left_out
    assert isinstance(missing, RunsWithoutValue)
    assert (missing.metric, missing.count, missing.total) == ("online_accuracy", 2, 2)
    assert missing.reason


# ---------------------------------------------------------------------- scores


def test_a_failed_run_scores_below_everything() -> None:
    found = runs([0, 1, 2], [0.5, 0.9, 0.1], [False, True, False])
    assert found.score.tolist() == [0.5, -np.inf, 0.1]
    assert found.finished.tolist() == [0.5, 0.1]
    assert found.mean == pytest.approx(0.3)


def test_where_less_is_better_the_least_scores_most() -> None:
    found = runs([0, 1], [0.5, 0.1], sign=-1)
    assert found.score.tolist() == [-0.5, -0.1]
    assert found.mean == pytest.approx(0.3)  # the value itself, not the score


@pytest.mark.parametrize("count", [0, 2])
def test_the_mean_of_no_finished_run_is_unknown(count: int) -> None:
    seeds = list(range(count))
    assert np.isnan(runs(seeds, [0.5] * count, [True] * count).mean)


def test_only_some_seeds() -> None:
    found = runs([1, 4, 6], [0.1, 0.2, 0.3], [False, True, False]).only(np.array([4, 6]))
    assert (found.seed.tolist(), found.failed.tolist()) == ([4, 6], [True, False])
    assert found.finished.tolist() == [0.3]
    assert found.requested == 3


@pytest.mark.parametrize(
    ("seeds", "scores"), [([1, 4, 6], [0.1, 0.2, 0.3]), ([1, 6], [0.1, 0.3]), ([], [])]
)
def test_scores_at_seeds(seeds: list[int], scores: list[float]) -> None:
    found = runs([1, 4, 6], [0.1, 0.2, 0.3])
    assert found.at(np.array(seeds, dtype=np.int64)).tolist() == scores


@pytest.mark.parametrize(
    ("seeds", "common"),
    [
        ([[1, 2, 3]], [1, 2, 3]),
        ([[1, 2, 3], [1, 2, 3]], [1, 2, 3]),
        ([[1, 2, 3], [2, 3, 4], [0, 3]], [3]),
        ([[1], [2]], []),
    ],
)
def test_the_seeds_that_all_have(seeds: list[list[int]], common: list[int]) -> None:
    every = [runs(own, [0.5] * len(own)) for own in seeds]
    assert common_seeds(every).tolist() == common
    assert common_seeds(every[::-1]).tolist() == common


def test_a_failed_run_is_a_common_one() -> None:
    every = [runs([1, 2], [0.5, 0.5], [True, False]), runs([1, 2], [0.5, 0.5])]
    assert common_seeds(every).tolist() == [1, 2]
