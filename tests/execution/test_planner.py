"""From what is asked for and what is there to jobs."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.execution.jobs import Job
from clbench.execution.planner import (
    Workers,
    balance,
    makespan,
    missing_members,
    plan_jobs,
    remaining_work,
)
from clbench.records import Fault

from .plans import a_job, a_plan, a_record, jobs_for, sizes

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


def test_agents_stay_with_their_seed() -> None:
    jobs = jobs_for(a_plan(4, agents=3), workers=4, stacked=False)
    for job in jobs:
        agents: dict[int, list[int]] = {}
        for seed, agent in job.members:
            agents.setdefault(seed, []).append(agent)
        assert agents == {seed: [0, 1, 2] for seed in job.seeds}


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


# ------------------------------------------------------------------ by hand


@pytest.mark.parametrize(
    ("sizes_", "workers", "end"),
    [
        ([], 2, 0.0),
        ([5], 1, 6.0),  # one start-up, five members
        ([5, 3], 1, 10.0),
        ([5, 3], 2, 6.0),
        # The first is free at 6, the second at 4 and takes the third: 4 + 1 + 2.
        ([5, 3, 2], 2, 7.0),
    ],
)
def test_the_last_worker_ends_the_run(sizes_: list[int], workers: int, end: float) -> None:
    assert makespan([a_job(size, str(size)) for size in sizes_], workers) == end


def test_largest_jobs_come_first() -> None:
    jobs = [a_job(2, "a"), a_job(9, "b"), a_job(5, "c")]
    assert [len(job.members) for job in balance(jobs, 1)] == [9, 5, 2]
    assert [job.key for job in jobs] == ["a", "b", "c"]  # what was given stays as it was


def test_no_jobs_are_in_balance() -> None:
    assert balance([], 3) == []


def test_devices_tell_whether_a_stack_has_any_size() -> None:
    assert Workers.on(["cuda:0", "cuda:1"]) == Workers(2, stacked=True)
    assert Workers.on(["cpu"]) == Workers(1, stacked=False)


def test_members_of_resumed_jobs_are_in_no_new_one() -> None:
    planned = a_plan(4)
    begun = Job(planned, ((1, 0), (2, 0)))
    (new,) = remaining_work([planned], {}, begun=[begun]).new_jobs("loop")
    assert (new.members, new.form) == (((0, 0), (3, 0)), "loop")


def test_a_cell_that_is_resumed_as_a_whole_has_no_new_job() -> None:
    planned = a_plan(2)
    begun = Job(planned, planned.members)
    remaining = remaining_work([planned], {}, begun=[begun])
    assert remaining.new_jobs("auto") == []
    assert plan_jobs(remaining, Workers(1, stacked=False)).jobs == (begun,)


@pytest.mark.parametrize(
    "begun",
    [
        Job(a_plan(9), ((7, 0), (8, 0))),  # a member that nobody asks for
        Job(a_plan(4), ((0, 0), (1, 0))),  # one that is in the record
        Job(a_plan(4, probes={"p": None}), ((1, 0),)),  # measured in another way
        Job(a_plan(4, label="other"), ((1, 0),)),  # of a cell that left the suite
    ],
)
def test_a_checkpoint_of_another_plan_is_of_no_use(begun: Job) -> None:
    record = {"key-er": a_record([0])}
    assert remaining_work([a_plan(4)], record, begun=[begun]).resumed == ()


def test_a_forced_cell_runs_whole_and_goes_on_from_nothing() -> None:
    planned = a_plan(2)
    begun = Job(planned, ((1, 0),))
    remaining = remaining_work(
        [planned], {"key-er": a_record([0])}, forced=["key-er"], begun=[begun]
    )
    assert remaining.resumed == ()
    assert remaining.missing[0].members == planned.members


def test_a_cell_falls_into_as_many_jobs_as_it_needs_at_least() -> None:
    pieces = {"key-er": 3}
    plan = plan_jobs(remaining_work([a_plan(7)], {}), Workers(1, stacked=True), pieces=pieces)
    # 7 seeds in 3 shares
    assert sizes(list(plan.jobs)) == [3, 2, 2]
