"""The loop: what comes when in a job, from its tasks down to its steps.

Four things work together. The loop keeps the schedule: tasks, phases, epochs, rates, and where a
job stands in them. `Participation` says who takes part, `Training` takes the steps, and
`Observation` measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from clbench.engine.best import BestWeights
from clbench.engine.cursor import Cursor
from clbench.engine.draws import DrawWatch
from clbench.engine.given import Given
from clbench.engine.keeping import Keeper
from clbench.engine.learner import Learner
from clbench.engine.measurements import Measurements
from clbench.engine.observation import Followed, Observation
from clbench.engine.participation import Participation
from clbench.engine.phases import ResolvedPhase, checked, order_of_epoch, resolve, whole_choice
from clbench.engine.plan import Step, plan_epoch
from clbench.engine.probes import Probes
from clbench.engine.rates import Rates
from clbench.engine.task import Phase, Task
from clbench.engine.training import Training
from clbench.errors import StrategyError
from clbench.stack import Saved, Stateful, Suspension, restore

FOLLOW_NOTHING = Followed()


class Loop:
    """Trains and evaluates the members of a job, task by task."""

    def __init__(
        self,
        learner: Learner,
        probes: Probes,
        follow: Followed = FOLLOW_NOTHING,
        *,
        graphs: str = "auto",
        checkpoint: Path | None = None,
        workers: int = 1,
    ) -> None:
        self.learner, self.session, self.probes = learner, learner.session, probes
        self.measurements, self.streams = self.session.measurements, self.session.streams
        self.protocol = learner.protocol
        # Accuracy by epoch, and stopping by it, is online accuracy counted within an epoch.
        if follow.by_epoch or isinstance(self.protocol.stop_at, dict):
            follow = replace(follow, online=True)
        self.cursor = Cursor(learner.members, learner.device)
        self.keeper = Keeper(learner, checkpoint)
        self.draws, self.given, self.rates = DrawWatch(learner), Given(learner), Rates(learner)
        self.participation = who = Participation(learner)
        self.observation = Observation(
            learner,
            who,
            self.cursor,
            probes,
            self.keeper,
            follow,
        )
        self.training = Training(
            learner,
            who,
            self.cursor,
            self.draws,
            online=follow.online,
            graphs=graphs,
            workers=workers,
        )
        self.resolved: list[ResolvedPhase] = []  # the phases of the task under way
        self.on_step: Callable[[], None] = _nothing  # between two steps: to save, to report
        learner.hold_outputs()

    # ------------------------------------------------------------------ where the job stands

    def state(self) -> Stateful:
        """All that the job is made of between two steps."""
        # Before it is saved: what was changed in place would be undone by a resume.
        self.given.check()
        return _JobState(
            self.learner.state(),
            self.measurements,
            self.cursor,
            self.participation.suspension,
            self.probes,
            self.observation.best,
        )

    def go_on(self, saved: Saved) -> None:
        """Continue from the saved `state()` of a loop like this one."""
        # Written into the live state, so that everybody keeps the objects they hold.
        restore(self.state(), saved, self.session.find, self.learner.device)
        # Who takes part is not among the restored tensors' consequences: told again.
        self.participation.publish()
        self.learner.hold_outputs()
        if self.cursor.phases is not None:
            # Not saved: it follows from the task, its phases and the protocol.
            self.resolved = self._resolve(self.streams.tasks[self.cursor.task])

    @property
    def fraction(self) -> float:
        """The part of the task's training that is done."""
        lengths = [max(phase.totals) for phase in self.resolved]
        # Steps of the member with most; members are done at different times.
        done = sum(lengths[: self.cursor.phase]) + int(self.cursor.done.max())
        return done / max(1, sum(lengths)) if lengths else 0.0

    # ------------------------------------------------------------------ a task

    def untrained(self) -> None:
        """Measure the networks before any training: row 0 of the accuracy matrix."""
        self.observation.untrained(self.draws)

    def task(self, task: Task) -> None:
        """Train one task, from its beginning or from where it was left, and evaluate after it."""
        with self.training.steps.stream(), self.draws.task(task.index + 1):
            # All may have diverged, in an earlier task or in this one.
            if self.measurements.running:
                self.train(task)
            if self.measurements.running:
                self._finish_task(task)
        self.given.check()
        self.cursor.end_task()
        self._after_last_task(task)
        tested = self.measurements.accuracies.tested
        if self.cursor.task + 1 < len(tested):
            # Data of tasks that will neither be trained nor tested any more.
            self.streams.forget_before(tested[self.cursor.task + 1].start)

    def train(self, task: Task) -> None:
        """Train a task, phase by phase."""
        # Set again after a resume; hooks and augmentation ask for it.
        self.session.task = task
        if self.cursor.phases is None:
            self._begin_task(task)
        self.resolved = self._resolve(task)
        # After hooks and evaluations before the task, which are no training.
        self.cursor.start_clock()
        while self.cursor.phase < len(self.resolved):
            self._phase(task, self.cursor.phase)
            self.cursor.end_phase()

    def _begin_task(self, task: Task) -> None:
        self.session.phase = None
        self.participation.all_running()
        if task.index > 0:
            self.reset(task)
        # After the resets: a method sees its network as it will be trained.
        self.draws.call("begin_task", task)
        # Tables have a row a member from here on, or no member could sit out.
        self.participation.check_tables()
        # The hook may have made optimisers.
        self.learner.hold_outputs()
        # After `begin_task`: heads of the new task exist by now.
        self.observation.before_task(task)
        self.cursor.begin_task(self._checked(self.draws.call("phases", task)))

    def reset(self, task: Task) -> None:
        """The resets that the protocol asks for at a task's start."""
        if self.protocol.optimizer_reset == "task":
            self.learner.reset_optimizer()
        if self.protocol.head_reset != "never":
            self.learner.reset_head(self.protocol.head_reset, task.index)

    def _finish_task(self, task: Task) -> None:
        self.participation.set_active(self.measurements.running)
        # Before `end_task`, whose own steps are to use the protocol's rate.
        self._give_rates_back()
        # Members that stopped early get their own rows back, for hooks look at all of them.
        self.participation.show_suspended()
        # Before `end_task`: methods remember the weights that stay.
        self.observation.restore_best()
        self.draws.call("end_task", task)
        self.observation.note_training(task)
        self.observation.after_task(task)

    def _after_last_task(self, task: Task) -> None:
        """A part that kept others from their hooks made the numbers those of another method."""
        if task.index == len(self.streams.tasks) - 1 and (said := self.learner.cut_off()):
            raise StrategyError(said)

    # ------------------------------------------------------------------ phases and epochs

    def _phase(self, task: Task, number: int) -> None:
        """Train a phase, from its beginning or from where it was left."""
        # Restored from plain values, so the method need not be asked again.
        cursor, phases = self.cursor, self.cursor.phases
        assert phases is not None
        self.session.phase = phases[number]
        if cursor.at_phase_start:
            self._begin_phase(task)
        phase, resolved = self.session.phase, self.resolved[number]
        frozen = self.training.frozen
        # Also after a resume: features are not saved.
        frozen.begin_phase(phase, resolved)
        if frozen.table is not None:
            # Steps read their features from a table at another address now.
            self.training.forget_graphs()
        # Ends early where every member has reached `stop_at`, or diverged.
        while cursor.epoch < resolved.epochs and (taking := self._taking()):
            self._epoch(task, phase, resolved, taking)
        frozen.end_phase()

    def _taking(self) -> list[int]:
        """The members that have not stopped in this phase."""
        return [member for member in self.measurements.running if member not in self.cursor.stopped]

    def _begin_phase(self, task: Task) -> None:
        session, phase = self.session, self.session.phase
        assert phase is not None
        self.participation.set_active(self.measurements.running)
        self._give_rates_back()
        self.participation.show_suspended()
        # `begin_phase` may choose the samples that its phase trains on.
        with session.choosing() as chosen:
            self.draws.call("begin_phase", phase)
        if chosen:
            samples = whole_choice(chosen, session.active, self.learner.members)
            session.phase = phase = self._checked([replace(phase, data=samples)])[0]
            self.cursor.replace_phase(phase)
            # Chosen samples change sizes, and so the schedule.
            self.resolved = self._resolve(task)
        self.cursor.rates_set = self.rates.are_set_by(phase)

    def _give_rates_back(self) -> None:
        """Let no phase's own rate last longer than the phase; every member is there to hear it."""
        if self.cursor.rates_set:
            self.rates.end_phase()
            self.cursor.rates_set = False

    def _epoch(self, task: Task, phase: Phase, resolved: ResolvedPhase, taking: list[int]) -> None:
        cursor, who = self.cursor, self.participation
        # In the middle of an epoch its beginning is over.
        if cursor.step == 0:
            self._begin_epoch(phase, taking)
        # Also in the middle: both compare with what was before, and that is gone.
        self.training.frozen.begin_epoch()
        self.training.steps.begin_epoch()
        self._steps(task, phase, resolved, taking)
        # All that began the epoch, whoever took part in its last step.
        who.set_active(taking)
        # The device is waited for here, once an epoch.
        who.mark_all_diverged({**who.broken_agents(), **cursor.losses.read()})
        reached: set[int] = set()
        if self.session.active:
            who.show_suspended()
            self.training.frozen.end_epoch()
            self.draws.call("end_epoch", phase, cursor.epoch)
            reached = self.observation.after_epoch(task, phase, taking)
        cursor.end_epoch(reached)

    def _begin_epoch(self, phase: Phase, taking: list[int]) -> None:
        self.participation.set_active(taking)
        self.participation.show_suspended()
        self.draws.call("begin_epoch", phase, self.cursor.epoch)
        # The hook may have made optimisers.
        self.learner.hold_outputs()
        # Hooks look at the network in evaluation mode, and may forget to put it back.
        self.learner.set_mode(training=True)
        self.rates.begin_epoch(phase)
        self.cursor.online.begin_epoch()

    def _steps(self, task: Task, phase: Phase, resolved: ResolvedPhase, taking: list[int]) -> None:
        """Take the epoch's steps, from the one where it was left."""
        cursor = self.cursor
        # The order follows from seed, task, phase and epoch: nothing of it is saved.
        position = task.index, cursor.phase, cursor.epoch
        order = order_of_epoch(resolved, self.streams, self.session.members, position)
        plan = self._plan(resolved, order.sizes, taking)
        # From where the job was left.
        for step, samples in self.training.frozen.of_steps(order, plan[cursor.step :]):
            self.participation.set_active(step.members)
            self.rates.begin_step(phase, cursor.done.tolist(), resolved.totals)
            self.training.step(samples)
            self.observation.after_step(task)
            # Counted before `on_step`, which may save.
            cursor.step += 1
            self.on_step()

    def _plan(
        self, resolved: ResolvedPhase, sizes: Sequence[int], taking: Sequence[int]
    ) -> list[Step]:
        """Who takes part in which step; batch-norm is not shown a single sample."""
        # A variance of one value does not exist.
        at_least = 2 if resolved.size > 1 and self.learner.has_batch_norm() else 1
        return plan_epoch(sizes, resolved.size, taking, at_least)

    def _checked(self, phases: Sequence[Phase]) -> list[Phase]:
        return checked(phases, self.learner.part_name, self.streams)

    def _resolve(self, task: Task) -> list[ResolvedPhase]:
        streams, protocol, running = self.streams, self.protocol, self.measurements.running
        # None between tasks.
        phases = self.cursor.phases or []
        return [resolve(phase, task, streams, protocol, running) for phase in phases]


class _JobState(Stateful):
    """All that a checkpoint holds of a job."""

    def __init__(
        self,
        learner: Stateful,
        measurements: Measurements,
        cursor: Cursor,
        suspension: Suspension,
        probes: Probes,
        best: BestWeights,
    ) -> None:
        self.learner = learner
        self.measurements = measurements
        self.cursor = cursor
        self.suspension = suspension
        self.probes, self.best = probes, best


def _nothing() -> None:
    """Nobody wants to hear of steps."""
