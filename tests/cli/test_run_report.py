"""What `clbench run` says at its end, of outcomes made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import clbench
from clbench.cli.run_report import report
from clbench.execution.outcome import Failure, Outcome
from clbench.execution.separating import Stop
from clbench.host import Host
from clbench.records import CellRecord
from clbench.suite.choice import MetricChoice

from .records import cell, record

AGAIN = "clbench run tiny.yaml --out 'my folder'"


def suite(*metrics: str) -> Any:
    names = metrics or ("average_accuracy",)
    return SimpleNamespace(metrics=[MetricChoice(name, {}, name) for name in names])


def ended(path: Path, **changes: Any) -> Outcome:
    """A run of two jobs that finished all of four runs."""
    whole = Outcome(
        suite="tiny",
        record=path,
        requested=4,
        finished=4,
        failures=(),
        diverged=(),
        faults=(),
        ran=2,
        seconds=12.0,
        interrupted=False,
    )
    return replace(whole, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record of one strategy with two seeds: nobody to compare it with."""
    return record(tmp_path / "r.h5", cell([0, 1]))


@pytest.fixture
def said(path: Path, capsys: pytest.CaptureFixture[str]):
    """What is said of an outcome: results, then remarks."""
    host = Host.load(only="metric")

    def answer(metrics: tuple[str, ...] = (), **changes: Any) -> tuple[str, str]:
        report(ended(path, **changes), suite(*metrics), host, AGAIN)
        return capsys.readouterr()

    return answer


def two_strategies() -> list[CellRecord]:
    """Six seeds each, far apart."""
    seeds = list(range(6))
    jitter = np.linspace(0, 0.01, 6)[:, None, None]
    good, poor = cell(seeds, "k1", "good"), cell(seeds, "k2", "poor")
    assert good.accuracy is not None
    good.accuracy = 0.9 + jitter * np.ones_like(good.accuracy)
    poor.accuracy = 0.2 + jitter**2 * np.ones_like(good.accuracy)
    return [good, poor]


def test_a_run_that_went_well_ends_with_counts_and_the_next_command(said, path: Path) -> None:
    results, remarks = said()
    assert remarks == ""
    assert f"4 of 4 runs are in {path} (2 jobs in 12 s)\n" in results
    assert results.endswith(f"next: clbench show {path} er    (its accuracy matrix and curves)\n")


def test_one_job_and_one_run_are_singular(said, path: Path) -> None:
    results, _ = said(requested=1, finished=1, ran=1)
    assert f"1 of 1 run is in {path} (1 job in 12 s)\n" in results


def test_nothing_left_to_run_takes_no_time(said) -> None:
    assert "(nothing was left to run)" in said(ran=0, seconds=0.0)[0]


def test_the_table_has_the_metrics_that_the_suite_asks_for(said) -> None:
    results, _ = said(("forgetting",))
    assert "forgetting" in results
    assert "accuracy" not in results.split("\n\n")[0]


def test_one_strategy_alone_is_compared_with_nobody(said) -> None:
    assert "clbench compare" not in said()[0]


def test_several_strategies_are_compared_and_that_is_noted_in_the_record(
    tmp_path: Path, said
) -> None:
    path = record(tmp_path / "two.h5", *two_strategies())
    results, _ = said(record=path)
    assert "good" in results.split("every pair")[0]
    command = f"every pair, intervals and effect sizes: clbench compare {path}"
    assert command in results
    assert len(clbench.load(path).record.looks) == 1


def test_an_interrupted_run_says_how_to_go_on_and_compares_nobody(tmp_path: Path, said) -> None:
    path = record(tmp_path / "two.h5", *two_strategies())
    results, remarks = said(record=path, finished=3, interrupted=True)
    assert f"3 of 4 runs are in {path}" in results
    assert "clbench compare" not in results
    assert "next:" not in results
    assert remarks == f"interrupted; go on with: {AGAIN}\n"
    assert clbench.load(path).record.looks == ()


def test_failures_are_listed_with_where_their_tracebacks_are(said, path: Path) -> None:
    failures = (Failure("split", "er (odd)", (0, 2), "it broke"), Failure("split", "b", (1,), "x"))
    _, remarks = said(finished=1, failures=failures)
    assert remarks.splitlines() == [
        "failed: split, er (odd), seeds 0, 2: it broke",
        "failed: split, b, seeds 1: x",
        f"tracebacks: clbench show {path} 'er (odd)'; what failed is tried again by: {AGAIN}",
    ]


def test_a_cell_that_diverged_is_named_with_what_may_help(said) -> None:
    _, remarks = said(diverged=("split, er",))
    assert remarks == (
        "diverged: split, er: every run's loss became infinite or NaN;"
        " a smaller learning rate may help\n"
    )


def test_metrics_that_could_not_be_measured_are_warnings(said) -> None:
    assert said(faults=("rank: no SVD",))[1] == "warning: rank: no SVD\n"


def test_why_seeds_were_added_no_further_is_a_result_and_a_failure_is_a_remark(said) -> None:
    results, remarks = said(stop=Stop(12, ": the pair is decided"))
    assert str(Stop(12, ": the pair is decided")) in results
    assert remarks == ""
    stop = Stop(12, ": forgetting has no value", failed=True)
    results, remarks = said(stop=stop)
    assert str(stop) not in results
    assert remarks == f"{stop}\n"


def test_a_record_in_which_nothing_finished_has_no_next_step(tmp_path: Path, said) -> None:
    failed = cell([0], status="failed", member_status=np.array(["failed"]))
    results, _ = said(record=record(tmp_path / "failed.h5", failed), finished=0)
    assert "next:" not in results


def test_strategies_that_no_device_graph_held_are_named_with_the_reason(
    tmp_path: Path, said
) -> None:
    cells = [
        cell([0], "k1", "slow", graphs="eager: it reads values"),
        cell([0], "k2", "fast", graphs="captured"),
    ]
    results, _ = said(record=record(tmp_path / "g.h5", *cells))
    assert "slow ran without device graphs: it reads values\n" in results
    assert "fast ran without" not in results


def test_a_path_with_a_space_is_quoted_in_what_to_type_next(tmp_path: Path, said) -> None:
    path = record(tmp_path / "my record.h5", cell([0, 1]))
    assert f"next: clbench show '{path}' er" in said(record=path)[0]
