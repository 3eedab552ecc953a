"""The worker process: `python -m clbench.execution.worker`, jobs in, events out, one JSON line each.

It outlives the jobs that fail in it, and never the process that started it: its input ends when that one dies.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from clbench.errors import ClbenchError
from clbench.execution.job_record import failed_record, save
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.execution.survey import choice_of
from clbench.records import CellRecord

if TYPE_CHECKING:
    from clbench.data import Arrays
    from clbench.engine import Progress
    from clbench.host import Host

Tell = Callable[[JobEvent], None]


def perform(job: Job, site: Site, device: str, host: Host, tell: Tell) -> JobEvent:
    """Run one job. Whatever comes of it is on disk before this returns, but for `memory`: such a job is split and tried again."""
    started = time.perf_counter()
    tell(JobEvent("started", job.id, tasks=job.tasks))
    error = ""
    try:
        with _Said(job, tell) as said, contextlib.redirect_stdout(said):
            record = _train(job, site, device, host, tell)
        status = "diverged" if record.status == "diverged" else "done"
    except Exception as failure:
        if _is_out_of_memory(failure) and len(job.seeds) > 1:
            return JobEvent("ended", job.id, status="memory", seconds=time.perf_counter() - started, error=_last_line(failure))
        status, error = "failed", _last_line(failure)
        record = failed_record(job, "".join(traceback.format_exception(failure)))
    save(record, job, site)
    if status != "failed":
        site.checkpoint(job).unlink(missing_ok=True)
    return JobEvent("ended", job.id, status=status, seconds=time.perf_counter() - started, error=error)


class _Said(io.TextIOBase):
    """What plugins print while a job runs: an event a line, for whoever watches."""

    def __init__(self, job: Job, tell: Tell) -> None:
        self._job, self._tell, self._rest = job, tell, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(JobEvent("said", self._job.id, error=line))
        return len(text)

    def close(self) -> None:
        if not self.closed and self._rest:
            self.write("\n")
        super().close()


def _train(job: Job, site: Site, device: str, host: Host, tell: Tell) -> CellRecord:
    from clbench.engine import Settings, run_cell

    settings = Settings(device=device, form=job.form, checkpoint=site.checkpoint(job))
    arrays = _arrays(host, json.dumps(job.cell.scenario.options["dataset"]), site.data)

    def listen(progress: Progress) -> None:
        accuracy = None if progress.accuracy is None else tuple(map(float, progress.accuracy))
        tell(JobEvent("progress", job.id, progress.task, progress.tasks, progress.fraction, accuracy))

    return run_cell(job.cell, job.key, job.members, host=host, arrays=arrays, settings=settings, listener=listen)


@lru_cache(maxsize=1)
def _arrays(host: Host, dataset: str, data: Path | None) -> Arrays:
    """The data set of the last job stays in memory: most suites have one."""
    from clbench.data import load_arrays

    return load_arrays(choice_of(json.loads(dataset)), host, data)


def _is_out_of_memory(failure: Exception) -> bool:
    return (
        isinstance(failure, MemoryError)
        or type(failure).__name__ == "OutOfMemoryError"
        or "DefaultCPUAllocator: can't allocate memory" in str(failure)
    )


def _last_line(failure: Exception) -> str:
    """An error in a line; ours are sentences already."""
    return str(failure) if isinstance(failure, ClbenchError) else traceback.format_exception_only(failure)[-1].strip()


# ------------------------------------------------------------------ the process


def main() -> None:
    """Site, device, then jobs until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent decides
    source, sink = _take_over_pipes()
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, inbox), daemon=True).start()
    site, device = Site.from_json(inbox.get()), json.loads(inbox.get())
    loaded: list[Host] = []

    def tell(event: JobEvent) -> None:
        sink.write(event.to_json() + "\n")
        sink.flush()

    while True:
        job = Job.from_json(inbox.get())
        try:
            if not loaded:
                loaded.append(_prepare(site))
            ended = perform(job, site, device, loaded[0], tell)
        except Exception as failure:  # the plugins do not load, the disk is full: the parent records it
            traceback.print_exc()
            ended = JobEvent("ended", job.id, status="failed", error=_last_line(failure))
        tell(ended)


def _prepare(site: Site) -> Host:
    import torch

    from clbench.host import Host

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    return Host.load(site.plugins)


def _take_over_pipes() -> tuple[IO[str], IO[str]]:
    """Keep the pipes for the protocol: what writes past `print` goes to stderr, a plugin that reads finds nothing."""
    source, sink = os.fdopen(os.dup(0), "r", encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return source, sink


def _listen(source: IO[str], inbox: queue.SimpleQueue[str]) -> None:
    for line in source:
        inbox.put(line)
    os._exit(0)  # told to go, or nobody is left to tell; records are written before they are announced


if __name__ == "__main__":
    main()
