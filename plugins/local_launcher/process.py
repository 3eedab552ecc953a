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
    """Started with its first job, started again after it died, and told everything through
    pipes.
    """

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
        """Start on a job. A worker that is gone by now says so by its end of file, like one that
        dies later.
        """
        if self.process is None:
            self._start()
        self.job, self.since = job, time.monotonic()
        self._send(job.to_json())

    def begun(self) -> None:
        """The job has started: what came before, torch and the plugins being loaded, is no part of
        its time.
        """
        self.since, self.starting = time.monotonic(), False

    def watch(self, timeout: float | None) -> None:
        """Kill the process where its job takes too long."""
        if self.process is None or self.job is None or timeout is None:
            return
        if time.monotonic() - self.since > (max(timeout, START_UP) if self.starting else timeout):
            self.overdue = True
            self.process.kill()

    def free(self) -> None:
        """The job has ended. A process that was killed while it said so is of no use for the next
        one.
        """
        self.job = None
        if self.overdue:
            self.overdue = False
            self.end()

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
            return JobEvent(
                "ended",
                self.job.id,
                status="timeout",
                seconds=seconds,
                error=f"the job took longer than --timeout {timeout:g} s",
            )
        status = "lost" if code < 0 else "failed"
        return JobEvent(
            "ended",
            self.job.id,
            status=status,
            seconds=seconds,
            error=_death(code, list(self.said)),
        )

    def leave(self) -> None:
        """Ask the worker to save where its job stands, and to leave."""
        if self.process is not None:
            self._send(Site.LEAVE)

    def end(self, until: float = 0.0) -> int:
        """Wait until the process has left, at most `until` then; make it leave where it will not;
        its exit code.
        """
        if self.process is None:
            return 0
        process, self.process = self.process, None
        try:
            process.wait(max(1.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for thread in self.threads:
            thread.join(PATIENCE)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
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
            threading.Thread(target=self._read, args=(process,), daemon=True),
            threading.Thread(target=self.said.extend, args=(process.stderr,), daemon=True),
        ]
        for thread in self.threads:
            thread.start()
        # What a worker reads first; jobs follow, a line each.
        self._send(self.site.to_json())
        self._send(json.dumps(self.device))

    def _send(self, line: str) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.inbox.put((self, process, line))
        # With the process itself, so that the last words of one that was replaced are told apart.
        self.inbox.put((self, process, None))


def _death(code: int, said: list[str]) -> str:
    if code >= 0:
        how = f"left with exit code {code}"
    else:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        how = f"was killed by signal {-code} ({name})" + (
            "; the system kills so when memory runs out" if name == "SIGKILL" else ""
        )
    tail = "".join(said).rstrip()
    return f"the worker process {how}" + (f"\nits last words:\n{tail}" if tail else "")
