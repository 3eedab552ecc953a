"""The pool of worker processes, with a worker that trains nothing: what it does is written in the
job's label.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clbench.errors import UserError
from clbench.execution.jobs import Job, JobEvent, PlannedCell, Site
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.protocol import Protocol
from clbench_plugins.local_launcher import Local, machine

FAKE = """
import json, os, sys, time
time.sleep(float(os.environ.get("SLOW", "0")))
site, device = json.loads(input()), json.loads(input())
while True:
    try:
        job = json.loads(input())
    except EOFError:
        sys.exit(0)
    if job == "leave":
        open(os.environ["LEFT"], "a").write("left ")
        sys.exit(0)
    what = job["cell"]["label"]
    print(json.dumps({"kind": "started", "job": job["key"] + "-" + what}), flush=True)
    if what == "die":
        print("a last word", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    if what == "leave":
        sys.exit(3)
    if what == "hang":
        time.sleep(60)
    if what == "polite" and json.loads(input()) == "leave":
        open(os.environ["LEFT"], "a").write("saved ")
        sys.exit(0)
    error = f"{os.getpid()} {device} {os.environ['MARK']}"
    name = job["key"] + "-" + what
    ended = {"kind": "ended", "job": name, "status": "done", "error": error}
    print(json.dumps(ended), flush=True)
"""


class Named(Job):
    """A job whose id says what it is."""

    @property
    def id(self) -> str:
        return f"{self.key}-{self.cell.label}"


def a_job(number: int, what: str = "work") -> Job:
    cell = Cell(Choice("split", {}), "split", (Choice("er", {}),), what, Protocol(), (), (0,))
    return Named(PlannedCell(cell, str(number)), ((0, 0),))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    script = tmp_path / "worker.py"
    script.write_text(FAKE)
    return Site(
        tmp_path,
        "s",
        command=(sys.executable, str(script)),
        environment={"MARK": "here", "LEFT": str(tmp_path / "left")},
    )


def ended(jobs: list[Job], slots: list[str], site: Site) -> dict[str, JobEvent]:
    events = [event for event in Local().run(jobs, slots, site) if event.kind == "ended"]
    told = sorted(event.job for event in events)
    assert told == sorted(job.id for job in jobs)  # exactly one each
    return {event.job: event for event in events}


def with_timeout(site: Site, seconds: float) -> Site:
    return Site(
        site.folder, site.suite, timeout=seconds, command=site.command, environment=site.environment
    )


def test_workers_live_on_from_job_to_job(site: Site) -> None:
    events = ended([a_job(number) for number in range(6)], ["cpu", "cpu"], site)
    processes = {event.error.split()[0] for event in events.values()}
    assert len(processes) <= 2
    assert all(event.error.split()[1:] == ["cpu", "here"] for event in events.values())


def test_a_worker_that_is_killed_costs_its_job_only(site: Site) -> None:
    events = ended([a_job(0), a_job(1, "die"), a_job(2), a_job(3)], ["cpu"], site)
    assert events["1-die"].status == "lost"  # to be tried once more, by whoever asked for it
    assert "killed by signal 9 (SIGKILL)" in events["1-die"].error
    assert "a last word" in events["1-die"].error
    assert [events[name].status for name in ("0-work", "2-work", "3-work")] == ["done"] * 3


def test_a_worker_that_leaves_is_no_reason_to_stop(site: Site) -> None:
    events = ended([a_job(0, "leave"), a_job(1, "leave"), a_job(2)], ["cpu"], site)
    assert events["0-leave"].status == "failed"
    assert "exit code 3" in events["0-leave"].error
    assert events["2-work"].status == "done"


def test_a_job_that_takes_too_long_is_stopped(site: Site) -> None:
    events = ended([a_job(0, "hang"), a_job(1)], ["cpu"], with_timeout(site, 1.0))
    assert events["0-hang"].status == "timeout"
    assert "--timeout 1 s" in events["0-hang"].error
    assert events["1-work"].status == "done"


def test_loading_torch_is_no_part_of_a_jobs_time(site: Site) -> None:
    slow = replace(with_timeout(site, 0.5), environment={**site.environment, "SLOW": "1.5"})
    assert ended([a_job(0)], ["cpu"], slow)["0-work"].status == "done"


def test_closing_the_iterator_lets_the_workers_save_and_leave(site: Site) -> None:
    events = Local().run([a_job(0, "polite"), a_job(1)], ["cpu", "cpu"], site)
    while next(events).kind != "ended":
        pass
    events.close()
    assert sorted(Path(site.environment["LEFT"]).read_text().split()) == ["left", "saved"]


def test_a_worker_that_does_not_leave_is_made_to(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clbench_plugins.local_launcher.PATIENCE", 1.0)
    started = time.monotonic()
    events = Local().run([a_job(0), a_job(1, "hang")], ["cpu"], with_timeout(site, 50.0))
    while next(events).kind != "ended":
        pass
    events.close()
    assert time.monotonic() - started < 20


def test_a_worker_that_cannot_start_says_why(tmp_path: Path) -> None:
    site = Site(tmp_path, "s", command=(sys.executable, "-c", "import no_such_module"))
    assert "no_such_module" in ended([a_job(0)], ["cpu"], site)["0-work"].error


# ------------------------------------------------------------------ the machine


def test_slots_are_one_a_core_or_as_many_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clbench_plugins.local_launcher.gpus", lambda: 0)
    monkeypatch.setattr("clbench_plugins.local_launcher.cores", lambda: 3)
    assert Local().slots("auto", None) == ["cpu"] * 3
    assert Local().slots("cpu", 5) == ["cpu"] * 5


def test_slots_are_one_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clbench_plugins.local_launcher.gpus", lambda: 2)
    assert Local().slots("auto", None) == ["cuda:0", "cuda:1"]
    assert Local().slots("cuda", 1) == ["cuda:0"]
    assert Local().slots("cuda:1", None) == ["cuda:1"]
    assert len(Local().slots("cpu", 2)) == 2


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "gpu"])
def test_a_device_that_is_not_here_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clbench_plugins.local_launcher.gpus", lambda: 0)
    with pytest.raises(UserError, match="--device cpu"):
        Local().slots(device, None)


def test_a_containers_quota_counts(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n")
    assert machine.cores(quota) == 1
    quota.write_text("max 100000\n")
    assert machine.cores(quota) == machine.cores(tmp_path / "absent") >= 1
