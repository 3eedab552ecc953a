"""The worker process: `python -m clbench.execution.worker`, jobs in, events out, a JSON line each.

It outlives the jobs that fail in it, and never the process that started it: its input ends when
that one dies.
"""

from __future__ import annotations

import bdb
import contextlib
import gc
import io
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING

from clbench.errors import ClbenchError, OutputError, StopRequested, UserError
from clbench.execution.environment import facts_of
from clbench.execution.inspector import padding_of
from clbench.execution.job_record import failed_record, save
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.records import CellRecord
from clbench.suite.choice import Choice

if TYPE_CHECKING:
    from clbench.data import Arrays
    from clbench.engine import Progress
    from clbench.host import Host

Tell = Callable[[JobEvent], None]

# Torch has an error of its own on a GPU, and sentences elsewhere; cuBLAS and cuDNN have statuses.
OUT_OF_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "CUDA error: out of memory",
    "_STATUS_ALLOC_FAILED",
)
NO_TERMINAL = (
    "a debugger needs a terminal, and a worker process has none; "
    "run again with --workers 0 (in Python: workers=0), where breakpoint() works"
)


def perform(
    job: Job,
    site: Site,
    device: str,
    host: Host,
    tell: Tell,
    leaving: Callable[[], bool] = lambda: False,
    *,
    terminal: bool = False,
) -> JobEvent:
    """Run one job, and say how it ended.

    Whatever comes of it is on disk before this returns, but for `memory` (it is split and tried
    again) and `unwritten`. In whichever process, it is run as in a worker: with the run's path of
    matrix products, in one thread. With `terminal`, what plugins print goes where this process
    prints, and a debugger can be used; who quits it, quits the run.
    """
    started = time.perf_counter()
    record: CellRecord | None = None
    tell(JobEvent("started", job.id, tasks=job.tasks))
    try:
        record = _trained(job, site, device, host, tell, leaving, terminal)
        status, error = ("diverged" if record.status == "diverged" else "done"), ""
    except OutputError as failure:  # what is kept beside the checkpoint
        status, error = "unwritten", str(failure)
    except Exception as failure:
        if terminal and isinstance(failure, bdb.BdbQuit):
            raise KeyboardInterrupt from None
        record, status, error = _failed(job, failure)
    if status in ("failed", "memory"):
        _release_memory()
    # A job that is split has no record: its halves will have one each.
    if record is not None and status != "memory":
        try:
            save(record, job, site, facts_of(host, job, site, device))
        except OutputError as failure:
            status, error = "unwritten", str(failure)
    if status in ("done", "diverged"):
        site.forget(job)
    seconds = time.perf_counter() - started
    return JobEvent("ended", job.id, status=status, error=error, seconds=seconds)


def _trained(
    job: Job,
    site: Site,
    device: str,
    host: Host,
    tell: Tell,
    leaving: Callable[[], bool],
    terminal: bool,
) -> CellRecord:
    """Train with the run's path of matrix products,
    and with what plugins print where it belongs.
    """
    from clbench.stack import gemm

    output = contextlib.nullcontext() if terminal else _printing_to(job, tell)
    with gemm.as_in_a_worker(site.gemm), output:
        return _train(job, site, device, host, tell, leaving)


def _failed(job: Job, failure: Exception) -> tuple[CellRecord, str, str]:
    """The record of a job that raised, its status, and the error in a line."""
    trace = "".join(traceback.format_exception(failure))
    if not _is_out_of_memory(failure):
        return failed_record(job, trace), "failed", _last_line(failure)
    error = f"out of memory with one seed alone: {_last_line(failure)}"
    status = "memory" if len(job.seeds) > 1 else "failed"
    return failed_record(job, trace + error), status, error


def _release_memory() -> None:
    """Free memory held by reference cycles of the failed job."""
    gc.collect()
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def _printing_to(job: Job, tell: Tell) -> Iterator[None]:
    with _Said(job, tell) as said, contextlib.redirect_stdout(said):
        yield


class _Said(io.TextIOBase):
    """What plugins print while a job runs: an event a line, for whoever watches."""

    def __init__(self, job: Job, tell: Tell) -> None:
        self._job, self._tell, self._rest = job, tell, ""

    def write(self, text: str) -> int:
        # What has no end yet waits for the rest of its line.
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._tell(JobEvent("said", self._job.id, error=line))
        return len(text)

    def close(self) -> None:
        if not self.closed and self._rest:
            self.write("\n")
        super().close()


def _train(
    job: Job, site: Site, device: str, host: Host, tell: Tell, leaving: Callable[[], bool]
) -> CellRecord:
    import torch

    from clbench.engine import Settings, run_cell
    from clbench.engine.fresh_start import begin_job

    settings = Settings(
        device=device,
        form=job.form,
        checkpoint=site.checkpoint(job),
        checkpoint_every=site.checkpoint_every,
        workers=site.workers,
    )
    # As text, for the cache of one data set.
    dataset = json.dumps(job.cell.scenario.options["dataset"])
    arrays = _arrays(host, dataset, padding_of(job.cell), site.data)
    begin_job(torch.device(device))

    def listen(progress: Progress) -> None:
        tell(_event_of(job, progress))

    return run_cell(
        job.cell,
        job.key,
        job.members,
        host=host,
        arrays=arrays,
        settings=settings,
        listener=listen,
        leaving=leaving,
    )


def _event_of(job: Job, progress: Progress) -> JobEvent:
    """What the engine says, as whoever watches the job is told."""
    if progress.said:
        return JobEvent("said", job.id, error=progress.said)
    accuracy = None if progress.accuracy is None else tuple(map(float, progress.accuracy))
    return JobEvent("progress", job.id, progress.task, progress.tasks, progress.fraction, accuracy)


@lru_cache(maxsize=1)
def _arrays(host: Host, dataset: str, padding: int, data: Path | None) -> Arrays:
    """The data set of the last job stays in memory: most suites have one."""
    from clbench.data import load_arrays

    return load_arrays(Choice.of(json.loads(dataset)), host, data).padded(padding)


def forget_data() -> None:
    """Let the data set of the last job go."""
    _arrays.cache_clear()


def _is_out_of_memory(failure: Exception) -> bool:
    named = isinstance(failure, MemoryError) or type(failure).__name__ == "OutOfMemoryError"
    return named or any(sign in str(failure) for sign in OUT_OF_MEMORY)


def _last_line(failure: Exception) -> str:
    """An error in a line; ours are sentences already."""
    if isinstance(failure, bdb.BdbQuit):
        return NO_TERMINAL
    if isinstance(failure, ClbenchError):
        return str(failure)
    return traceback.format_exception_only(failure)[-1].strip()


# ------------------------------------------------------------------ the process


def main() -> None:
    """Site, device, then jobs until it is told to leave."""
    source, sink = _take_over_pipes()
    # A debugger that needs no terminal may be named in the environment.
    if not os.environ.get("PYTHONBREAKPOINT"):  # Python's own setting
        sys.breakpointhook = _no_breakpoint
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
    leaving, terminated = threading.Event(), threading.Event()
    _answer_signals(inbox, leaving, terminated)
    threading.Thread(target=_listen, args=(source, inbox, leaving), daemon=True).start()
    site, device = Site.from_json(inbox.get()), json.loads(inbox.get())

    def tell(event: JobEvent) -> None:
        sink.write(event.to_json() + "\n")
        sink.flush()

    _do_jobs(site, device, inbox, tell, leaving)
    if terminated.is_set():  # whoever started it is to see what ended it
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(0)


def _answer_signals(
    inbox: queue.SimpleQueue[str], leaving: threading.Event, terminated: threading.Event
) -> None:
    """Leave when terminated, as when asked to."""

    def terminate(number: int, frame: FrameType | None) -> None:
        terminated.set()
        leaving.set()
        inbox.put(Site.LEAVE)

    # Ctrl-C reaches the whole process group; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, terminate)


def _do_jobs(
    site: Site, device: str, inbox: queue.SimpleQueue[str], tell: Tell, leaving: threading.Event
) -> None:
    """One job after the other, until the inbox says to leave."""
    host: Host | None = None
    while (line := inbox.get()) != Site.LEAVE:
        job = Job.from_json(line)
        try:
            # Plugins are loaded for the first job, so that one that fails to load fails a job.
            host = host or _prepare(site, device)
            ended = perform(job, site, device, host, tell, leaving.is_set)
        except StopRequested:
            return
        except Exception as failure:
            traceback.print_exc()  # the plugins do not load: the parent records it
            ended = JobEvent("ended", job.id, status="failed", error=_last_line(failure))
        tell(ended)


def _no_breakpoint(*args: object, **kwargs: object) -> None:
    raise UserError(NO_TERMINAL)


def _prepare(site: Site, device: str) -> Host:
    import torch

    from clbench.engine.fresh_start import warm_up
    from clbench.host import Host
    from clbench.stack import gemm

    # Two threads change the last bits of sums, and collapse on a busy machine.
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    host = Host.load(site.plugins)
    with gemm.as_in_a_worker(site.gemm):
        warm_up(torch.device(device))
    # What is there now stays, and need not be looked through whenever a job's garbage is collected.
    gc.collect()
    gc.freeze()
    return host


def _take_over_pipes() -> tuple[IO[str], IO[str]]:
    """Keep the pipes for the protocol.

    What writes past `print` goes to stderr, and a plugin that reads finds nothing.
    """
    source = os.fdopen(os.dup(0), "r", encoding="utf-8")
    sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)  # C libraries print, too
    return source, sink


def _listen(source: IO[str], inbox: queue.SimpleQueue[str], leaving: threading.Event) -> None:
    for line in map(str.strip, source):
        if line == Site.LEAVE:
            leaving.set()
        inbox.put(line)
    os._exit(0)  # nobody is left to tell: another run may be using the folder already


if __name__ == "__main__":
    main()
