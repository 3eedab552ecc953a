"""A run: survey the suite, plan what is missing, have it done, merge what came of it. Re-running is the resume."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from clbench.errors import OutputError, RunFailed, UserError
from clbench.events import JobFinished, SuiteFinished, SuiteStarted, TaskFinished
from clbench.execution.board import Board
from clbench.execution.checking import check_methods
from clbench.execution.deriving import with_record_metrics
from clbench.execution.display import Display, Quiet
from clbench.execution.environment import (
    environment,
    gemm_path,
    git_commit,
    now,
    worker_command,
    worker_environment,
)
from clbench.execution.estimate import Estimator, room_of
from clbench.execution.forecast import Forecast
from clbench.execution.in_process import InProcess, is_in_process
from clbench.execution.job_record import failed_record, save
from clbench.execution.jobs import CHECKPOINT_EVERY, Job, JobEvent, Site
from clbench.execution.launcher import Launcher
from clbench.execution.outcome import Outcome, outcome_of
from clbench.execution.planner import Planned, finished_members, missing_members, plan
from clbench.execution.stack_size import cache_of_a_worker
from clbench.execution.store import Store
from clbench.execution.survey import Survey
from clbench.execution.system import require_posix
from clbench.host.session_source import UNKNOWN
from clbench.records import CellRecord
from clbench.suite import pick
from clbench.suite.cell import Cell
from clbench.suite.tested import tested_tasks
from clbench.typing import Member

if TYPE_CHECKING:
    from clbench.host import Host
    from clbench.suite import Suite

BYTES_A_WEIGHT = 8  # in the job's file, and in the record
BYTES_A_NUMBER = 24  # what a stored accuracy may take on disk with all that goes with it, and once more for the copy that replaces it


@dataclass(frozen=True)
class Options:
    """Where and how to run. None of it changes what is measured."""

    out: Path | None = None
    only: Sequence[str] = ()
    force: Sequence[str] = ()
    device: str = "auto"
    launcher: str = "local"
    launcher_options: Mapping[str, Any] = field(default_factory=dict)
    workers: int | None = None
    form: str = "auto"
    timeout: float | None = None
    checkpoint_every: float = CHECKPOINT_EVERY
    data: Path | None = None


@dataclass
class End:
    """How the jobs came to their ends: the sentence of each that failed; and whether it was Ctrl-C, or what could not be written."""

    errors: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False
    unwritten: str = ""


class Run:
    """One run of a suite. `prepare` touches no file; `go` does the work."""

    def __init__(
        self, suite: Suite, host: Host, options: Options, display: Display | None = None
    ) -> None:
        require_posix()
        self.suite, self.host, self.options, self.display = suite, host, options, display or Quiet()
        name = f"{suite.name}-smoke" if suite.smoke else suite.name
        self.store = Store(options.out or Path("results") / name, name)
        self.board: Board | None = None
        self.in_process = is_in_process(host, options.workers)
        self.launcher = self._launcher()
        self.survey = Survey(host, options.data)
        cells = suite.cells
        self.current = {one.key: one for one in self.survey.of(cells)}
        self.planned = self._among(pick(cells, options.only) if options.only else cells)
        check_methods((one.cell for one in self.planned), self.survey)
        self.forced = {one.key for one in self._among(pick(cells, options.force))}
        self.forced |= {one.key for one in self.planned if _has_unknown_version(one)}
        self.slots = self.launcher.slots(options.device, options.workers)
        self.site = Site(
            folder=self.store.folder.absolute(),
            suite=name,
            plugins=host.references,
            data=options.data and options.data.absolute(),
            timeout=options.timeout,
            checkpoint_every=options.checkpoint_every,
            command=worker_command(),
            environment=worker_environment(),
            gemm=gemm_path(self.slots),
            workers=len(self.slots),
        )

    def _launcher(self) -> Launcher:
        options, host = self.options, self.host
        launcher: Launcher = host.get("launcher", options.launcher)(**options.launcher_options)
        if not self.in_process:
            return launcher
        return InProcess.instead_of(launcher, options.launcher, host, options.device, self._heard)

    def _among(self, cells: Sequence[Cell]) -> list[Planned]:
        names = {(cell.scenario_label, cell.label) for cell in cells}
        return [
            one
            for one in self.current.values()
            if (one.cell.scenario_label, one.cell.label) in names
        ]

    def missing(self, cells: Mapping[str, CellRecord]) -> list[tuple[Planned, tuple[Member, ...]]]:
        """What has to run, given what is there."""
        return [
            (one, missing_members(one, None if one.key in self.forced else cells.get(one.key)))
            for one in self.planned
        ]

    def jobs(self, cells: Mapping[str, CellRecord]) -> list[Job]:
        """The plan: jobs that left a checkpoint go on as they were, the rest is planned anew."""
        missing = self.missing(cells)
        absent = {(one.key, member) for one, members in missing for member in members}
        kept = [
            job
            for job in self.store.begun(self.site)
            if job.key not in self.forced
            and self._still_wanted(job)
            and all((job.key, member) in absent for member in job.members)
        ]
        stacked, estimator = self.slots[0].startswith("cuda"), Estimator(self.survey, cells)
        room = room_of(self.slots) if stacked else math.inf
        cache = cache_of_a_worker(len(self.slots))
        kept_features = self._room_for_features(stacked)

        def pieces(job: Job) -> int:
            if not stacked:
                by_features = estimator.pieces_by_features(job, kept_features)
                return max(by_features, estimator.pieces_by_cache(job, cache))
            return 1 if math.isinf(room) else estimator.memory(job).pieces(job, room)

        return plan(
            missing,
            workers=len(self.slots),
            stacked=stacked,
            form=self.options.form,
            kept=kept,
            pieces=pieces,
        )

    def _room_for_features(self, stacked: bool) -> float:
        """Bytes in which a job on a CPU may keep features of a frozen body."""
        if stacked:
            return 0.0
        import torch

        from clbench.engine.room import room_for_features

        return float(room_for_features(torch.device("cpu"), len(self.slots)))

    def _still_wanted(self, job: Job) -> bool:
        """Whether a job of an earlier run would be planned just so today."""
        return job.key in self.current and job.probes == self.current[job.key].probes

    def go(self) -> Outcome:
        """Run what is missing."""
        if isinstance(self.launcher, InProcess) and (concern := self.launcher.concern()):
            self.display.say(f"warning: {concern}")
        self.site = replace(self.site, started=now(), git=git_commit(self._folder()))
        with self.store.open(self._expected_bytes()):
            cells = self.store.cells()
            jobs = self.jobs(cells)
            self.store.forget(keep=[job for job in jobs if job.key not in self.forced])
            self.store.begin(jobs)
            self.board = board = Board.of(
                self.store.suite, self.planned, jobs, self._forecast(jobs, cells)
            )
            self.host.notify(
                SuiteStarted(self.store.suite, self.store.folder, len(self.planned), len(jobs))
            )
            end = self._carry_out(jobs, board)
            self._merge(end)
            cells = self.store.cells()
            if not end.interrupted:
                self.store.forget(
                    keep=[
                        board.jobs[job]
                        for job in end.errors
                        if self.site.checkpoint(board.jobs[job]).exists()
                    ]
                )
        outcome = outcome_of(
            self.suite,
            self.store.record,
            self.planned,
            cells,
            errors=end.errors,
            jobs=board.jobs,
            seconds=board.seconds,
            interrupted=end.interrupted,
        )
        self.host.notify(
            SuiteFinished(self.store.suite, outcome.record, outcome.finished, len(outcome.failures))
        )
        return outcome

    def _forecast(self, jobs: Sequence[Job], cells: Mapping[str, CellRecord]) -> Forecast:
        estimator, costs, known = (
            Estimator(self.survey, cells),
            dict[str, float](),
            dict[str, float](),
        )
        for job in jobs:
            try:
                estimate = estimator.of(job)
            except Exception:  # a stranger's scenario; its jobs will say what is wrong with it
                costs[job.id] = float(len(job.members))
                continue
            costs[job.id] = estimate.cost
            if estimate.seconds:
                known[job.id] = estimate.seconds
        return Forecast(jobs, costs, len(self.slots), known)

    def _merge(self, end: End) -> None:
        """Bring what was measured into the record; where anything could not be written, say so and stop: nothing of it is lost."""
        facts = environment(
            self.host, self.slots, self.options.form, self.site.gemm, self._folder()
        )
        try:
            finish = partial(with_record_metrics, host=self.host)
            self.store.merge(self.current, self.suite, facts, finish)
        except OutputError as error:
            end.unwritten = end.unwritten or str(error)
        if end.unwritten:
            kept = (
                "what is finished is kept, and what was under way goes on from its last checkpoint"
            )
            raise RunFailed(f"stopped: {end.unwritten}; {kept}")

    def _carry_out(self, jobs: list[Job], board: Board) -> End:
        end, lost = End(), set[str]()
        try:
            with _termination_interrupts(), self.display.showing(board):
                while jobs:
                    jobs = self._round(jobs, board, end, lost)
        except KeyboardInterrupt:
            end.interrupted = True
        except OutputError as error:
            end.unwritten = str(error)
        return end

    def _round(self, jobs: Sequence[Job], board: Board, end: End, lost: set[str]) -> list[Job]:
        """Run these jobs to their ends; what comes back is to be tried again."""
        again: list[Job] = []
        with contextlib.closing(
            _generator(self.launcher.run(jobs, self.slots, self.site))
        ) as events:
            try:
                for event in events:
                    job = board.jobs[event.job]
                    if event.status == "lost" and job.id in lost:
                        event = replace(
                            event, status="failed", error=f"for the second time, {event.error}"
                        )
                    self._heard(event)
                    if event.kind == "ended":
                        again += self._ended(job, event, board, end, lost)
            except (KeyboardInterrupt, OutputError):
                if not self.in_process:
                    self.display.say("stopping: the workers save where they are")
                raise
        return again

    def _heard(self, event: JobEvent) -> None:
        """What a job told: onto the board, to whoever looks on, and to the observers."""
        assert self.board is not None
        job = self.board.jobs[event.job]
        self.board.hear(event)
        self.display.event(self.board, job, event)
        if event.accuracy is not None:
            self.host.notify(self._task_finished(job, event))

    def _ended(
        self, job: Job, event: JobEvent, board: Board, end: End, lost: set[str]
    ) -> list[Job]:
        """What is to be tried again of it."""
        if event.status == "unwritten":
            raise OutputError(event.error)
        if event.status == "lost":
            lost.add(job.id)
            return [job]
        if event.status == "memory":
            parts = job.divide(2)
            board.replace(job, parts)
            self.site.forget(job)
            self.store.begin(parts)
            return parts
        if event.status in ("failed", "timeout"):
            end.errors[job.id] = event.error
            if not self.site.record(job).exists():
                save(failed_record(job, event.error, event.status), job, self.site)
        status = "failed" if event.status == "timeout" else event.status
        error = event.error.partition("\n")[0]
        cell = job.cell
        self.host.notify(
            JobFinished(
                self.store.suite,
                job.key,
                cell.label,
                cell.scenario_label,
                job.seeds,
                status,
                event.seconds,
                error,
            )
        )
        return []

    def _task_finished(self, job: Job, event: JobEvent) -> TaskFinished:
        cell, accuracy = job.cell, event.accuracy or ()
        return TaskFinished(
            self.store.suite,
            job.key,
            cell.label,
            cell.scenario_label,
            job.seeds,
            event.task,
            event.tasks,
            accuracy,
        )

    def _expected_bytes(self) -> int:
        numbers = sum(len(one.members) * _numbers(one) for one in self.planned)
        weights = sum(
            len(one.members) * (one.tasks + 1) * (self.survey.parameters(one.cell) or 0)
            for one in self._keeping_weights()
        )
        return numbers * BYTES_A_NUMBER + weights * BYTES_A_WEIGHT

    def _keeping_weights(self) -> Iterator[Planned]:
        return (one for one in self.planned if "weights" in one.cell.protocol.keep)

    def _folder(self) -> Path | None:
        folder = Path(self.suite.file).parent
        return folder if folder.is_dir() else None

    def count_finished(self, cells: Mapping[str, CellRecord]) -> int:
        """Members that are in the record already."""
        return sum(
            len(finished_members(cells.get(one.key), one.probes) & set(one.members))
            for one in self.planned
            if one.key not in self.forced
        )


def run_suite(
    suite: Suite, host: Host, options: Options | None = None, display: Display | None = None
) -> Outcome:
    """Run a suite to its end, or to Ctrl-C; what finished is in the record either way."""
    return Run(suite, host, options or Options(), display).go()


def _numbers(planned: Planned) -> int:
    """What is measured of a member: accuracies, and a few numbers a task."""
    tested = tested_tasks(planned.cell.protocol.evaluate, planned.tasks)
    return sum(map(len, tested)) + 3 * (planned.tasks + 1)


def _has_unknown_version(planned: Planned) -> bool:
    """Whether what is in a record for it may be of other code."""
    probes = [how["version"] for how in planned.probes.values() if how is not None]
    return UNKNOWN in (*planned.content["versions"].values(), *probes)


@contextlib.contextmanager
def _termination_interrupts() -> Iterator[None]:
    """A cluster that takes the machine back sends SIGTERM: the same as Ctrl-C. Signals belong to the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _generator(events: Iterator[JobEvent]) -> Any:
    """A launcher may return any iterator; only generators can be closed."""
    if not hasattr(events, "close"):
        raise UserError("a launcher's run() must be a generator, so that it can be stopped")
    return events
