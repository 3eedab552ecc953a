"""Jobs are done by a launcher that only says what it is told to say."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clbench.errors import OutputError, UserError
from clbench.events import JobFinished, TaskFinished
from clbench.execution.board import Board
from clbench.execution.display import Quiet
from clbench.execution.forecast import Forecast
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.execution.launcher import Launcher
from clbench.execution.store import Store
from clbench.execution.supervisor import Supervisor, _generator, _termination_interrupts
from clbench.records import read_record

from .plans import a_plan

Answer = Callable[[Job, int], JobEvent | BaseException]


class Told(Launcher):
    """Ends each job as it is told; counts how often each was tried."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer, self.tried, self.closed = answer, list[str](), 0

    def run(self, jobs: Any, slots: Any, site: Any) -> Iterator[JobEvent]:
        """One job after the other."""
        try:
            for job in jobs:
                self.tried.append(job.id)
                yield JobEvent("started", job.id, tasks=job.tasks)
                answer = self.answer(job, self.tried.count(job.id))
                if isinstance(answer, BaseException):
                    raise answer
                yield answer
        finally:
            self.closed += 1


class Heard(Quiet):
    """Keeps what is said of the whole run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


def ending(status: str, error: str = "") -> Answer:
    return lambda job, times: JobEvent("ended", job.id, status=status, error=error, seconds=2.0)


@pytest.fixture
def supervise(tmp_path: Path):
    """A supervisor of one job with four seeds, and a launcher that answers so."""

    def make(answer: Answer) -> tuple[Supervisor, Job]:
        planned = a_plan(4)
        job = Job(planned, planned.members)
        store = Store(tmp_path, "tiny")
        for folder in (store.jobs, store.checkpoints):
            folder.mkdir()
        observed: list[Any] = []
        host: Any = SimpleNamespace(notify=observed.append, observed=observed)
        forecast = Forecast([job], {job.id: 1.0}, 1)
        board = Board.of("tiny", [planned], [job], forecast)
        site = Site(tmp_path, "tiny")
        made = Supervisor(host, Told(answer), ["cpu"], site, store, board, Heard())
        return made, job

    return make


def observed(supervisor: Supervisor) -> list[Any]:
    return supervisor.host.observed  # type: ignore[attr-defined, no-any-return]


def test_a_job_that_ends_well_is_told_to_observers(supervise) -> None:
    supervisor, job = supervise(ending("done"))
    found = supervisor.carry_out([job])
    assert (found.errors, found.interrupted, found.unwritten) == ({}, False, "")
    (event,) = observed(supervisor)
    assert event == JobFinished(
        suite="tiny",
        cell="key-er",
        label="er",
        scenario="split",
        seeds=(0, 1, 2, 3),
        status="done",
        seconds=2.0,
        error="",
    )


def test_a_task_s_end_is_told_with_its_accuracy(supervise) -> None:
    supervisor, job = supervise(ending("done"))
    supervisor.heard(JobEvent("progress", job.id, 2, 5, 0.4, (0.5, 0.25)))
    supervisor.heard(JobEvent("progress", job.id, 2, 5, 0.5))
    (event,) = observed(supervisor)
    assert isinstance(event, TaskFinished)
    assert (event.task, event.tasks, event.accuracy) == (2, 5, (0.5, 0.25))


@pytest.mark.parametrize("status", ["failed", "timeout"])
def test_a_job_that_left_no_record_gets_one(supervise, status: str) -> None:
    supervisor, job = supervise(ending(status, "it broke\nTraceback"))
    found = supervisor.carry_out([job])
    assert found.errors == {job.id: "it broke\nTraceback"}
    (cell,) = read_record(supervisor.site.record(job)).cells
    assert cell.member_status.tolist() == [status] * 4
    (event,) = observed(supervisor)
    assert (event.status, event.error) == ("failed", "it broke")


def test_a_record_that_a_failed_job_left_is_kept(supervise) -> None:
    supervisor, job = supervise(ending("failed", "it broke"))
    supervisor.site.record(job).write_text("as the worker wrote it")
    supervisor.carry_out([job])
    assert supervisor.site.record(job).read_text() == "as the worker wrote it"


def test_a_job_that_is_lost_once_is_tried_once_more(supervise) -> None:
    supervisor, job = supervise(
        lambda job, times: JobEvent("ended", job.id, status="lost" if times == 1 else "done")
    )
    assert supervisor.carry_out([job]).errors == {}
    assert supervisor.launcher.tried == [job.id, job.id]
    assert [event.status for event in observed(supervisor)] == ["done"]


def test_a_job_that_is_lost_twice_has_failed(supervise) -> None:
    supervisor, job = supervise(ending("lost", "the system killed it"))
    found = supervisor.carry_out([job])
    assert found.errors == {job.id: "for the second time, the system killed it"}
    assert supervisor.launcher.tried == [job.id, job.id]


def test_a_job_out_of_memory_is_halved_until_it_fits(supervise) -> None:
    def answer(job: Job, times: int) -> JobEvent:
        status = "memory" if len(job.members) > 1 else "done"
        return JobEvent("ended", job.id, status=status)

    supervisor, job = supervise(answer)
    checkpoint = supervisor.site.checkpoint(job)
    checkpoint.touch()
    assert supervisor.carry_out([job]).errors == {}
    # Four, then two halves, then four quarters.
    assert len(supervisor.launcher.tried) == 1 + 2 + 4
    assert not checkpoint.exists()
    assert supervisor.board.rows[job.key].finished == 4
    described = {path.stem for path in supervisor.store.checkpoints.glob("*.json")}
    assert described >= set(supervisor.board.jobs)


def test_a_record_that_finds_no_room_stops_the_run(supervise) -> None:
    supervisor, job = supervise(ending("unwritten", "the disk is full"))
    found = supervisor.carry_out([job])
    assert (found.unwritten, found.errors) == ("the disk is full", {})
    assert supervisor.display.lines == ["stopping: the workers save where they are"]
    assert supervisor.launcher.closed == 1


@pytest.mark.parametrize(
    ("stop", "interrupted", "unwritten"),
    [(KeyboardInterrupt(), True, ""), (OutputError("no room"), False, "no room")],
)
def test_who_stops_early_has_the_workers_stopped(
    supervise, stop: BaseException, interrupted: bool, unwritten: str
) -> None:
    supervisor, job = supervise(lambda job, times: stop)
    found = supervisor.carry_out([job])
    assert (found.interrupted, found.unwritten) == (interrupted, unwritten)
    assert supervisor.launcher.closed == 1


def test_nothing_to_do_needs_no_launcher(supervise) -> None:
    supervisor, _ = supervise(ending("done"))
    supervisor.carry_out([])
    assert supervisor.launcher.tried == []


# ------------------------------------------------------------------ signals


def test_sigterm_is_taken_for_ctrl_c_as_long_as_jobs_run() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _termination_interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_leaves_signals_alone() -> None:
    before, inside = signal.getsignal(signal.SIGTERM), list[Any]()

    def run() -> None:
        with _termination_interrupts():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert inside == [before]


def test_a_launcher_must_be_able_to_stop() -> None:
    with pytest.raises(UserError, match="must be a generator, so that it can be stopped"):
        _generator(iter([]))
