"""What came of a run, and the exit code it deserves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from clbench.execution.jobs import Job, PlannedCell
from clbench.execution.outcome import Outcome, Work, outcome_of
from clbench.execution.separating import Stop
from clbench.records import CellRecord, Fault

from .plans import a_job, a_plan, a_record

SUITE: Any = SimpleNamespace(name="demo")


def outcome(
    planned: PlannedCell, record: CellRecord | None, work: Work | None = None, **more: Any
) -> Outcome:
    recorded = {} if record is None else {planned.key: record}
    return outcome_of(SUITE, Path("demo.h5"), [planned], recorded, work or Work(), **more)


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


def test_a_run_that_has_everything_is_exit_0() -> None:
    found = outcome(a_plan(2), a_record([0, 1]))
    assert (found.finished, found.requested, found.exit_code) == (2, 2, 0)
    assert (found.failures, found.diverged, found.faults) == ((), (), ())


def test_what_nobody_measured_was_not_recorded() -> None:
    found = outcome(a_plan(2), None)
    assert [str(failure) for failure in found.failures] == [
        "split, er, seeds 0-1: nothing was recorded"
    ]
    assert found.exit_code == 1


def test_a_job_that_failed_is_told_by_its_first_line_and_the_others_by_the_record() -> None:
    job = Job(a_plan(4), ((1, 0), (2, 0)))
    record = a_record([0], ["done"])
    record.faults = (Fault("Traceback\n  a line\nValueError: earlier"),)
    work = Work({job.id: job}, {job.id: "it broke\nTraceback"}, 1.0)
    found = outcome(a_plan(4), record, work)
    assert [(failure.seeds, failure.error) for failure in found.failures] == [
        ((1, 2), "it broke"),
        ((3,), "ValueError: earlier"),
    ]


def test_what_was_interrupted_did_not_fail() -> None:
    found = outcome(a_plan(2), None, Work(interrupted=True))
    assert (found.failures, found.finished, found.exit_code) == ((), 0, 130)


def test_failures_of_another_cell_are_not_this_one_s() -> None:
    job = Job(a_plan(1, label="other"), ((0, 0),))
    work = Work({job.id: job}, {job.id: "it broke"})
    assert outcome(a_plan(1), a_record([0]), work).failures == ()


def test_a_cell_of_which_nobody_got_through_has_diverged() -> None:
    one, every = a_record([0, 1], ["diverged", "done"]), a_record([0, 1], ["diverged"] * 2)
    assert (outcome(a_plan(2), one).diverged, outcome(a_plan(2), one).exit_code) == ((), 0)
    found = outcome(a_plan(2), every)
    assert (found.diverged, found.finished, found.exit_code) == (("split, er",), 2, 1)


def test_a_cell_without_members_has_not_diverged() -> None:
    assert outcome(a_plan(0), None).diverged == ()


def test_metrics_that_failed_are_told_where_the_cell_is_complete() -> None:
    record = a_record([0])
    record.faults = (
        Fault("ValueError: no ranks\nTraceback", "rank"),
        Fault("there is one task", "forgetting", undefined=True),
    )
    (fault,) = outcome(a_plan(1), record).faults
    assert fault.startswith("split, er: ")
    assert "no ranks" in fault
    assert outcome(a_plan(2), record).faults == ()


def test_a_stop_that_could_decide_nothing_is_a_failure() -> None:
    undecidable = Stop(6, ": no value", failed=True)
    assert outcome(a_plan(1), a_record([0]), stop=undecidable).exit_code == 1
    assert outcome(a_plan(1), a_record([0]), stop=Stop(6, ": decided")).exit_code == 0


def test_work_that_follows_other_work_adds_to_it() -> None:
    first, second = a_job(1, "a"), a_job(1, "b")
    one = Work({first.id: first}, {first.id: "x"}, 2.0, interrupted=True)
    both = one.and_then(Work({second.id: second}, {second.id: "y"}, 3.0))
    assert both == Work(
        {first.id: first, second.id: second}, {first.id: "x", second.id: "y"}, 5.0, False
    )
    assert len(one.jobs) == 1
    assert Work().and_then(one) == one
