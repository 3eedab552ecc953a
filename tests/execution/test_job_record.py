"""A job's own file: what it measured, or why it measured nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clbench.execution.job_record import failed_record, save
from clbench.execution.jobs import Job, Site
from clbench.records import read_record

from .plans import a_plan, a_record

HOW = {"options": {"samples": 7}, "version": "mine 1.0"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "jobs").mkdir()
    return Site(tmp_path, "tiny")


def test_a_failed_job_has_its_members_and_nothing_else() -> None:
    job = Job(a_plan(2, agents=2), ((0, 0), (0, 1), (1, 0)))
    record = failed_record(job, "Traceback\nValueError: no luck")
    assert record.seed.tolist() == [0, 0, 1]
    assert record.agent.tolist() == [0, 1, 0]
    assert record.member_status.tolist() == ["failed"] * 3
    assert record.diverged_at.tolist() == [-1] * 3
    assert (record.status, record.accuracy, record.tasks) == ("failed", None, 0)
    assert record.errors == ("Traceback\nValueError: no luck",)
    assert (record.key, record.label, record.scenario) == ("key-er", "er", "split")


def test_who_ran_out_of_time_is_told_from_who_failed() -> None:
    record = failed_record(Job(a_plan(1), ((0, 0),)), "it took too long", "timeout")
    assert (record.status, record.member_status.tolist()) == ("failed", ["timeout"])


def test_a_job_s_file_holds_its_record_alone(site: Site) -> None:
    job = Job(a_plan(2), ((0, 0), (1, 0)))
    record = a_record([0, 1])
    save(record, job, site)
    file = read_record(site.record(job))
    (cell,) = file.cells
    assert (file.suite, file.suite_text, file.runs) == ("tiny", "", ())
    np.testing.assert_array_equal(cell.accuracy, record.accuracy)
    assert cell.content == {"data": "x"}
    assert record.content == {}  # what was given stays as it was


def test_only_metrics_that_were_measured_say_how(site: Site) -> None:
    planned = a_plan(2, probes={"rank": HOW, "absent": HOW})
    job = Job(planned, ((0, 0), (1, 0)))
    save(a_record([0, 1], rank=[0.5, 0.25]), job, site)
    (cell,) = read_record(site.record(job)).cells
    assert cell.probes == {"rank": HOW}


def test_facts_of_who_did_the_work_are_in_the_file_and_at_each_member(site: Site) -> None:
    job = Job(a_plan(2), ((0, 0), (1, 0)))
    save(a_record([0, 1]), job, site, {"id": "r1", "host": "here"})
    file = read_record(site.record(job))
    assert [run["host"] for run in file.runs] == ["here"]
    assert file.cells[0].run.tolist() == ["r1", "r1"]


def test_a_failed_record_can_be_saved_and_read(site: Site) -> None:
    job = Job(replace(a_plan(1), content={"data": "y"}), ((0, 0),))
    save(failed_record(job, "no luck"), job, site)
    (cell,) = read_record(site.record(job)).cells
    assert (cell.status, cell.errors, cell.content) == ("failed", ("no luck",), {"data": "y"})
