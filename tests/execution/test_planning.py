"""The road from a suite to its jobs: each step is taken once, and planning touches no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import clbench.execution.store
import clbench.suite.load
import clbench.suite.source
from clbench.execution import Options, Run, open_suite, run_suite
from clbench.execution.jobs import Job
from clbench.execution.planner import Workers, plan_jobs, remaining_work

from .plans import a_plan, a_record

SUITE: dict[str, Any] = {
    "name": "planned",
    "scenarios": [{"split": {"dataset": "digits", "tasks": 5}}],
    "protocol": {"model": {"mlp": {"hidden": [4]}}, "steps": 1},
    "seeds": 1,
    "strategies": ["naive"],
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], Counter[str]]:
    """Counts the calls of a function of a module, by its first argument."""

    def watch(module: Any, name: str) -> Counter[str]:
        real, seen = getattr(module, name), Counter[str]()

        def counted(*given: Any, **named: Any) -> Any:
            seen[str(given[0])] += 1
            return real(*given, **named)

        monkeypatch.setattr(module, name, counted)
        return seen

    return watch


def test_a_suite_is_parsed_once_and_expanded_once_on_its_way_to_a_run(
    calls: Callable[[Any, str], Counter[str]],
) -> None:
    parsed = calls(clbench.suite.source, "parse")
    expanded = calls(clbench.suite.load, "expand")
    run = Run(*open_suite(SUITE), Options(device="cpu", workers=1))
    assert (parsed.total(), expanded.total()) == (1, 1)
    assert [one.cell for one in run.planned] == list(run.suite.cells)


def test_the_record_is_read_once_a_run(
    tmp_path: Path, calls: Callable[[Any, str], Counter[str]]
) -> None:
    options = Options(out=tmp_path, device="cpu", workers=0)
    run_suite(*open_suite(SUITE), options)
    read = calls(clbench.execution.store, "read_record")
    outcome = run_suite(*open_suite({**SUITE, "seeds": 2}), options)
    assert (outcome.finished, outcome.ran) == (2, 1)
    assert read[str(outcome.record)] == 1
    assert read.total() == 2  # and the file of the job that ran


def test_a_dry_run_plans_what_the_run_does(tmp_path: Path) -> None:
    options = Options(out=tmp_path, device="cpu", workers=0)
    run = Run(*open_suite(SUITE), options)
    planned = run.plan(run.store.read().cells)
    assert not any(tmp_path.iterdir())
    run.go()
    assert run.supervisor is not None
    assert list(run.supervisor.board.jobs.values()) == list(planned.jobs)
    assert run.plan(run.store.read().cells).jobs == ()


def test_planning_is_a_function_of_its_arguments() -> None:
    cells, recorded = [a_plan(10), a_plan(7, "naive")], {"key-er": a_record([0, 1, 2])}
    plans = []
    for _ in range(2):
        remaining = remaining_work(cells, recorded)
        plans.append(plan_jobs(remaining, Workers(2, stacked=False), pieces={"key-er": 3}))
    assert plans[0] == plans[1]
    assert {key: len(members) for key, members in plans[0].missing.items()} == {
        "key-er": 7,
        "key-naive": 7,
    }


def test_what_is_forced_runs_whatever_is_there() -> None:
    finished = {"key-er": a_record(list(range(3)))}
    assert remaining_work([a_plan(3)], finished).missing[0].members == ()
    forced = remaining_work([a_plan(3)], finished, forced={"key-er"})
    assert len(forced.missing[0].members) == 3


def test_a_job_under_way_goes_on_only_as_it_would_be_planned_today() -> None:
    planned = a_plan(4)
    begun = Job(planned, ((0, 0), (1, 0)))

    def resumed(**changes: Any) -> tuple[Job, ...]:
        given: dict[str, Any] = {"wanted": [planned], "recorded": {}, "begun": [begun], **changes}
        return remaining_work(**given).resumed

    assert resumed() == (begun,)
    assert resumed(forced={planned.key}) == ()
    assert resumed(recorded={planned.key: a_record([0])}) == ()
    assert resumed(wanted=[a_plan(4, "naive")]) == ()
    assert resumed(wanted=[replace(planned, probes={"kept/weights": None})]) == ()


def test_a_job_that_an_older_version_left_under_way_is_understood() -> None:
    job = Job(a_plan(2), ((0, 0), (1, 0)))
    older = job.to_json().replace(', "agents": 1', "")
    assert older != job.to_json()
    assert Job.from_json(older) == job
