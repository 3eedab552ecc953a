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
from clbench.execution.jobs import CHECKPOINT_EVERY, Job, JobEvent, PlannedCell, Site
from clbench.execution.launcher import Launcher
from clbench.execution.outcome import Outcome, Work, outcome_of
from clbench.execution.planner import Plan, Remaining, Workers, plan_jobs, remaining_work
from clbench.execution.separating import Separator, Stop, going_on, stop_of, up_to
from clbench.execution.sizing import expected_bytes, fewest_jobs
from clbench.execution.store import Store, Stored
from clbench.execution.supervisor import Ending, Supervisor
from clbench.host.session_source import UNKNOWN
from clbench.records import CellRecord
from clbench.records.holding import require_posix
from clbench.records.looks import Look, append_looks
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


@dataclass(frozen=True)
class Bounds:
    """How much there is to run, where seeds are added by what they show."""

    asked: Sequence[PlannedCell]  # with the seeds of the next look; if it is over of the last
    fewest: int  # runs, a run being a seed of a cell with all its agents
    most: int
    is_over: bool = False


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
        # Seeds are added by what they show; else all that are asked for run at once.
        self.separator = Separator(suite, self.planned, host) if suite.adaptive else None
        self.work = Work()

    def plan(
        self, recorded: Mapping[str, CellRecord], planned: Sequence[PlannedCell] | None = None
    ) -> Plan:
        """What this run has to do, given what is in the record; of all its cells unless said."""
        remaining = self._remaining(recorded, self.planned if planned is None else planned)
        form, estimator = self.options.form, Estimator(self.inspector, recorded)
        pieces = fewest_jobs(remaining.new_jobs(form), estimator, self.slots)
        return plan_jobs(remaining, Workers.on(self.slots), form, pieces)

    def _remaining(
        self, recorded: Mapping[str, CellRecord], planned: Sequence[PlannedCell]
    ) -> Remaining:
        begun = self.store.begun(self.site)
        return remaining_work(planned, recorded, forced=self.forced, begun=begun)

    def bounds(self, recorded: Mapping[str, CellRecord]) -> Bounds:
        """What has to run at least and at most, where seeds are added by what they show."""
        assert self.separator is not None
        every = _runs_missing(self._remaining(recorded, self.planned))
        seeds: int | None = self.separator.rule.fewest
        while seeds is not None:
            asked = up_to(self.planned, seeds)
            missing = _runs_missing(self._remaining(recorded, asked))
            if missing:
                return Bounds(asked, missing, every)
            # Looks at what is there already cost nothing.
            found = self.separator.look(recorded, seeds)
            seeds = None if isinstance(found, Stop) else found.next_look
        return Bounds(asked, 0, 0, is_over=True)

    def go(self) -> Outcome:
        """Run what is missing."""
        if isinstance(self.launcher, InProcess) and (concern := self.launcher.concern()):
            self.display.say(f"warning: {concern}")
        # Where the suite's folder stood is asked when the run begins, not when it was prepared.
        self.site = replace(self.site, started=now(), git=git_commit(self._folder()))
        with self.store.open(expected_bytes(self.planned, self.inspector)):
            stored = self.store.read()
            if self.separator is None:
                stored = self._round(stored, self.planned, self.planned)
                outcome = self._outcome(stored, self.planned)
            else:
                outcome = self._until_separated(stored, self.separator)
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

    def _round(
        self, stored: Stored, asked: Sequence[PlannedCell], new: Sequence[PlannedCell]
    ) -> Stored:
        """Have done what is missing of the `new` seeds among those `asked` for, and merge it."""
        jobs = self.plan(stored.cells, new).jobs
        is_first = self.supervisor is None
        if not jobs and not is_first:
            return stored
        supervisor = self._supervisor(stored, asked, jobs)
        if is_first:
            cells = len(self.planned)
            self.host.notify(SuiteStarted(self.store.suite, self.store.folder, cells, len(jobs)))
        ending = supervisor.carry_out(list(supervisor.board.jobs.values()))
        stored = self._merged(stored, ending)
        board = supervisor.board
        self.work = self.work.and_then(
            Work(board.jobs, ending.errors, board.seconds, ending.interrupted)
        )
        if not ending.interrupted:
            # Checkpoints of failed jobs stay: they are tried again from there.
            self.store.forget(keep=self._unfinished(stored.cells))
        return stored

    def _until_separated(self, stored: Stored, separator: Separator) -> Outcome:
        """Add seeds, look by look, until all that is compared is decided or there are most."""
        tried, seeds = 0, separator.rule.fewest
        while True:
            asked = up_to(self.planned, seeds)
            # What failed in this run is not tried again in it.
            stored = self._round(stored, asked, up_to(self.planned, seeds, tried))
            if self.work.interrupted:
                return self._outcome(stored, asked)
            found = separator.look(stored.cells, seeds)
            if isinstance(found, Stop):
                return self._outcome(stored, asked, found)
            stored = self._noted(stored, separator.noted(stored.cells, seeds))
            if found.next_look is None:
                return self._outcome(stored, asked, stop_of(found, seeds))
            self.display.say(going_on(found, seeds))
            tried, seeds = seeds, found.next_look

    def _noted(self, stored: Stored, look: Look) -> Stored:
        """A look is in the record before anybody acts on it."""
        assert stored.record is not None
        try:
            append_looks(self.store.record, stored.record.looks, [look])
        except OutputError as error:
            raise RunFailed(f"stopped: {error}; what is finished is kept") from error
        # What lies on disk alone lies in another file now.
        return self.store.read()

    def _outcome(
        self, stored: Stored, asked: Sequence[PlannedCell], stop: Stop | None = None
    ) -> Outcome:
        return outcome_of(self.suite, self.store.record, asked, stored.cells, self.work, stop)

    def _supervisor(
        self, stored: Stored, asked: Sequence[PlannedCell], jobs: Sequence[Job]
    ) -> Supervisor:
        """Whoever has the planned jobs done; the run's folder is made ready for them."""
        recorded = stored.cells
        # A forced job begins anew, and not from where its last run stood.
        goes_on = [job for job in jobs if job.key not in self.forced]
        self.store.forget(keep=[*goes_on, *self._unfinished(recorded)])
        self.store.begin(jobs)
        forecast = forecast_of(jobs, Estimator(self.inspector, recorded), len(self.slots))
        board = Board.of(self.store.suite, asked, jobs, forecast)
        self.supervisor = Supervisor(
            self.host, self.launcher, self.slots, self.site, self.store, board, self.display
        )
        return self.supervisor

    def _unfinished(self, recorded: Mapping[str, CellRecord]) -> list[Job]:
        """Jobs that a later look, or a later run, goes on with from their checkpoints."""
        later = self._remaining(recorded, self.planned).resumed
        failed = [self.work.jobs[name] for name in self.work.errors]
        return [*later, *(job for job in failed if self.site.checkpoint(job).exists())]

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


def run_suite(
    suite: Suite, host: Host, options: Options | None = None, display: Display | None = None
) -> Outcome:
    """Run a suite to its end, or to Ctrl-C; what finished is in the record either way."""
    return Run(suite, host, options or Options(), display).go()


def _runs_missing(remaining: Remaining) -> int:
    missing = 0
    for one in remaining.missing:
        missing += len({seed for seed, _ in one.members})
    return missing


def _has_unknown_version(planned: PlannedCell) -> bool:
    """Whether what is in a record for it may be of other code."""
    probes = [how["version"] for how in planned.probes.values() if how]
    return UNKNOWN in (*planned.content["versions"].values(), *probes)
