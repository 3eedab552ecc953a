"""What `--dry-run` prints: rows of cells and of jobs, and what they add up to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clbench.cli.dry_run import (
    EstimatedJob,
    _cell_row,
    _estimated,
    _in_all,
    _job_row,
    _show_jobs,
    _until,
    without_graphs,
)
from clbench.execution.estimate import Estimate, Memory
from clbench.execution.planner import Missing
from clbench.execution.running import Bounds
from clbench.suite.adaptive import Adaptive
from tests.execution.plans import a_job, a_plan

Printed = pytest.CaptureFixture[str]
RULE = Adaptive(looks=(6, 12, 30), alpha=0.05, rope=None, method="declared")


def estimated(
    members: int = 2,
    steps: int = 1000,
    parameters: int | None = 1234,
    seconds: float | None = 90.0,
    memory: float = 1.5e6,
) -> EstimatedJob:
    estimate = Estimate(steps, 0.0, parameters, seconds)
    return EstimatedJob(a_job(members), estimate, memory)


# ------------------------------------------------------------------ cells


def test_a_cell_shows_the_seeds_that_have_to_run() -> None:
    planned = a_plan(10)
    row = _cell_row(Missing(planned, ((7, 0), (3, 0), (8, 0))))
    assert row == ["split", "er", 5, "0-9", "3, 7-8", "key-er"]


def test_agents_of_a_seed_are_one_run() -> None:
    row = _cell_row(Missing(a_plan(2, agents=2), ((1, 0), (1, 1))))
    assert row[4] == "1"


def test_a_finished_cell_has_nothing_to_run() -> None:
    assert _cell_row(Missing(a_plan(2), ()))[4] == "-"


# ------------------------------------------------------------------ jobs


def test_a_job_shows_its_seeds_and_what_they_take() -> None:
    assert _job_row(estimated()) == [
        "split",
        "er",
        "0-1",
        "1,000",
        "1,234",
        "1.5 MB",
        "about 1 min 30 s",
    ]


def test_what_is_not_known_of_a_job_is_said_to_be_so() -> None:
    row = _job_row(estimated(parameters=None, seconds=None))
    assert (row[4], row[6]) == ("-", "not known yet")


def test_a_job_of_no_time_at_all_is_known_to_be_so() -> None:
    assert _job_row(estimated(seconds=0.0))[6] == "about 0.0 s"


def test_a_job_that_has_no_parameters_has_none() -> None:
    assert _job_row(estimated(parameters=0))[4] == "0"


def test_memory_is_of_the_whole_job() -> None:
    memory = Memory(data=100, member=50.0)
    estimate = Estimate(1, 1.0, None, None)
    estimator: Any = SimpleNamespace(memory=lambda job: memory, of=lambda job: estimate)
    job = a_job(3)
    assert _estimated([job], estimator) == [EstimatedJob(job, estimate, 100 + 3 * 50)]


# ------------------------------------------------------------------ in all


def test_steps_are_those_of_all_members() -> None:
    # 2 members x 1,000 steps and 3 members x 10 steps
    assert _in_all([estimated(seconds=None), estimated(3, 10, seconds=None)], 1) == (
        "\nin all: 2 jobs, 2,030 steps"
    )


def test_workers_share_the_time_of_the_jobs_that_have_one() -> None:
    jobs = [estimated(seconds=60.0), estimated(seconds=20.0), estimated(seconds=None)]
    # (60 + 20) s / 2 workers
    said = "3 jobs, 6,000 steps, about 40 s for the jobs with a known time"
    assert _in_all(jobs, 2) == f"\nin all: {said}"


def test_one_job_is_singular_and_none_are_none() -> None:
    assert _in_all([estimated(seconds=None)], 1) == "\nin all: 1 job, 2,000 steps"
    assert _in_all([], 4) == "\nin all: 0 jobs, 0 steps"


def test_nothing_to_do_is_said_without_a_word_on_memory(capsys: Printed) -> None:
    _show_jobs([], ["cpu", "cpu"])
    printed = capsys.readouterr().out
    assert "jobs for 2 workers (cpu)" in printed
    assert "no jobs: everything is in the record" in printed
    assert "memory:" not in printed


def test_devices_of_the_workers_are_named_once_each(capsys: Printed) -> None:
    _show_jobs([estimated()], ["cuda:0", "cuda:1", "cuda:0"])
    printed = capsys.readouterr().out
    assert "jobs for 3 workers (cuda:0, cuda:1)" in printed
    assert "memory: data, network, gradients" in printed


# ------------------------------------------------------------------ seeds that are added


@pytest.mark.parametrize(
    ("bounds", "number"),
    [
        (Bounds((), 12, 60), "at least 12 runs, at most 60"),
        (Bounds((), 1, 5), "at least 1 run, at most 5"),
        (Bounds((), 0, 0, is_over=True), "no more are, with what is in the record"),
    ],
)
def test_seeds_that_are_added_are_counted_from_fewest_to_most(bounds: Bounds, number: str) -> None:
    assert _until(RULE, bounds) == (
        f"\nseeds are added until the strategies are told apart, looks at 6, 12, 30: {number}"
    )


# ------------------------------------------------------------------ device graphs


def test_strategies_that_say_nothing_of_graphs_are_named_once_in_their_order() -> None:
    known = {
        "er": SimpleNamespace(capturable=True),
        "slow": SimpleNamespace(capturable=False),
        "silent": SimpleNamespace(),
    }
    host: Any = SimpleNamespace(get=lambda kind, name: known[name])
    composed: Any = SimpleNamespace(parts=[SimpleNamespace(name=name) for name in known])
    cells = [composed, SimpleNamespace(parts=[SimpleNamespace(name="silent")])]
    assert without_graphs(cells, host) == ["slow", "silent"]
    assert without_graphs([], host) == []
