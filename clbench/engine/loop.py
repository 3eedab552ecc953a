"""The loop: tasks, phases, epochs and steps of one job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clbench.engine.best import BestWeights
from clbench.engine.book import Book
from clbench.engine.costs import carried, in_memory, trained_parameters
from clbench.engine.draws import DrawWatch
from clbench.engine.early import explain_missing
from clbench.engine.evaluate import accuracy, set_mode
from clbench.engine.evaluations import Evaluations
from clbench.engine.features import FrozenBody
from clbench.engine.fresh_start import MEMORY
from clbench.engine.given import Given
from clbench.engine.graphs import Steps
from clbench.engine.keeping import Keeper
from clbench.engine.online import OnlinePredictions
from clbench.engine.phases import ResolvedPhase, checked, order_of_epoch, resolve, whole_choice
from clbench.engine.place import Place
from clbench.engine.plan import plan_epoch
from clbench.engine.probes import Probes
from clbench.engine.rates import Rates
from clbench.engine.solo_runner import SoloRunner
from clbench.engine.strategy import Strategy, parts_of, whole
from clbench.engine.task import Batch, Phase, Task
from clbench.stack import Optimizer, Saved, Stateful, Suspension, member_tables, restore
from clbench.stack.state import objects


class Loop:
    """Trains and evaluates the members of a job, task by task."""

    def __init__(
        self,
        strategy: Strategy,
        probes: Probes,
        *,
        online: bool,
        epochs: bool = False,
        recency: bool = False,
        graphs: str = "auto",
        checkpoint: Path | None = None,
        workers: int = 1,
    ) -> None:
        self.strategy, self.probes = strategy, probes
        self.session = strategy.session
        self.book = self.session.book
        self.keeper = Keeper(strategy, checkpoint)
        self.evaluations = Evaluations(strategy, self.keeper, recency=recency)
        self.streams = strategy.session.streams
        self.protocol = strategy.protocol
        self.by_epoch = epochs
        self.online = online or epochs or isinstance(self.protocol.stop_at, dict)
        self.suspension = Suspension(whole(strategy), strategy.members)
        self._hold_outputs()
        self.place = Place(strategy.members, strategy.device)
        self.online_predictions = OnlinePredictions(strategy, self.place.online)
        self.steps = Steps(strategy, self.learn, graphs)
        self.draws = DrawWatch(strategy)
        self.given = Given(strategy)
        self.rows: slice | Tensor = slice(None)  # of the members that take part, on the device
        self.rates = Rates(strategy)
        self.best = BestWeights(strategy)
        self.frozen = FrozenBody(strategy, workers)
        self.resolved: list[ResolvedPhase] = []  # the phases of the task under way
        self.on_step: Callable[[], None] = lambda: (
            None
        )  # between two steps; the place may be written down here

    # ------------------------------------------------------------------ the place

    def state(self) -> Stateful:
        """All that the job is made of between two steps."""
        self.given.check()
        return _State(
            whole(self.strategy), self.book, self.place, self.suspension, self.probes, self.best
        )

    def go_on(self, saved: Saved) -> None:
        """Continue from the saved `state()` of a loop like this one."""
        restore(self.state(), saved, self.session.find, self.strategy.device)
        self._show_active()
        self._hold_outputs()
        if self.place.phases is not None:
            self.resolved = self._resolve(self.streams.tasks[self.place.task])

    @property
    def fraction(self) -> float:
        """The part of the task's training that is done."""
        lengths = [max(phase.totals) for phase in self.resolved]
        done = sum(lengths[: self.place.phase]) + int(self.place.done.max())
        return done / max(1, sum(lengths)) if lengths else 0.0

    # ------------------------------------------------------------------ a task

    def untrained(self) -> None:
        """Row 0 of the accuracy matrix."""
        self.session.task = self.streams.tasks[0]
        try:
            self.draws.run("predict", self._evaluate, 0)
        except AttributeError as missing:
            explain_missing(missing, self.strategy)
            raise
        self.keeper.end_row(0, self.book.running)

    def task(self, task: Task) -> None:
        """Train one task, from its beginning or from the place where it was left, and evaluate after it."""
        with self.steps.stream(), self.draws.task(task.index + 1):
            if self.book.running:
                self._train(task)
            if self.book.running:
                self._look_back(task)
        self.given.check()
        self.place.end_task()
        tested = self.book.accuracies.tested
        if self.place.task + 1 < len(tested):
            self.streams.forget_before(tested[self.place.task + 1].start)

    def _train(self, task: Task) -> None:
        self.session.task = task
        if self.place.phases is None:
            self._begin(task)
        self.resolved = self._resolve(task)
        self.place.start_clock()
        while self.place.phase < len(self.resolved):
            self._phase(task, self.place.phase)
            self.place.end_phase()

    def _begin(self, task: Task) -> None:
        self.session.phase = None
        self._only(self.book.running)
        self.suspension.show_kept()
        self._reset(task)
        self.draws.call("begin_task", task)
        self._hold_outputs()
        self.evaluations.before_task(task)
        self.best.begin_task()
        self.place.begin_task(self._checked(self.draws.call("phases", task)))

    def _look_back(self, task: Task) -> None:
        self._only(self.book.running)
        self._give_rates_back()
        self.suspension.show_kept()
        self._restore_best()
        self.draws.call("end_task", task)
        self._note_task(task)
        last = task.index == len(self.streams.tasks) - 1
        is_tested = last or all(part.tests_after(task.index) for part in parts_of(self.strategy))
        if is_tested:
            self._evaluate(task.index + 1)
        if not self.book.running:
            return
        self.keeper.end_row(task.index + 1, self.book.running)
        self._probe("task_end", task, means_something=is_tested)
        if last:
            self._probe("run_end", task)
            self._costs()

    def _restore_best(self) -> None:
        """`restore: best`; the curve `restored_epoch` says which epoch of each task that was."""
        epochs = self.best.give_back(self.book.running)
        if epochs is not None:
            self.book.write(self.book.curves, "restored_epoch", epochs, self.book.running)

    def _reset(self, task: Task) -> None:
        """The resets that the protocol asks for at a task's start."""
        if task.index == 0:
            return
        if self.protocol.optimizer_reset == "task":
            if isinstance(self.strategy, SoloRunner):
                self.strategy.reset_optimizer()
            elif self.session.optimizer is not None:
                self.session.optimizer.reset()
        if self.protocol.head_reset != "never":
            self.strategy.reset_head(self.protocol.head_reset, task.index)

    def _note_task(self, task: Task) -> None:
        running, book = self.book.running, self.book
        book.train_seconds[:, task.index] = self.place.read_clock() / self.strategy.members
        if not self.place.phases:
            return
        book.loss[running, task.index] = self.place.losses.means()[running]
        if self.online:
            book.write(book.curves, "online_accuracy", self.place.online.of_task(), running)

    # ------------------------------------------------------------------ phases and epochs

    def _phase(self, task: Task, number: int) -> None:
        """Train a phase, from its beginning or from where it was left."""
        place, phases = self.place, self.place.phases
        assert phases is not None
        self.session.phase = phases[number]
        if place.at_phase_start:
            self._begin_phase(task)
        phase, resolved = self.session.phase, self.resolved[number]
        self.frozen.begin_phase(phase, resolved)
        if self.frozen.table is not None:
            self.steps.forget()
        while place.epoch < resolved.epochs and (
            taking := [member for member in self.book.running if member not in place.stopped]
        ):
            self._epoch(task, phase, resolved, taking)
        self.frozen.end_phase()

    def _begin_phase(self, task: Task) -> None:
        session, phase = self.session, self.session.phase
        assert phase is not None
        self._only(self.book.running)
        self._give_rates_back()
        self.suspension.show_kept()
        with session.choosing() as chosen:
            self.draws.call("begin_phase", phase)
        if chosen:
            samples = whole_choice(chosen, session.active, self.strategy.members)
            session.phase = phase = self._checked([replace(phase, data=samples)])[0]
            self.place.replace_phase(phase)
            self.resolved = self._resolve(task)
        self.place.rates_set = self.rates.are_set_by(phase)

    def _checked(self, phases: Sequence[Phase]) -> list[Phase]:
        return checked(phases, self.strategy.part_name, self.streams)

    def _give_rates_back(self) -> None:
        """Let no phase's own rate last longer than the phase; every member is there to hear it."""
        if self.place.rates_set:
            self.rates.end_phase()
            self.place.rates_set = False

    def _epoch(self, task: Task, phase: Phase, resolved: ResolvedPhase, taking: list[int]) -> None:
        place = self.place
        if place.step == 0:
            self._only(taking)
            self.suspension.show_kept()
            self.draws.call("begin_epoch", phase, place.epoch)
            self._hold_outputs()
            # Hooks look at the network in evaluation mode, and may forget to put it back.
            set_mode(self.strategy, training=True)
            self.rates.begin_epoch(phase)
            place.online.begin_epoch()
        self.frozen.begin_epoch()
        self.steps.begin_epoch()
        position = task.index, place.phase, place.epoch
        order = order_of_epoch(resolved, self.streams, self.session.members, position)
        plan = plan_epoch(
            order.sizes,
            resolved.size,
            taking,
            least=2 if resolved.size > 1 and self._has_batch_norm() else 1,
        )
        for step, samples in self.frozen.of_steps(order, plan[place.step :]):
            self._only(step.members)
            self.rates.begin_step(phase, place.done.tolist(), resolved.totals)
            self._step(samples, task)
            place.step += 1
            self.on_step()
        self._only(taking)
        self._strike_all({**self._broken_agents(), **place.losses.read()})
        reached: set[int] = set()
        if self.session.active:
            self.suspension.show_kept()
            self.frozen.end_epoch()
            self.draws.call("end_epoch", phase, place.epoch)
            self._note_epoch()
            self._probe("epoch_end", task)
            if phase.stop:
                self.best.look(task, phase, self.session.active)
                reached = self._reached(task, taking)
        place.end_epoch(reached)

    def _note_epoch(self) -> None:
        if self.by_epoch:
            right = self.place.online.of_epoch()
            self.book.write(self.book.curves, "train_accuracy", right, self.session.active)

    def _resolve(self, task: Task) -> list[ResolvedPhase]:
        streams, protocol, running = self.streams, self.protocol, self.book.running
        return [
            resolve(phase, task, streams, protocol, running) for phase in self.place.phases or []
        ]

    def _has_batch_norm(self) -> bool:
        strategy = self.strategy
        held = (
            [vars(solo).get("net") for solo in strategy.solos[:1]]
            if isinstance(strategy, SoloRunner)
            else [strategy.net.module]
        )
        return any(
            isinstance(child, _BatchNorm)
            for module in held
            if isinstance(module, nn.Module)
            for child in module.modules()
        )

    def _only(self, members: Sequence[int]) -> None:
        """Let exactly these members take part from here on."""
        if list(members) == self.session.active:
            return
        self.suspension.set_active(set(members))
        self._show_active()

    def _show_active(self) -> None:
        """Tell everybody who takes part."""
        active = self.suspension.active
        self.session.set_active(active)
        everybody = len(active) == self.strategy.members
        self.rows = slice(None) if everybody else torch.tensor(active, device=self.strategy.device)
        if self.session.net is not None:
            self.session.net.active = None if everybody else active

    def _hold_outputs(self) -> None:
        """Outputs that take no part in a step stand still in it, whichever optimisers there are by now."""
        outputs, net = self.session.outputs, self.session.net
        if not outputs.some_left_out:
            return
        if isinstance(self.strategy, SoloRunner):
            self.strategy.hold_outputs()
        for _, item in objects(whole(self.strategy)):
            if isinstance(item, Optimizer) and net is not None:
                outputs.hold(item, net)

    # ------------------------------------------------------------------ a step

    def learn(self, samples: Tensor) -> Tensor | None:
        """A step from these samples `[3, R, B]` to the losses: on a GPU, what a graph holds.

        A fourth row says where their features are, in a phase whose body is frozen.
        """
        index, tasks, y = samples[:3].unbind()
        batch = self.session.fetch(index, tasks, augment=True, y=y)
        with self.frozen.step(batch.x, samples):
            return self._learn(batch, tasks)

    def _learn(self, batch: Batch, tasks: Tensor) -> Tensor | None:
        self.session.clock.begin_step(batch.x)
        if self.online:
            self.online_predictions.begin_step(batch, self.rows)
        outputs, phase = self.session.outputs, self.session.phase
        own = phase is None or phase.data == "task"
        outputs.begin_step(tasks, self.strategy.task.index, own)
        loss = self.strategy.observe(batch)
        outputs.end_step()
        self.online_predictions.end_step()
        return loss

    def _step(self, samples: Tensor, task: Task) -> None:
        loss = self.draws.run("observe", self.steps, samples)
        active = self.session.active
        if self.online:
            self.place.online.count(samples.shape[2], active)
        if loss is not None:
            self.place.losses.note(loss, active, self.book.steps, self.strategy.part_name)
        rows = slice(None) if len(active) == self.strategy.members else active
        self.book.steps[rows] += 1
        self.place.done[rows] += 1
        if self.probes.in_steps:
            self._probe("step", task)
        every = self.protocol.evaluate["every"]
        if every and (due := [member for member in active if self.place.done[member] % every == 0]):
            with self.place.stopped_clock():
                self.evaluations.within_task(task, due)

    def _strike_all(self, broken: Mapping[int, int]) -> None:
        """Members whose loss was not finite stop for good."""
        if not broken:
            return
        for member, step in broken.items():
            if self.book.diverged_at[member] < 0:
                self._strike(member, step)
        self._only([member for member in self.session.active if self.book.diverged_at[member] < 0])

    def _broken_agents(self) -> dict[int, int]:
        """Agents whose weights are not finite, found before any other agent sees them; the loss tells a step too late."""
        net = self.session.net
        if self.strategy.scenario.agents == 1 or net is None:
            return {}
        finite = torch.ones(self.strategy.members, dtype=torch.bool, device=self.strategy.device)
        for value in net.parameters():
            finite &= value.detach().isfinite().flatten(1).all(1)
        flags = finite.tolist()
        steps = self.book.steps
        return {member: int(steps[member]) for member in self.session.active if not flags[member]}

    def _strike(self, member: int, step: int) -> None:
        """Note that a member diverged, and clear its state, so that no arithmetic trips over it."""
        self.book.diverged_at[member] = step
        for _, table in member_tables(whole(self.strategy), self.strategy.members):
            if table.is_floating_point():
                table.detach()[member].nan_to_num_(0.0, 0.0, 0.0)

    # ------------------------------------------------------------------ looking

    def _reached(self, task: Task, taking: Sequence[int]) -> set[int]:
        """The members whose accuracy reached `stop_at`."""
        self.suspension.show_kept()
        goal = self.protocol.stop_at
        if goal is None:
            return set()
        if isinstance(goal, dict):
            reached = self.place.online.of_epoch() >= goal["train"]
        else:
            reached = accuracy(self.strategy, task, "validation")[0] >= goal
        flags = reached.tolist()
        return {member for member in taking if flags[member]}

    def _evaluate(self, row: int) -> None:
        self.suspension.show_kept()
        for member in self.evaluations.after_tasks(row):
            self._strike(member, int(self.book.steps[member]))
        self._only(self.book.running)

    def _probe(self, when: str, task: Task, means_something: bool = True) -> None:
        """Ask the probes; of a network that is not yet what the method makes of the task, nothing is kept."""
        if not self.probes.due(when):
            return
        if when != "step":
            self.suspension.show_kept()
        with self.place.stopped_clock():
            for name, value in self.probes.ask(when, task):
                if not means_something:
                    value = torch.full(value.shape, torch.nan, dtype=torch.float64)
                self.book.write(self.book.probes, name, value, self.session.active)

    def _costs(self) -> None:
        members = self.strategy.members
        trained = [float(count) for count in trained_parameters(self.strategy)]
        self.book.count_cost("parameters", trained)
        self.book.count_cost("state_bytes", carried(self.strategy))
        self.book.count_cost("device_bytes", in_memory(self.strategy))
        self.book.cost["peak_memory"] = [_peak_memory(self.strategy.device)] * members


class _State(Stateful):
    def __init__(
        self,
        strategy: Stateful,
        book: Book,
        place: Place,
        suspension: Suspension,
        probes: Probes,
        best: BestWeights,
    ) -> None:
        self.strategy, self.book, self.place, self.suspension = strategy, book, place, suspension
        self.probes, self.best = probes, best


def _peak_memory(device: torch.device) -> float:
    """Bytes: the device allocator's peak, or what the process grew by since the job began on a CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return MEMORY.peak()
