"""A run: look at the suite, plan what is missing, have it done, merge what came of it.

Running the same suite again is the resume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import OutputError, RunFailed
from clbench.events import SuiteFinished, SuiteStarted
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
from clbench.execution.estimate import Estimator, forecast_of
from clbench.execution.in_process import InProcess, is_in_process
from clbench.execution.inspector import CellInspector
from clbench.execution.jobs import CHECKPOINT_EVERY, JobEvent, PlannedCell, Site
from clbench.execution.launcher import Launcher
from clbench.execution.outcome import Outcome, Work, outcome_of
from clbench.execution.planner import Plan, Workers, plan_jobs, remaining_work
from clbench.execution.sizing import expected_bytes, fewest_jobs
from clbench.execution.store import Store, Stored
from clbench.execution.supervisor import Ending, Supervisor
from clbench.host.session_source import UNKNOWN
from clbench.records import CellRecord
from clbench.records.holding import require_posix
from clbench.suite import pick
from clbench.suite.cell import Cell

if TYPE_CHECKING:
    from clbench.host import Host
    from clbench.suite import Suite


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


class Run:
    """One run of a suite.

    Making one touches no file, and refuses what cannot run; `go` does the work.
    """

    def __init__(
        self, suite: Suite, host: Host, options: Options, display: Display | None = None
    ) -> None:
        require_posix()
        self.suite, self.host, self.options = suite, host, options
        self.display = display or Quiet()
        name = f"{suite.name}-smoke" if suite.smoke else suite.name
        self.store = Store(options.out or Path("results") / name, name)
        self.supervisor: Supervisor | None = None
        self.launcher = self._launcher()
        self.inspector = CellInspector(host, options.data)
        # All cells, not only those of `--only`: the others stay what the record is asked for.
        self.current = {one.key: one for one in self.inspector.of(suite.cells)}
        only = pick(suite.cells, options.only) if options.only else suite.cells
        self.planned = self._among(only)
        check_methods((one.cell for one in self.planned), self.inspector)
        self.forced = self._forced()
        self.slots = self.launcher.slots(options.device, options.workers)
        self.site = self._site()

    def plan(self, recorded: Mapping[str, CellRecord]) -> Plan:
        """What this run has to do, given what is in the record."""
        begun = self.store.begun(self.site)
        remaining = remaining_work(self.planned, recorded, forced=self.forced, begun=begun)
        form, estimator = self.options.form, Estimator(self.inspector, recorded)
        pieces = fewest_jobs(remaining.new_jobs(form), estimator, self.slots)
        return plan_jobs(remaining, Workers.on(self.slots), form, pieces)

    def go(self) -> Outcome:
        """Run what is missing."""
        if isinstance(self.launcher, InProcess) and (concern := self.launcher.concern()):
            self.display.say(f"warning: {concern}")
        # Where the suite's folder stood is asked when the run begins, not when it was prepared.
        self.site = replace(self.site, started=now(), git=git_commit(self._folder()))
        with self.store.open(expected_bytes(self.planned, self.inspector)):
            stored = self.store.read()
            supervisor = self._supervisor(stored)
            ending = supervisor.carry_out(list(supervisor.board.jobs.values()))
            stored = self._merged(stored, ending)
            if not ending.interrupted:
                self._forget_what_is_over(supervisor)
        board = supervisor.board
        work = Work(board.jobs, ending.errors, board.seconds, ending.interrupted)
        outcome = outcome_of(self.suite, self.store.record, self.planned, stored.cells, work)
        self.host.notify(
            SuiteFinished(self.store.suite, outcome.record, outcome.finished, len(outcome.failures))
        )
        return outcome

    # ------------------------------------------------------------------ before it starts

    def _launcher(self) -> Launcher:
        options, host = self.options, self.host
        launcher: Launcher = host.get("launcher", options.launcher)(**options.launcher_options)
        if not is_in_process(host, options.workers):
            return launcher
        return InProcess.instead_of(launcher, options.launcher, host, options.device, self._heard)

    def _heard(self, event: JobEvent) -> None:
        """What a job in this process tells; it is told before the job's end is yielded."""
        assert self.supervisor is not None
        self.supervisor.heard(event)

    def _among(self, cells: Sequence[Cell]) -> list[PlannedCell]:
        """The cells of the suite that are called like these."""
        names = {(cell.scenario_label, cell.label) for cell in cells}
        found = []
        for one in self.current.values():
            if (one.cell.scenario_label, one.cell.label) in names:
                found.append(one)
        return found

    def _forced(self) -> set[str]:
        """Keys of the cells that run whatever is in the record."""
        asked = {one.key for one in self._among(pick(self.suite.cells, self.options.force))}
        return asked | {one.key for one in self.planned if _has_unknown_version(one)}

    def _site(self) -> Site:
        options = self.options
        return Site(
            folder=self.store.folder.absolute(),
            suite=self.store.suite,
            plugins=self.host.references,
            data=options.data and options.data.absolute(),
            timeout=options.timeout,
            checkpoint_every=options.checkpoint_every,
            command=worker_command(),
            environment=worker_environment(),
            gemm=gemm_path(self.slots),
            workers=len(self.slots),
        )

    def _folder(self) -> Path | None:
        """The folder of the suite's file, where it has one."""
        folder = Path(self.suite.file).parent
        return folder if folder.is_dir() else None

    # ------------------------------------------------------------------ while it runs

    def _supervisor(self, stored: Stored) -> Supervisor:
        """Whoever has the planned jobs done; the run's folder is made ready for them."""
        recorded = stored.cells
        jobs = self.plan(recorded).jobs
        # A forced job begins anew, and not from where its last run stood.
        self.store.forget(keep=[job for job in jobs if job.key not in self.forced])
        self.store.begin(jobs)
        forecast = forecast_of(jobs, Estimator(self.inspector, recorded), len(self.slots))
        board = Board.of(self.store.suite, self.planned, jobs, forecast)
        self.supervisor = Supervisor(
            self.host, self.launcher, self.slots, self.site, self.store, board, self.display
        )
        self.host.notify(
            SuiteStarted(self.store.suite, self.store.folder, len(self.planned), len(jobs))
        )
        return self.supervisor

    def _merged(self, stored: Stored, ending: Ending) -> Stored:
        """Bring what was measured into the record;
        where anything could not be written, say so and stop.

        Nothing of it is lost.
        """
        facts = environment(
            self.host, self.slots, self.options.form, self.site.gemm, self._folder()
        )
        # Readers may lack the plugins whose record metrics the suite asks for.
        finish = partial(with_record_metrics, host=self.host)
        unwritten = ending.unwritten
        try:
            stored = self.store.merge(stored, self.current, self.suite, facts, finish)
        except OutputError as error:
            unwritten = unwritten or str(error)
        if unwritten:
            kept = (
                "what is finished is kept, and what was under way goes on from its last checkpoint"
            )
            raise RunFailed(f"stopped: {unwritten}; {kept}")
        return stored

    def _forget_what_is_over(self, supervisor: Supervisor) -> None:
        """Keep the checkpoints of failed jobs alone: they are tried again from there."""
        jobs = supervisor.board.jobs
        failed = [jobs[name] for name in supervisor.ending.errors]
        self.store.forget(keep=[job for job in failed if self.site.checkpoint(job).exists()])


def run_suite(
    suite: Suite, host: Host, options: Options | None = None, display: Display | None = None
) -> Outcome:
    """Run a suite to its end, or to Ctrl-C; what finished is in the record either way."""
    return Run(suite, host, options or Options(), display).go()


def _has_unknown_version(planned: PlannedCell) -> bool:
    """Whether what is in a record for it may be of other code."""
    probes = [how["version"] for how in planned.probes.values() if how is not None]
    return UNKNOWN in (*planned.content["versions"].values(), *probes)
