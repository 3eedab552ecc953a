"""The loop: tasks, phases, epochs and steps of one job."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clbench.engine.compose import overrides
from clbench.engine.evaluate import accuracy, choice, evaluating, predict
from clbench.engine.plan import Step, plan_epoch
from clbench.engine.probes import Probes
from clbench.engine.solo import SoloRunner
from clbench.engine.strategy import Strategy, whole
from clbench.engine.task import Batch, Phase, Task
from clbench.errors import StrategyError
from clbench.randomness import generator
from clbench.stack import Suspension, tensors

CONTINUAL_SAMPLES = 1000  # images a task when accuracy is followed within tasks (De Lange et al. 2023)


class Loop:
    """Trains and evaluates the members of a job, task by task."""

    def __init__(self, strategy: Strategy, probes: Probes, *, online: bool) -> None:
        self.strategy, self.probes = strategy, probes
        self.session = strategy.session
        self.book = self.session.book
        self.streams = strategy.session.streams
        self.protocol = strategy.protocol
        self.online = online or isinstance(self.protocol.stop_at, dict)
        self.suspension = Suspension(whole(strategy), strategy.members)
        device = strategy.device
        self.steps = torch.zeros(strategy.members, dtype=torch.int64, device=device)
        self.first_bad = torch.full_like(self.steps, -1)
        self.loss_sum = torch.zeros(strategy.members, dtype=torch.float64, device=device)
        self.loss_count = torch.zeros_like(self.loss_sum)
        self.online_right = torch.zeros_like(self.loss_sum)
        self.online_seen = torch.zeros_like(self.loss_sum)
        self.done_in_task = [0] * strategy.members
        self._active = torch.ones_like(self.steps, dtype=torch.bool)
        self.on_step: Callable[[float], None] = lambda fraction: None

    # ------------------------------------------------------------------ a task

    def untrained(self) -> None:
        """Row 0 of the accuracy matrix."""
        self.session.task = self.streams.tasks[0]
        self._evaluate(0)

    def task(self, task: Task) -> None:
        """Train one task and evaluate after it."""
        if not self.book.running:
            return
        self.session.task = task
        self._only(self.book.running)
        self._reset(task)
        self.strategy.begin_task(task)
        self._evaluate_before(task)
        started = time.perf_counter()
        self._clear_counts()
        phases = list(self.strategy.phases(task))
        for number, phase in enumerate(phases):
            self.session.phase = phase
            self._phase(task, phase, number, len(phases))
        if not self.book.running:
            return
        self._only(self.book.running)
        self.strategy.end_task(task)
        self._note_task(task, time.perf_counter() - started, trained=bool(phases))
        last = task.index == len(self.streams.tasks) - 1
        if self.strategy.evaluates == "tasks" or last:
            self._evaluate(task.index + 1)
        self._probe("task_end", task)
        if last:
            self._probe("run_end", task)
            self._costs()

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
            head = self.strategy.net.part("head")
            if self.protocol.head_reset == "zero":
                with torch.no_grad():
                    for value in head.parameters():
                        value.zero_()
            else:
                self.strategy.net.redraw(head.names, "head_reset", task.index)

    def _clear_counts(self) -> None:
        self.done_in_task = [0] * self.strategy.members
        for total in (self.loss_sum, self.loss_count, self.online_right, self.online_seen):
            total.zero_()

    def _note_task(self, task: Task, seconds: float, *, trained: bool) -> None:
        running, book = self.book.running, self.book
        book.train_seconds[:, task.index] = seconds / self.strategy.members
        if not trained:
            return
        loss = (self.loss_sum / self.loss_count).cpu().numpy()
        book.loss[running, task.index] = loss[running]
        if self.online:
            book.write(book.curves, "online_accuracy", self.online_right / self.online_seen, running)

    # ------------------------------------------------------------------ phases and epochs

    def _phase(self, task: Task, phase: Phase, number: int, phases: int) -> None:
        size = phase.batch_size or self.protocol.batch_size
        steps = phase.steps or (self.protocol.steps if phase.epochs is None else None)
        pools = [self.streams.pool(member, self._tasks(task, phase)) for member in range(self.strategy.members)]
        if not all(len(pool) for pool, _ in pools):
            raise StrategyError(f"task {task.index + 1}, phase {phase.name}: a member has no training samples")
        epochs = 1 if steps else phase.epochs if phase.epochs is not None else self.protocol.epochs
        totals = [steps or epochs * math.ceil(len(pool) / size) for pool, _ in pools]
        stopped: set[int] = set()
        self.done_in_task = [0] * self.strategy.members
        for epoch in range(epochs):
            taking = [member for member in self.book.running if member not in stopped]
            if not taking:
                break
            self._only(taking)
            self.strategy.begin_epoch(phase, epoch)
            self.online_right_epoch, self.online_seen_epoch = self.online_right.clone(), self.online_seen.clone()
            sizes, index, tasks = self._order(task, number, epoch, pools, steps * size if steps else None)
            plan = plan_epoch(sizes, size, taking, least=2 if size > 1 and self._has_batch_norm() else 1)
            for done, step in enumerate(plan):
                self._only(step.members)
                self._rates(totals)
                self._step(self._batch(index, tasks, step), task)
                self.on_step((number + (epoch + (done + 1) / len(plan)) / epochs) / phases)
            self._only(taking)
            self._strike_diverged()
            if not self.session.active:
                return
            self.strategy.end_epoch(phase, epoch)
            self._probe("epoch_end", task)
            stopped |= self._reached(task, taking)

    def _has_batch_norm(self) -> bool:
        strategy = self.strategy
        held = [vars(solo).get("net") for solo in strategy.solos[:1]] if isinstance(strategy, SoloRunner) else [strategy.net.module]
        return any(isinstance(child, _BatchNorm) for module in held if isinstance(module, nn.Module) for child in module.modules())

    def _tasks(self, task: Task, phase: Phase) -> Sequence[int]:
        return {"task": [task.index], "seen": range(task.index + 1), "all": range(len(self.streams.tasks))}[phase.data]

    def _order(
        self, task: Task, phase: int, epoch: int, pools: Sequence[tuple[Any, Any]], wanted: int | None
    ) -> tuple[list[int], Tensor, Tensor]:
        """How many samples each member has in this epoch, and which, in order: tables `[R, longest]` of samples and their tasks.

        `wanted` samples take as many rounds on end as they need. Rows of members with fewer are filled up; nobody trains on that.
        """
        rows = []
        for member, (pool, _) in zip(self.session.members, pools, strict=True):
            rounds = 1 if wanted is None else math.ceil(wanted / len(pool))
            orders = [generator(*member, "order", task.index, phase, epoch + extra).permutation(len(pool)) for extra in range(rounds)]
            rows.append(np.concatenate(orders)[:wanted])
        longest = max(len(row) for row in rows)
        index = np.stack([pool[np.resize(row, longest)] for (pool, _), row in zip(pools, rows, strict=True)])
        tasks = np.stack([of_task[np.resize(row, longest)] for (_, of_task), row in zip(pools, rows, strict=True)])
        device = self.strategy.device
        return [len(row) for row in rows], torch.from_numpy(index).to(device), torch.from_numpy(tasks).to(device)

    def _batch(self, index: Tensor, tasks: Tensor, step: Step) -> Batch:
        """The next samples of the members that take part; the others are shown samples of their own."""
        first = step.start[0]
        if all(start == first for start in step.start):
            window = slice(first, first + step.size)
            return self.session.fetch(index[:, window], tasks[:, window], augment=True)
        starts = torch.zeros(len(index), 1, dtype=torch.int64)
        starts[list(step.members), 0] = torch.tensor(step.start)
        places = (starts + torch.arange(step.size)).to(index.device)
        return self.session.fetch(index.gather(1, places), tasks.gather(1, places), augment=True)

    def _only(self, members: Sequence[int]) -> None:
        """Let exactly these members take part from here on."""
        if list(members) == self.session.active:
            return
        self.suspension.set_active(set(members))
        self.session.active = self.suspension.active
        if self.session.net is not None:
            self.session.net.active = None if len(members) == self.strategy.members else self.session.active
        self._active = torch.zeros_like(self.steps, dtype=torch.bool)
        self._active[self.session.active] = True

    # ------------------------------------------------------------------ a step

    def _step(self, batch: Batch, task: Task) -> None:
        if self.online:
            self._predict_first(batch, task)
        loss = self.strategy.observe(batch)
        active = self._active if len(self.session.active) < self.strategy.members else None
        self.steps += 1 if active is None else active
        for member in self.session.active:
            self.done_in_task[member] += 1
        if loss is not None:
            self._watch(loss, active)
        self._probe("step", task)
        every = self.protocol.evaluate["every"]
        if every and self.done_in_task[self.session.active[0]] % every == 0:
            self._follow(task)

    def _watch(self, loss: Tensor, active: Tensor | None) -> None:
        """Sum the losses and note the first that is not finite, all on the device."""
        if loss.shape != self.steps.shape:
            got, wanted = list(loss.shape), [self.strategy.members]
            raise StrategyError(f"{self.strategy.part_name}: the loss has shape {got}; one value a member, {wanted}, is wanted")
        bad = ~torch.isfinite(loss)
        if active is not None:
            loss, bad = torch.where(active, loss, 0.0), bad & active
        self.loss_sum += loss
        self.loss_count += 1 if active is None else active
        self.first_bad = torch.where(bad & (self.first_bad < 0), self.steps, self.first_bad)

    def _strike_diverged(self) -> None:
        """Once an epoch: members whose loss was not finite stop for good. Their state is cleared, so that nothing trips over it."""
        for member, step in enumerate(self.first_bad.tolist()):
            if step >= 0 and self.book.diverged_at[member] < 0:
                self._strike(member, step)
        self._only([member for member in self.session.active if self.book.diverged_at[member] < 0])

    def _strike(self, member: int, step: int) -> None:
        self.book.strike(member, step)
        for _, tensor in tensors(whole(self.strategy)):
            if tensor.dim() and tensor.shape[0] == self.strategy.members and tensor.is_floating_point():
                tensor.detach()[member].nan_to_num_(0.0, 0.0, 0.0)

    @torch.no_grad()
    def _predict_first(self, batch: Batch, task: Task) -> None:
        """Online accuracy: the prediction for a batch before the update."""
        with evaluating(self.strategy):
            right = (choice(self.strategy, predict(self.strategy, batch, task), batch) == batch.y).sum(1)
        active = self._active
        self.online_right += right * active
        self.online_seen += batch.size * active

    def _rates(self, totals: Sequence[int]) -> None:
        """The schedule's rate of every member, by how far it is in the task."""
        if self.protocol.schedule is None or self.protocol.schedule == "none":
            return
        factors = [schedule_factor(self.protocol.schedule, done / total) for done, total in zip(self.done_in_task, totals, strict=True)]
        base = next(iter(self.protocol.optimizer.values()))["lr"]
        rates = torch.tensor([base * factor for factor in factors], device=self.strategy.device)
        target = self.strategy if isinstance(self.strategy, SoloRunner) else self.session.optimizer
        if target is not None:
            target.set_lr(rates)

    # ------------------------------------------------------------------ looking

    def _reached(self, task: Task, taking: Sequence[int]) -> set[int]:
        """The members whose accuracy reached `stop_at`."""
        goal = self.protocol.stop_at
        if goal is None:
            return set()
        if isinstance(goal, dict):
            reached = (self.online_right - self.online_right_epoch) / (self.online_seen - self.online_seen_epoch) > goal["train"]
        else:
            reached = accuracy(self.strategy, task, "validation")[0] >= goal
        flags = reached.tolist()
        return {member for member in taking if flags[member]}

    def _columns(self, row: int) -> Sequence[int]:
        """The tasks that are evaluated after `row` tasks."""
        total, scope = len(self.streams.tasks), self.protocol.evaluate
        if scope["tasks"] == "all" or (row == 0 and scope["tasks"] != "last"):
            return range(total) if scope["tasks"] == "all" else range(1)
        first = {"seen": 0, "current": row - 1, "last": max(0, row - (scope["last"] or 1))}[scope["tasks"]]
        return range(first, max(row, 1))

    def _evaluate(self, row: int) -> None:
        running = self.book.running
        for column in self._columns(row):
            values, finite = accuracy(self.strategy, self.streams.tasks[column])
            shares, sound = values.cpu().numpy(), finite.tolist()
            for member in running:
                if not sound[member] and self.book.diverged_at[member] < 0:
                    self._strike(member, int(self.steps[member]))
                elif sound[member]:
                    self.book.accuracy[member, row, column] = shares[member]

    def _evaluate_before(self, task: Task) -> None:
        """The task's accuracy when its head exists and before it is trained: the row before, unless something may have changed since."""
        same = (
            not overrides(self.strategy, "begin_task") and self.protocol.head_reset == "never" and not isinstance(self.strategy, SoloRunner)
        )
        before = self.book.accuracy[:, task.index, task.index]
        if same and not np.isnan(before[self.book.running]).any():
            self.book.accuracy_before[:, task.index] = before
            return
        values = accuracy(self.strategy, task)[0].cpu().numpy()
        self.book.accuracy_before[self.book.running, task.index] = values[self.book.running]

    def _follow(self, task: Task) -> None:
        """Accuracy on the tasks so far, within a task."""
        row = torch.full((self.strategy.members, len(self.streams.tasks)), torch.nan, dtype=torch.float64)
        for index in range(task.index + 1):
            row[:, index] = accuracy(self.strategy, self.streams.tasks[index], "test", CONTINUAL_SAMPLES)[0].cpu()
        active, book = self.session.active, self.book
        book.write(book.curves, "continual_accuracy", row, active)
        book.write(book.curves, "continual_step", self.steps, active)
        book.write(book.curves, "continual_task", torch.full_like(self.steps, task.index + 1), active)

    def _probe(self, when: str, task: Task) -> None:
        for name, value in self.probes.ask(when, task):
            self.book.write(self.book.probes, name, value, self.session.active)

    def _costs(self) -> None:
        members = self.strategy.members
        network = self.session.net.parameters() if self.session.net is not None else []
        carried = [tensor for path, tensor in tensors(whole(self.strategy)) if path.startswith(".parts")]
        mine = {id(value) for value in network}
        share = sum(
            t.numel() * t.element_size() / (members if t.dim() and t.shape[0] == members else 1) for t in carried if id(t) not in mine
        )
        self.book.cost["parameters"] = [sum(value[0].numel() for value in network)] * members
        self.book.cost["state_bytes"] = [share] * members
        self.book.cost["peak_memory"] = [_peak_memory(self.strategy.device)] * members


def schedule_factor(schedule: Any, progress: float) -> float:
    """What the rate is multiplied with, `progress` (0..1) into a task."""
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    passed = sum(progress >= mark for mark in schedule["milestones"]["at"])
    factor: float = schedule["milestones"]["factor"]
    return float(factor**passed)


def _peak_memory(device: torch.device) -> float:
    """Bytes: the device allocator's peak, or the process's peak resident set on a CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    import resource

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024.0
