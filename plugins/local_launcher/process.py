"""One worker process and the pipes to it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from clbench import Job, JobEvent, Site

# Seconds a worker has to save where its job stands and to leave, before it is made to.
PATIENCE = 20.0
START_UP = (
    60.0  # seconds a new process may take before its first job starts, where `--timeout` is shorter
)
KEPT = 40  # lines of a worker's stderr that are worth showing when it dies


Inbox = queue.SimpleQueue[
    tuple["Worker", "subprocess.Popen[str]", str | None]
]  # a line of a worker's process, None at its end


class Worker:
    """Started with its first job, again after it died, and told everything through pipes."""

    def __init__(self, device: str, site: Site, inbox: Inbox) -> None:
        self.device, self.site, self.inbox = device, site, inbox
        self.job: Job | None = None
        self.since = 0.0
        self.starting = False
        self.overdue = False
        self.process: subprocess.Popen[str] | None = None
        self.said: deque[str] = deque(maxlen=KEPT)
        self.threads: list[threading.Thread] = []

    def give(self, job: Job) -> None:
        """Start on a job; a worker that is gone says so by its end of file, like one that dies."""
        if self.process is None:
            self._start()
        self.job, self.since = job, time.monotonic()
        self._send(job.to_json())

    def note(self, event: JobEvent) -> None:
        """What the event says of the worker itself."""
        if event.kind == "started":
            self._begun()
        if event.kind == "ended":
            self._free()

    def _begun(self) -> None:
        """The job has started: loading torch and the plugins is no part of its time."""
        self.since, self.starting = time.monotonic(), False

    def _free(self) -> None:
        """The job has ended; a process killed while it said so is of no use for the next one."""
        self.job = None
        if self.overdue:
            self.overdue = False
            self.end()

    def watch(self, timeout: float | None) -> None:
        """Kill the process where its job takes too long."""
        if self.process is None or self.job is None or timeout is None:
            return
        allowed = max(timeout, START_UP) if self.starting else timeout
        if time.monotonic() - self.since > allowed:
            self.overdue = True
            self.process.kill()

    def died(self, timeout: float | None) -> JobEvent | None:
        """The end of the process as the end of its job, in a sentence; the next job gets a new one.
        What a signal ended is only `lost`.
        """
        assert self.process is not None
        # A negative code is the number of the signal that ended it.
        code, overdue = self.end(), self.overdue
        if self.job is None:
            return None
        seconds = time.monotonic() - self.since
        if overdue:
            status, why = "timeout", f"the job took longer than --timeout {timeout:g} s"
        else:
            status, why = "lost" if code < 0 else "failed", _death(code, list(self.said))
        return JobEvent("ended", self.job.id, status=status, seconds=seconds, error=why)

    def leave(self) -> None:
        """Ask the worker to save where its job stands, and to leave."""
        if self.process is not None:
            self._send(Site.LEAVE)

    def end(self, until: float = 0.0) -> int:
        """Wait until the process has left, at most `until`, else make it leave; its exit code."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        _wait(process, until)
        for thread in self.threads:
            thread.join(PATIENCE)
        _close_pipes(process)
        return process.returncode

    def _start(self) -> None:
        pipe = subprocess.PIPE
        environment = {**os.environ, **self.site.environment}
        options = {"text": True, "encoding": "utf-8", "errors": "replace", "env": environment}
        self.process = process = subprocess.Popen(
            self.site.command, stdin=pipe, stdout=pipe, stderr=pipe, **options
        )  # type: ignore[call-overload]
        self.starting = True
        self.said.clear()
        # Both pipes are read at all times: a worker whose stderr is full would stand still.
        self.threads = [
            _started(self._read, process),
            _started(self.said.extend, process.stderr),
        ]
        # What a worker reads first; jobs follow, a line each.
        self._send(self.site.to_json())
        self._send(json.dumps(self.device))

    def _send(self, line: str) -> None:
        assert self.process is not None
        pipe = self.process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.write(line + "\n")
            pipe.flush()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.inbox.put((self, process, line))
        # With the process itself, so that the last words of one that was replaced are told apart.
        self.inbox.put((self, process, None))


def _started(read: Callable[[Any], None], source: Any) -> threading.Thread:
    thread = threading.Thread(target=read, args=(source,), daemon=True)
    thread.start()
    return thread


def _wait(process: subprocess.Popen[str], until: float) -> None:
    """For its end; one that takes longer is killed."""
    try:
        process.wait(max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close_pipes(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _death(code: int, said: list[str]) -> str:
    how = f"left with exit code {code}" if code >= 0 else _killing(-code)
    tail = "".join(said).rstrip()
    return f"the worker process {how}" + (f"\nits last words:\n{tail}" if tail else "")


def _killing(number: int) -> str:
    """What a signal did, in words."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    guess = "; the system kills so when memory runs out" if name == "SIGKILL" else ""
    return f"was killed by signal {number} ({name}){guess}"
