"""Checks that every launcher inherits: jobs in, exactly
one end each out, whatever becomes of a worker.

The workers train nothing: what each job does is written in its cell's label.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clbench.execution.jobs import Job, JobEvent, PlannedCell, Site
from clbench.execution.launcher import Launcher
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.protocol import Protocol
from clbench.testing.documented import check_docstring, check_options_documented

TIMEOUT_SECONDS = 30.0  # seconds

WORKER = """
import json, os, sys, time

site, device = json.loads(input()), json.loads(input())
for line in sys.stdin:
    job = json.loads(line)
    if job == "leave":
        sys.exit(0)
    name, what = job["key"], job["cell"]["label"]
    print(json.dumps({"kind": "started", "job": job["id"]}), flush=True)
    if what == "die":
        os.kill(os.getpid(), 9)
    if what == "fail":
        ended = {"kind": "ended", "job": job["id"], "status": "failed", "error": "as it was asked"}
        print(json.dumps(ended), flush=True)
        continue
    if what == "wait":
        open(os.environ["KIT_FOLDER"] + "/waits", "w").close()
        if json.loads(input()) == "leave":
            open(os.environ["KIT_FOLDER"] + "/left", "w").close()
            sys.exit(0)
    print(json.dumps({"kind": "progress", "job": job["id"], "fraction": 0.5}), flush=True)
    mark = os.environ["KIT_MARK"]
    ended = {"kind": "ended", "job": job["id"], "status": "done", "error": device + " " + mark}
    print(json.dumps(ended), flush=True)
"""


class KitJob(Job):
    """A job that tells the worker its own id."""

    def to_json(self) -> str:
        """As a job, and its id."""
        plain = super().to_json()
        return f'{{"id": "{self.id}", ' + plain[1:]


class LauncherConformance:
    """Subclass it and give it a fixture `launcher`: the class, or an instance with options."""

    @pytest.fixture
    def launcher(self) -> Any:
        """What is checked."""
        pytest.fail(
            f"{type(self).__name__} needs a fixture named 'launcher' that returns the launcher's"
            " class"
        )

    @pytest.fixture
    def made(self, launcher: Any) -> Launcher:
        """The launcher with its options."""
        made: Launcher = launcher() if isinstance(launcher, type) else launcher
        return made

    @pytest.fixture
    def site(self, tmp_path: Path) -> Site:
        """A run's site whose workers only say what they were given."""
        script = tmp_path / "worker.py"
        script.write_text(WORKER)
        return Site(
            tmp_path,
            "kit",
            command=(sys.executable, str(script)),
            environment={"KIT_MARK": "mark", "KIT_FOLDER": str(tmp_path)},
        )

    def test_options_are_documented(self, made: Launcher) -> None:
        """`clbench describe` has something to say about the launcher and each option."""
        check_docstring(type(made), "say where jobs run")
        check_options_documented(type(made))

    def test_slots_are_devices(self, made: Launcher) -> None:
        """One device a worker; as many CPU workers as were asked for."""
        slots = made.slots("cpu", 2)
        assert slots == ["cpu", "cpu"], f"slots('cpu', 2) gave {slots}; ['cpu', 'cpu'] is wanted"

    def test_every_job_ends_once(self, made: Launcher, site: Site) -> None:
        """More jobs than workers; each is started, then ended."""
        jobs = [a_job(number) for number in range(5)]
        # Two devices are two workers; five jobs, so that some wait.
        events = list(made.run(jobs, ["cpu", "cpu"], site))
        ended = _ended(events)
        assert sorted(ended) == sorted(job.id for job in jobs), "a job's end is missing"
        for job in jobs:
            _check_kinds([event.kind for event in events if event.job == job.id])
        for event in ended.values():
            assert event.error == "cpu mark", (
                "a worker did not find its device, or site.environment in its environment"
            )

    def test_fewer_jobs_than_workers(self, made: Launcher, site: Site) -> None:
        """And none at all."""
        job = a_job(0)
        events = made.run([job], ["cpu", "cpu"], site)
        assert set(_ended(events)) == {job.id}
        assert list(made.run([], ["cpu"], site)) == []

    def test_a_failed_job_is_not_the_end(self, made: Launcher, site: Site) -> None:
        """The others go on."""
        jobs = [a_job(0, "fail"), a_job(1), a_job(2)]
        ended = _ended(made.run(jobs, ["cpu"], site))
        _check_statuses(ended, jobs, ["failed", "done", "done"])

    def test_a_killed_worker_loses_its_job_alone(self, made: Launcher, site: Site) -> None:
        """It is `lost`, so that it is tried once more, and the others go on."""
        jobs = [a_job(0), a_job(1, "die"), a_job(2)]
        ended = _ended(made.run(jobs, ["cpu"], site))
        _check_statuses(ended, jobs, ["done", "lost", "done"])
        assert ended[jobs[1].id].error, "a lost job says what became of its worker"

    def test_closing_lets_workers_save(self, made: Launcher, site: Site) -> None:
        """Who stops early has running jobs told to leave."""
        events = made.run([a_job(0, "wait")], ["cpu"], site)
        # The generator runs until its first event: the job is under way.
        next(iter(events))
        _wait_for(site.folder / "waits")
        assert hasattr(events, "close"), "run must be a generator, so that it can be stopped"
        # What Ctrl-C in a run comes down to.
        events.close()
        _wait_for(site.folder / "left")


def a_job(number: int, what: str = "work") -> KitJob:
    """A job that does this."""
    # The worker reads `what` from the label; the rest is any sound cell.
    cell = Cell(Choice("split", {}), "split", (Choice("naive", {}),), what, Protocol(), (), (0,))
    return KitJob(PlannedCell(cell, f"{number:016x}"), ((0, 0),))


def _ended(events: Any) -> dict[str, JobEvent]:
    found: Sequence[JobEvent] = [event for event in events if event.kind == "ended"]
    return {event.job: event for event in found}


def _check_kinds(kinds: Sequence[str]) -> None:
    """One job's events: the first says that it is started, the last and no other that it ended."""
    assert kinds.count("ended") == 1, f"a job ended {kinds.count('ended')} times"
    assert kinds[0] == "started", f"the first event of a job is {kinds[0]!r}"
    assert kinds[-1] == "ended", f"after its end a job gave {kinds[-1]!r}"


def _check_statuses(ended: dict[str, JobEvent], jobs: Sequence[Job], wanted: Sequence[str]) -> None:
    statuses = [ended[job.id].status if job.id in ended else "no end" for job in jobs]
    assert statuses == wanted, f"the jobs ended as {statuses}"


def _wait_for(path: Path) -> None:
    until = time.monotonic() + TIMEOUT_SECONDS
    while not path.exists():
        assert time.monotonic() < until, (
            f"{path.name!r} did not come: a worker that is asked to leave is sent the line"
            f" {Site.LEAVE}, and given time to save"
        )
        time.sleep(0.02)
