"""A run in one process: `--workers 0`, and plugins that no other process could import."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from clbench.errors import StopRequested, UserError
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.execution.launcher import Launcher

if TYPE_CHECKING:
    from clbench.host import Host


def is_in_process(host: Host, workers: int | None) -> bool:
    """Whether a run goes in the process that starts it."""
    return workers == 0 or bool(host.session_plugins)


class InProcess(Launcher):
    """Runs jobs one after the other in this process.

    `breakpoint()` works: nothing is redirected, no thread draws.

    A job blocks its caller, so what comes before its end is told to `tell` as it happens; only the
    ends are yielded.
    """

    def __init__(self, host: Host, device: str, tell: Callable[[JobEvent], None]) -> None:
        super().__init__()
        self._host, self._device, self._tell = host, device, tell

    @classmethod
    def instead_of(
        cls,
        launcher: Launcher,
        name: str,
        host: Host,
        device: str,
        tell: Callable[[JobEvent], None],
    ) -> InProcess:
        """On the first device that the local launcher offers; other launchers have no work here."""
        if name != "local":
            raise UserError(f"{_reason(host)}; leave --launcher {name} out")
        return cls(host, launcher.slots(device, 1)[0], tell)

    def concern(self) -> str:
        """What may be otherwise here than in a worker, in a sentence; empty where nothing is."""
        from clbench.stack import gemm

        # On a GPU MKL takes no part.
        if self._device != "cpu" or gemm.rounds_as_a_worker():
            return ""
        return (
            "torch multiplied matrices before clbench was imported, so numbers may differ from "
            "a worker's in their last bits; import clbench first, or set MKL_CBWR=AUTO"
        )

    def slots(self, device: str, workers: int | None) -> list[str]:
        """One."""
        return [self._device]

    def run(self, jobs: Sequence[Job], slots: Sequence[str], site: Site) -> Iterator[JobEvent]:
        """Each job in its turn; the first Ctrl-C lets the step end and saves,
        the second ends at once.
        """
        from clbench.execution.worker import forget_data, perform

        def performed(job: Job) -> JobEvent:
            told, device = self._tell, self._device
            return perform(job, site, device, self._host, told, leaving.is_set, terminal=True)

        with _first_interrupt_asks() as leaving:
            try:
                for job in jobs:
                    yield performed(job)
            except StopRequested:
                # As whoever watches workers hears of it.
                raise KeyboardInterrupt from None
            finally:
                forget_data()  # the process lives on, and may have other uses for the room


def _reason(host: Host) -> str:
    if host.session_plugins:
        return f"{host.session_sentence()}, so the run goes in one process"
    return "--workers 0 runs in one process"


@contextlib.contextmanager
def _first_interrupt_asks() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the next one interrupts.

    Signals belong to the main thread alone.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        print("stopping after this step; Ctrl-C again stops at once", file=sys.stderr, flush=True)

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
