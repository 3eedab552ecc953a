from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from clbench.execution.estimate import Memory
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.execution.outcome import Work, outcome_of
from clbench.execution.planner import (
    Workers,
    balance,
    makespan,
    missing_members,
    plan_jobs,
    remaining_work,
)
from clbench.host import PluginReference
from clbench.records import Fault
from clbench.suite.seeds import seeds_in_words

from .plans import a_cell, a_job, a_plan, a_record, jobs_for, sizes

# ------------------------------------------------------------------ JSON


def test_a_job_comes_back_from_json_as_it_was() -> None:
    job = Job(a_plan(agents=2), ((0, 0), (0, 1)), "loop")
    assert Job.from_json(job.to_json()) == job
    assert "\n" not in job.to_json()


def test_a_site_and_an_event_come_back_too(tmp_path) -> None:
    site = Site(
        tmp_path,
        "s",
        (PluginReference(file="p.py", content="ab"), PluginReference(module="m", item="A.B")),
        tmp_path,
        3.0,
        7.0,
        ("python", "-m"),
        {"A": "1"},
    )
    assert Site.from_json(site.to_json()) == site
    event = JobEvent("progress", "id", 1, 5, 0.2, (0.5, 0.25))
    assert JobEvent.from_json(event.to_json()) == event


def test_a_jobs_name_follows_from_its_cell_and_its_members_alone() -> None:
    job = a_job(2)
    assert a_job(2, cell=a_cell(label="other"), form="loop").id == job.id
    assert a_job(1).id != job.id


@pytest.mark.parametrize(
    ("seeds", "words"), [([], ""), ([3], "3"), ([0, 1, 2, 5, 7, 8], "0-2, 5, 7-8")]
)
def test_seeds_are_shown_as_ranges(seeds: list[int], words: str) -> None:
    assert seeds_in_words(seeds) == words


# ------------------------------------------------------------------ what is missing


def test_only_seeds_that_are_not_there_are_missing() -> None:
    assert missing_members(a_plan(), a_record(list(range(8)))) == ((8, 0), (9, 0))


def test_failed_members_are_tried_again_and_diverged_ones_are_not() -> None:
    record = a_record([0, 1, 2, 3], ["done", "failed", "diverged", "timeout"])
    assert missing_members(a_plan(4), record) == ((1, 0), (3, 0))


def test_a_probe_metric_asked_for_later_makes_the_cell_run_again() -> None:
    planned = a_plan(2, probes={"dormant_units": None})
    assert len(missing_members(planned, a_record([0, 1]))) == 2
    assert missing_members(planned, a_record([0, 1], dormant_units=[[0.1], [0.2]])) == ()
    assert missing_members(planned, a_record([0, 1], dormant_units=[[0.1], [np.nan]])) == ((1, 0),)


def test_a_member_that_diverged_before_a_probe_was_asked_for_runs_again_too() -> None:
    planned = a_plan(2, probes={"dormant_units": None})
    status = ["done", "diverged"]
    assert len(missing_members(planned, a_record([0, 1], status))) == 2
    measured = a_record([0, 1], status, dormant_units=[[0.1], [np.nan]])
    assert missing_members(planned, measured) == ()


def test_a_probe_metric_measured_in_another_way_makes_the_cell_run_again() -> None:
    how = {"options": {"samples": 7}, "version": "mine 1.0"}
    planned, record = (
        a_plan(2, probes={"dormant_units": how}),
        a_record([0, 1], dormant_units=[[0.1], [0.2]]),
    )
    record.probes = {"dormant_units": how}
    assert missing_members(planned, record) == ()
    record.probes = {"dormant_units": {**how, "options": {"samples": 8}}}
    assert len(missing_members(planned, record)) == 2


def test_a_curve_that_a_metric_needs_makes_the_cell_run_again() -> None:
    planned, record = a_plan(2, probes={"online_accuracy": None}), a_record([0, 1])
    assert len(missing_members(planned, record)) == 2
    record.curves["online_accuracy"] = np.ones((2, 5))
    assert missing_members(planned, record) == ()


def test_a_probe_that_is_undefined_for_everybody_was_measured() -> None:
    assert (
        missing_members(a_plan(2, probes={"p": None}), a_record([0, 1], p=[np.nan, np.nan])) == ()
    )


def test_a_probe_that_raised_for_some_seeds_is_not_asked_again() -> None:
    record = a_record([0, 1], p=[0.5, np.nan])
    assert missing_members(a_plan(2, probes={"p": None}), record) == ((1, 0),)
    record.faults = (Fault("ValueError: no ranks\nTraceback", "p"),)
    assert missing_members(a_plan(2, probes={"p": None}), record) == ()


def test_a_stack_is_as_large_as_its_device_holds() -> None:
    job = a_job(10)
    memory = Memory(data=100, member=50.0)
    assert memory.of(job) == 600
    assert [memory.pieces(job, room) for room in (600, 599, 300, 149, 20)] == [1, 2, 3, 10, 10]
    assert sizes(jobs_for(a_plan(10), workers=1, stacked=True, pieces=3)) == [4, 3, 3]


def test_a_seed_runs_with_all_its_agents() -> None:
    record = a_record([0, 1])  # agent 0 of each, but there are two
    assert missing_members(a_plan(2, agents=2), record) == ((0, 0), (0, 1), (1, 0), (1, 1))


# ------------------------------------------------------------------ the plan


def test_one_cell_is_shared_by_the_workers() -> None:
    assert sizes(jobs_for(a_plan(10), workers=2, stacked=False)) == [5, 5]


def test_many_cells_keep_their_stacks_whole() -> None:
    cells = [a_plan(10, label) for label in "abcdefgh"]
    assert sizes(jobs_for(*cells, workers=2, stacked=False)) == [10] * 8


def test_a_stack_on_a_cpu_has_at_most_ten_members() -> None:
    cells = [a_plan(35, label) for label in "ab"]
    jobs = jobs_for(*cells, workers=1, stacked=False)
    assert sum(sizes(jobs)) == 70
    assert max(sizes(jobs)) == 9


def test_a_gpu_takes_a_cell_whole() -> None:
    assert sizes(jobs_for(a_plan(30), workers=1, stacked=True)) == [30]


def test_a_run_is_a_seed_with_all_its_agents() -> None:
    record = replace(
        a_record([0, 0, 1, 1], ["done", "done", "done", "failed"]), agent=np.array([0, 1, 0, 1])
    )
    planned = a_plan(3, agents=2)
    found = outcome_of(
        cast(Any, SimpleNamespace(name="demo")),
        Path("demo.h5"),
        [planned],
        {planned.key: record},
        Work(jobs={}, errors={}, seconds=1.0, interrupted=False),
    )
    assert (found.finished, found.requested) == (1, 3)
    assert found.failures[0].seeds == (1, 2)


def test_agents_stay_with_their_seed() -> None:
    jobs = jobs_for(a_plan(4, agents=3), workers=4, stacked=False)
    for job in jobs:
        assert {seed: [a for s, a in job.members if s == seed] for seed in job.seeds} == {
            seed: [0, 1, 2] for seed in job.seeds
        }


def test_a_job_with_a_checkpoint_goes_on_as_it_was() -> None:
    planned = a_plan(10)
    begun = Job(planned, tuple((seed, 0) for seed in range(3)))
    remaining = remaining_work([planned], {}, begun=[begun])
    jobs = plan_jobs(remaining, Workers(1, stacked=False)).jobs
    assert jobs[0] is begun
    assert sorted(member for job in jobs for member in job.members) == list(planned.members)


def test_nothing_missing_is_no_job() -> None:
    remaining = remaining_work([a_plan()], {"key-er": a_record(list(range(10)))})
    plan = plan_jobs(remaining, Workers(2, stacked=False))
    assert (plan.jobs, plan.missing) == ((), {"key-er": ()})


def test_dividing_never_makes_the_run_longer() -> None:
    jobs = [a_job(10, key) for key in "abcde"]
    better = balance(jobs, 2)
    assert makespan(better, 2) < makespan(jobs, 2)
    assert sum(sizes(better)) == 50


def test_one_seed_cannot_be_divided() -> None:
    assert len(Job(a_plan(), ((7, 0), (7, 1))).divide(2)) == 1
