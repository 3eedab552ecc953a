"""A worker outlives the jobs that fail in it; nothing is trained here, no process is started."""

from __future__ import annotations

import bdb
import io
import json
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clbench.errors import OutputError, StopRequested, UserError
from clbench.execution import worker
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.execution.worker import NO_TERMINAL, perform
from clbench.records import CellRecord, read_record

from .plans import a_job, a_plan, a_record

HOST: Any = None  # nothing is looked up in it


@pytest.fixture
def site(tmp_path: Path) -> Site:
    for folder in ("jobs", "checkpoints"):
        (tmp_path / folder).mkdir()
    return Site(tmp_path, "tiny")


@pytest.fixture
def trains(monkeypatch: pytest.MonkeyPatch):
    """Training is what the test says: a record, or something to raise."""

    def make(result: CellRecord | BaseException) -> None:
        def trained(*_: Any) -> CellRecord:
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(worker, "_trained", trained)
        monkeypatch.setattr(worker, "facts_of", lambda *_: {"id": "r1"})

    return make


def a_stack(seeds: int) -> Job:
    planned = a_plan(seeds)
    return Job(planned, planned.members)


def performed(job: Job, site: Site, **options: Any) -> tuple[JobEvent, list[JobEvent]]:
    """How a job ended, and what was told before."""
    told: list[JobEvent] = []
    return perform(job, site, "cpu", HOST, told.append, **options), told


# ------------------------------------------------------------------ how a job ends


@pytest.mark.parametrize(("status", "ended"), [("done", "done"), ("diverged", "diverged")])
def test_a_job_that_was_trained_leaves_its_record_and_no_checkpoint(
    trains, site: Site, status: str, ended: str
) -> None:
    record = a_record([0, 1])
    record.status = status
    trains(record)
    job = a_stack(2)
    site.checkpoint(job).touch()
    end, told = performed(job, site)
    assert (end.kind, end.job, end.status, end.error) == ("ended", job.id, ended, "")
    assert [(event.kind, event.tasks) for event in told] == [("started", 5)]
    assert end.seconds >= 0
    assert not site.checkpoint(job).exists()
    (cell,) = read_record(site.record(job)).cells
    assert cell.run.tolist() == ["r1", "r1"]


def test_a_job_that_raised_is_recorded_with_its_traceback_and_can_go_on(trains, site: Site) -> None:
    trains(ValueError("no luck\ntoday"))
    job = a_stack(2)
    site.checkpoint(job).touch()
    end, _ = performed(job, site)
    assert (end.status, end.error) == ("failed", "ValueError: no luck\ntoday")
    (cell,) = read_record(site.record(job)).cells
    assert cell.errors[0].startswith("Traceback")
    assert cell.member_status.tolist() == ["failed", "failed"]
    assert site.checkpoint(job).exists()


def test_a_stack_out_of_memory_has_no_record_for_its_halves_will(trains, site: Site) -> None:
    trains(MemoryError("too much"))
    job = a_stack(2)
    end, _ = performed(job, site)
    assert end.status == "memory"
    assert not site.record(job).exists()


def test_one_seed_out_of_memory_has_failed(trains, site: Site) -> None:
    trains(MemoryError("too much"))
    end, _ = performed(a_stack(1), site)
    said = "out of memory with one seed alone: MemoryError: too much"
    assert (end.status, end.error) == ("failed", said)
    (cell,) = read_record(site.record(a_stack(1))).cells
    assert cell.errors[0].endswith(said)


def test_agents_of_one_seed_cannot_be_halved(trains, site: Site) -> None:
    trains(MemoryError("too much"))
    planned = a_plan(1, agents=3)
    end, _ = performed(Job(planned, planned.members), site)
    assert end.status == "failed"


def test_a_checkpoint_that_finds_no_room_is_told_and_leaves_nothing(trains, site: Site) -> None:
    trains(OutputError("the disk is full"))
    job = a_stack(2)
    end, _ = performed(job, site)
    assert (end.status, end.error) == ("unwritten", "the disk is full")
    assert not site.record(job).exists()


def test_a_record_that_finds_no_room_is_told_and_the_checkpoint_stays(
    trains, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OutputError("the disk is full")

    trains(a_record([0, 1]))
    monkeypatch.setattr(worker, "save", full)
    job = a_stack(2)
    site.checkpoint(job).touch()
    end, _ = performed(job, site)
    assert (end.status, end.error) == ("unwritten", "the disk is full")
    assert site.checkpoint(job).exists()


def test_who_quits_the_debugger_quits_the_run_where_there_is_a_terminal(trains, site: Site) -> None:
    trains(bdb.BdbQuit())
    with pytest.raises(KeyboardInterrupt):
        performed(a_stack(1), site, terminal=True)
    end, _ = performed(a_stack(1), site)
    assert (end.status, end.error) == ("failed", NO_TERMINAL)


def test_a_job_that_is_asked_to_leave_has_not_ended(trains, site: Site) -> None:
    trains(StopRequested())
    with pytest.raises(StopRequested):
        performed(a_stack(1), site)


# ------------------------------------------------------------------ what an error means


class OutOfMemoryError(RuntimeError):
    """As torch calls its own."""


@pytest.mark.parametrize(
    ("failure", "is_memory"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("the sizes differ"), False),
        (ValueError("memory must be positive"), False),
    ],
)
def test_want_of_memory_is_told_from_other_errors(failure: Exception, is_memory: bool) -> None:
    assert worker._is_out_of_memory(failure) == is_memory


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (UserError("write a number"), "write a number"),
        (ValueError("no luck"), "ValueError: no luck"),
        (KeyError("x"), "KeyError: 'x'"),
        (bdb.BdbQuit(), NO_TERMINAL),
    ],
)
def test_an_error_is_told_in_a_line(failure: Exception, line: str) -> None:
    assert worker._last_line(failure) == line


# ------------------------------------------------------------------ what plugins print


def printed(*texts: str) -> list[str]:
    told: list[JobEvent] = []
    job = a_job(1)
    said = worker._Said(job, told.append)
    for text in texts:
        assert said.write(text) == len(text)
    said.close()
    assert {(event.kind, event.job) for event in told} <= {("said", job.id)}
    return [event.error for event in told]


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        ((), []),
        (("one\n",), ["one"]),
        (("one\ntwo\n",), ["one", "two"]),
        (("o", "ne", "\n"), ["one"]),
        (("one\nhalf",), ["one", "half"]),
        (("\n",), [""]),
        (("",), []),
    ],
)
def test_what_is_printed_is_an_event_a_line(texts: tuple[str, ...], lines: list[str]) -> None:
    assert printed(*texts) == lines


def test_print_goes_to_events_as_long_as_a_job_runs(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[JobEvent] = []
    with worker._printing_to(a_job(1), told.append):
        print("inside", 1)
    print("outside")
    assert [event.error for event in told] == ["inside 1"]
    assert capsys.readouterr().out == "outside\n"


# ------------------------------------------------------------------ one job after the other

Perform = Callable[..., JobEvent]


def run_jobs(
    site: Site, lines: list[str], monkeypatch: pytest.MonkeyPatch, does: Perform
) -> list[JobEvent]:
    """What a worker tells of the lines in its inbox."""
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
    for line in [*lines, Site.LEAVE]:
        inbox.put(line)
    told: list[JobEvent] = []
    monkeypatch.setattr(worker, "perform", does)
    worker._do_jobs(site, "cpu", inbox, told.append, threading.Event())
    return told


def done(job: Job, *_: Any) -> JobEvent:
    return JobEvent("ended", job.id, status="done")


def test_plugins_are_loaded_for_the_first_job_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def prepare(site: Site, device: str) -> object:
        loaded.append(device)
        return object()

    monkeypatch.setattr(worker, "_prepare", prepare)
    jobs = [a_job(1, "a"), a_job(2, "b")]
    told = run_jobs(site, [job.to_json() for job in jobs], monkeypatch, done)
    assert [event.job for event in told] == [jobs[0].id, jobs[1].id]
    assert loaded == ["cpu"]
    assert run_jobs(site, [], monkeypatch, done) == []
    assert loaded == ["cpu"]  # nobody needs them for no job


def test_plugins_that_do_not_load_fail_each_job(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> object:
        raise UserError("plugin mine.py is broken")

    monkeypatch.setattr(worker, "_prepare", broken)
    jobs = [a_job(1, "a"), a_job(2, "b")]
    told = run_jobs(site, [job.to_json() for job in jobs], monkeypatch, done)
    assert [(event.status, event.error) for event in told] == [
        ("failed", "plugin mine.py is broken")
    ] * 2
    assert capsys.readouterr().err.count("Traceback") == 2


def test_a_worker_that_is_asked_to_leave_in_a_job_takes_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: Any) -> JobEvent:
        raise StopRequested

    monkeypatch.setattr(worker, "_prepare", lambda *_: object())
    jobs = [a_job(1, "a"), a_job(2, "b")]
    assert run_jobs(site, [job.to_json() for job in jobs], monkeypatch, leave) == []


def test_the_line_that_asks_to_leave_is_heard_while_a_job_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left: list[int] = []
    monkeypatch.setattr(worker.os, "_exit", left.append)
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
    leaving = threading.Event()
    worker._listen(io.StringIO("one\n  two  \n"), inbox, leaving)
    assert [inbox.get(), inbox.get()] == ["one", "two"]
    assert not leaving.is_set()
    worker._listen(io.StringIO(f"{Site.LEAVE}\n"), inbox, leaving)
    assert leaving.is_set()
    # Whoever started it is gone at the end of the input.
    assert left == [0, 0]


def test_a_worker_has_no_terminal_for_a_debugger() -> None:
    with pytest.raises(UserError, match="a debugger needs a terminal"):
        worker._no_breakpoint()


# ------------------------------------------------------------------ data


def test_data_of_the_last_job_stays_until_it_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    class Arrays:
        """Padded by so much."""

        def padded(self, border: int) -> tuple[Arrays, int]:
            """Say so."""
            return self, border

    read: list[str] = []

    def load(choice: Any, host: Any, data: Any) -> Arrays:
        read.append(choice.name)
        return Arrays()

    monkeypatch.setattr("clbench.data.load_arrays", load)
    worker.forget_data()
    other = json.dumps("mnist")
    first = worker._arrays(HOST, '{"digits": {}}', 2, None)
    assert worker._arrays(HOST, '{"digits": {}}', 2, None) is first
    assert read == ["digits"]
    assert worker._arrays(HOST, '{"digits": {}}', 3, None)[1] == 3  # type: ignore[index]
    worker._arrays(HOST, other, 2, None)
    worker._arrays(HOST, other, 2, None)
    worker.forget_data()
    worker._arrays(HOST, other, 2, None)
    assert read == ["digits", "digits", "mnist", "mnist"]
    worker.forget_data()


def test_memory_is_freed_without_a_gpu() -> None:
    worker._release_memory()
    assert "torch" not in sys.modules or not sys.modules["torch"].cuda.is_initialized()
