"""What the checks of a launcher are made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clbench.execution.jobs import Job, JobEvent
from clbench.testing import launcher
from clbench.testing.launcher import _check_kinds, _check_statuses, _ended, _wait_for, a_job


def event(kind: str, job: str = "a", status: str = "") -> JobEvent:
    return JobEvent(kind, job, status=status)


@pytest.mark.parametrize(
    "kinds", [["started", "ended"], ["started", "progress", "said", "progress", "ended"]]
)
def test_a_job_is_started_then_ended(kinds: list[str]) -> None:
    _check_kinds(kinds)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["started", "progress"], "a job ended 0 times"),
        (["started", "ended", "ended"], "a job ended 2 times"),
        (["progress", "started", "ended"], "the first event of a job is 'progress'"),
        (["started", "ended", "progress"], "after its end a job gave 'progress'"),
    ],
)
def test_events_in_another_order_are_told(kinds: list[str], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        _check_kinds(kinds)


def test_ends_are_found_by_job() -> None:
    events = [event("started"), event("ended", "a"), event("said", "b"), event("ended", "b")]
    assert set(_ended(events)) == {"a", "b"}
    assert _ended(iter([])) == {}


def test_statuses_are_compared_in_the_order_of_the_jobs() -> None:
    jobs = [a_job(0), a_job(1)]
    ended = {
        jobs[1].id: event("ended", jobs[1].id, "failed"),
        jobs[0].id: event("ended", jobs[0].id, "done"),
    }
    _check_statuses(ended, jobs, ["done", "failed"])
    with pytest.raises(AssertionError, match=r"the jobs ended as \['done', 'failed'\]"):
        _check_statuses(ended, jobs, ["done", "done"])
    with pytest.raises(AssertionError, match="no end"):
        _check_statuses({}, jobs, ["done", "done"])


def test_the_kit_s_job_says_its_id_and_is_read_as_any_other() -> None:
    job = a_job(3, "fail")
    plain = json.loads(job.to_json())
    assert (plain["id"], plain["cell"]["label"]) == (job.id, "fail")
    assert plain["key"] == f"{3:016x}"
    del plain["id"]
    assert Job.from_json(json.dumps(plain)).id == job.id


def test_jobs_of_the_kit_have_names_of_their_own() -> None:
    assert len({a_job(number).id for number in range(20)}) == 20


def test_what_comes_is_not_waited_for_any_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "left"
    # It comes while somebody waits.
    monkeypatch.setattr(launcher.time, "sleep", lambda seconds: mark.touch())
    _wait_for(mark)
    _wait_for(mark)


def test_what_does_not_come_is_told_with_what_a_worker_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "TIMEOUT_SECONDS", 0.0)
    with pytest.raises(AssertionError, match=r"'left' did not come: .* is sent the line"):
        _wait_for(tmp_path / "left")
