"""What a worker's process and its end mean for the job, without a process."""

from __future__ import annotations

import io
import signal
import subprocess
import time
from typing import Any

import pytest

from clbench import JobEvent
from clbench.errors import UserError
from clbench_plugins import local_launcher
from clbench_plugins.local_launcher import Local, process
from clbench_plugins.local_launcher.process import START_UP, Worker, _death


class Finished:
    """A process that has left with this code, or does not leave before it is killed."""

    def __init__(self, code: int = 0, *, hangs: bool = False) -> None:
        self.returncode, self.hangs, self.killed = code, hangs, False
        self.stdin, self.stdout, self.stderr = io.StringIO(), io.StringIO(), None

    def wait(self, timeout: float | None = None) -> int:
        if self.hangs and not self.killed:
            raise subprocess.TimeoutExpired("worker", timeout or 0.0)
        return self.returncode

    def kill(self) -> None:
        self.killed = True
        self.returncode = -signal.SIGKILL


class Named:
    """As much of a job as a worker reads."""

    id = "job7"


def worker(running: Finished | None = None, *, busy: bool = True) -> Worker:
    found = Worker("cpu", None, None)  # type: ignore[arg-type]
    found.process = running  # type: ignore[assignment]
    found.job = Named() if busy else None  # type: ignore[assignment]
    found.since = time.monotonic()
    return found


# ---------------------------------------------------------------------- the end of a process


def test_a_process_that_leaves_by_itself_has_failed_with_its_code() -> None:
    event = worker(Finished(3)).died(None)
    assert event is not None
    assert (event.kind, event.job, event.status) == ("ended", "job7", "failed")
    assert event.error == "the worker process left with exit code 3"


def test_a_job_is_lost_where_a_signal_ended_its_process() -> None:
    event = worker(Finished(-signal.SIGTERM)).died(None)
    assert event is not None
    assert event.status == "lost"
    assert event.error == "the worker process was killed by signal 15 (SIGTERM)"


def test_a_process_that_took_too_long_is_a_timeout() -> None:
    late = worker(Finished(-signal.SIGKILL))
    late.overdue = True
    event = late.died(2.5)
    assert event is not None
    assert event.status == "timeout"
    assert event.error == "the job took longer than --timeout 2.5 s"


def test_the_end_of_a_process_without_a_job_means_nothing() -> None:
    idle = worker(Finished(1), busy=False)
    assert idle.died(None) is None
    assert idle.process is None


def test_the_last_words_of_a_process_are_told() -> None:
    said = ["Traceback\n", "  boom\n"]
    assert _death(1, said) == (
        "the worker process left with exit code 1\nits last words:\nTraceback\n  boom"
    )
    assert _death(1, ["\n"]) == "the worker process left with exit code 1"


def test_memory_is_named_where_the_system_kills() -> None:
    assert "the system kills so when memory runs out" in _death(-signal.SIGKILL, [])
    assert "memory" not in _death(-signal.SIGSEGV, [])
    assert "signal 250 (unknown)" in _death(-250, [])


def test_a_process_that_does_not_leave_is_killed() -> None:
    hanging = Finished(hangs=True)
    assert worker(hanging).end() == -signal.SIGKILL
    assert hanging.killed


def test_a_worker_without_a_process_ends_at_once() -> None:
    assert worker().end() == 0


def test_pipes_are_closed_at_the_end() -> None:
    finished = Finished()
    worker(finished).end()
    assert finished.stdin.closed
    assert finished.stdout.closed


# ---------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("seconds", "starting", "is_killed"),
    [
        (4.0, False, False),
        (6.0, False, True),
        (6.0, True, False),  # what a new process takes to load is no part of its job's time
        (START_UP + 1.0, True, True),
    ],
)
def test_a_job_has_its_time_and_a_new_process_more(
    seconds: float, starting: bool, is_killed: bool
) -> None:
    running = Finished()
    slow = worker(running)
    slow.since -= seconds
    slow.starting = starting
    slow.watch(timeout=5.0)
    assert running.killed is slow.overdue is is_killed


def test_without_a_timeout_or_a_job_nobody_is_killed() -> None:
    for slow, timeout in ((worker(Finished()), None), (worker(Finished(), busy=False), 1.0)):
        slow.since -= 1000.0
        slow.watch(timeout)
        assert not slow.overdue


def test_a_job_that_started_counts_from_then_on() -> None:
    starting = worker(Finished())
    starting.since, starting.starting = 0.0, True
    starting.note(JobEvent("started", "job7"))
    assert not starting.starting
    assert time.monotonic() - starting.since < 5.0


def test_a_worker_that_has_ended_its_job_is_free() -> None:
    done = worker(Finished())
    done.note(JobEvent("ended", "job7", status="done"))
    assert done.job is None
    assert done.process is not None


def test_a_process_killed_while_it_said_so_is_not_given_another_job() -> None:
    late = worker(Finished())
    late.overdue = True
    late.note(JobEvent("ended", "job7", status="done"))
    assert late.job is late.process is None
    assert not late.overdue


def test_other_events_leave_the_worker_as_it_is() -> None:
    busy = worker(Finished())
    busy.note(JobEvent("progress", "job7"))
    assert busy.job is not None


# ---------------------------------------------------------------------- devices


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`Local().slots` on a machine with so many GPUs, and three cores."""

    def found(device: str, workers: int | None = None, *, gpus: int = 0) -> list[str]:
        monkeypatch.setattr(local_launcher, "gpus", lambda: gpus)
        monkeypatch.setattr(local_launcher, "cores", lambda: 3)
        return Local().slots(device, workers)

    return found


@pytest.mark.parametrize(
    ("device", "workers", "gpus", "expected"),
    [
        ("cpu", None, 2, ["cpu"] * 3),
        ("cpu", 5, 0, ["cpu"] * 5),
        ("auto", None, 0, ["cpu"] * 3),
        ("auto", None, 2, ["cuda:0", "cuda:1"]),
        ("auto", 1, 2, ["cuda:0"]),
        ("cuda", None, 2, ["cuda:0", "cuda:1"]),
        ("cuda:1", None, 2, ["cuda:1"]),
    ],
)
def test_a_worker_a_gpu_or_one_a_core(slots, device, workers, gpus, expected) -> None:
    assert slots(device, workers, gpus=gpus) == expected


@pytest.mark.parametrize(
    ("device", "gpus", "sentence"),
    [
        ("cuda", 0, "torch finds no GPU here; leave --device out, or use --device cpu"),
        ("cuda:2", 2, "GPUs here: cuda:0, cuda:1"),
        ("tpu", 1, "GPUs here: cuda:0"),
    ],
)
def test_a_device_that_is_not_here_is_said(slots, device, gpus, sentence) -> None:
    with pytest.raises(UserError) as caught:
        slots(device, gpus=gpus)
    assert str(caught.value) == f"device {device!r} cannot be used: {sentence}"


def test_a_process_module_keeps_few_last_words() -> None:
    talking = worker(Finished())
    talking.said.extend(f"line {number}\n" for number in range(process.KEPT + 10))
    assert len(talking.said) == process.KEPT
    assert talking.said[0] == "line 10\n"
