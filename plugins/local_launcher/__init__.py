"""Jobs on this machine: one worker process a GPU, or one a CPU core, each with one thread."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterator, Sequence

from clbench import Job, JobEvent, Launcher, Site, errors, hookimpl

from .machine import cores, gpus
from .process import PATIENCE, Inbox, Worker

__all__ = ["Local", "clbench_launchers"]

TICK = 0.2  # seconds between two looks at the clock


class Local(Launcher):
    """Worker processes on this machine, one a GPU or one a CPU core. They live on from job to job.

    One that dies costs its job what came since the last checkpoint.
    """

    def slots(self, device: str, workers: int | None) -> list[str]:
        """One worker a GPU, or one a core of the CPU; `auto` takes the GPUs where there are any."""
        found = [] if device == "cpu" else [f"cuda:{index}" for index in range(gpus())]
        if device == "cpu" or (device == "auto" and not found):
            return ["cpu"] * (workers or cores())
        if device in ("auto", "cuda") and found:
            return found[:workers]
        if device in found:
            return [device]
        raise errors.UserError(f"device {device!r} cannot be used: {_there_are(found)}")

    def run(self, jobs: Sequence[Job], slots: Sequence[str], site: Site) -> Iterator[JobEvent]:
        """Each worker takes the next job as soon as it is free."""
        # In the order given: the launcher knows nothing of what a job costs.
        waiting = deque(jobs)
        inbox: Inbox = queue.SimpleQueue()
        workers = [Worker(device, site, inbox) for device, _ in zip(slots, jobs, strict=False)]
        try:
            for worker in workers:
                worker.give(waiting.popleft())
            while any(worker.job for worker in workers):
                yield from self._next(inbox, workers, waiting, site.timeout)
        finally:
            _end(workers)

    def _next(
        self, inbox: Inbox, workers: Sequence[Worker], waiting: deque[Job], timeout: float | None
    ) -> Iterator[JobEvent]:
        """What one line of one worker, or the end of it, means."""
        for worker in workers:
            worker.watch(timeout)
        try:
            worker, process, line = inbox.get(timeout=TICK)
        except queue.Empty:
            return
        if process is not worker.process:
            return  # the last lines of a process that was replaced
        event = JobEvent.from_json(line) if line is not None else worker.died(timeout)
        if event is None:
            return
        worker.note(event)
        yield event
        if worker.job is None and waiting:
            worker.give(waiting.popleft())


def _end(workers: Sequence[Worker]) -> None:
    # All are asked first, so that they save at the same time and not one after another.
    for worker in workers:
        worker.leave()
    until = time.monotonic() + PATIENCE
    for worker in workers:
        worker.end(until)


def _there_are(gpus: Sequence[str]) -> str:
    if gpus:
        return f"GPUs here: {', '.join(gpus)}"
    return "torch finds no GPU here; leave --device out, or use --device cpu"


@hookimpl
def clbench_launchers() -> list[type]:
    """The launcher `local`."""
    return [Local]
