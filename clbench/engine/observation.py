"""What is measured while a job runs: accuracies, probe metrics, losses, costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from clbench.engine.best import BestWeights
from clbench.engine.cursor import Cursor
from clbench.engine.draws import DrawWatch
from clbench.engine.early import explain_missing
from clbench.engine.evaluate import accuracy
from clbench.engine.evaluations import Evaluations
from clbench.engine.fresh_start import MEMORY
from clbench.engine.keeping import Keeper
from clbench.engine.learner import Learner
from clbench.engine.participation import Participation
from clbench.engine.probes import Probes
from clbench.engine.task import Phase, Task


@dataclass(frozen=True)
class Followed:
    """What is measured beside accuracies, because a metric or the protocol asks for it."""

    online: bool = False  # the accuracy on each batch before the step that learns from it
    by_epoch: bool = False  # the same, epoch by epoch
    recency: bool = False  # how often the classes of the last task are predicted


class Observation:
    """Measures the members where the loop says so, and writes down what it finds."""

    def __init__(
        self,
        learner: Learner,
        participation: Participation,
        cursor: Cursor,
        probes: Probes,
        keeper: Keeper,
        follow: Followed,
    ) -> None:
        self.learner, self.participation, self.cursor = learner, participation, cursor
        self.session, self.measurements = learner.session, learner.session.measurements
        self.probes, self.keeper = probes, keeper
        self.follow = follow
        self.evaluations = Evaluations(learner, keeper, recency=follow.recency)
        self.best = BestWeights(learner)

    # ------------------------------------------------------------------ rows of the accuracy matrix

    def untrained(self, draws: DrawWatch) -> None:
        """Row 0."""
        # `predict` may ask for the task, and none has begun.
        self.session.task = self.session.streams.tasks[0]
        try:
            draws.run("predict", self._evaluate, 0)
        except AttributeError as missing:
            explain_missing(missing, self.learner)
            raise
        self.keeper.end_row(0, self.measurements.running)

    def before_task(self, task: Task) -> None:
        """The accuracy on a task whose head exists, before it is trained."""
        self.evaluations.before_task(task)
        self.best.begin_task()

    def after_task(self, task: Task) -> None:
        """Test, ask the probes, and count costs at the very end."""
        last = task.index == len(self.session.streams.tasks) - 1
        is_tested = last or self.learner.tests_after(task.index)
        if is_tested:
            self._evaluate(task.index + 1)
        if not self.measurements.running:
            return
        self.keeper.end_row(task.index + 1, self.measurements.running)
        self.probe("task_end", task, means_something=is_tested)
        if last:
            self.probe("run_end", task)
            self._count_costs()

    def _evaluate(self, row: int) -> None:
        self.participation.show_suspended()
        for member in self.evaluations.after_tasks(row):
            # At the steps it had done: a NaN in a test has no step of its own.
            self.participation.mark_diverged(member, int(self.measurements.steps[member]))
        self.participation.set_active(self.measurements.running)

    # ------------------------------------------------------------------ within a task

    def after_step(self, task: Task) -> None:
        """What is measured between two steps, if anything is."""
        if self.probes.in_steps:
            self.probe("step", task)
        every = self.session.protocol.evaluate["every"]
        if not every:
            return
        # `[R]`, of the phase.
        done = self.cursor.done
        if due := [member for member in self.session.active if done[member] % every == 0]:
            with self.cursor.stopped_clock():
                self.evaluations.within_task(task, due)

    def after_epoch(self, task: Task, phase: Phase, taking: Sequence[int]) -> set[int]:
        """What an epoch came to; the members whose accuracy reached `stop_at`."""
        if self.follow.by_epoch:
            right = self.cursor.online.of_epoch()
            self.measurements.write(
                self.measurements.curves, "train_accuracy", right, self.session.active
            )
        self.probe("epoch_end", task)
        if not phase.stop:
            return set()
        self.best.look(task, phase, self.session.active)
        return self.reached(task, taking)

    def reached(self, task: Task, taking: Sequence[int]) -> set[int]:
        """The members whose accuracy reached `stop_at`."""
        self.participation.show_suspended()
        goal = self.session.protocol.stop_at
        if goal is None:
            return set()
        if isinstance(goal, dict):  # on training data
            reached = self.cursor.online.of_epoch() >= goal["train"]
        else:
            reached = accuracy(self.learner, task, "validation")[0] >= goal
        flags = reached.tolist()
        return {member for member in taking if flags[member]}

    def restore_best(self) -> None:
        """`restore: best`; the curve `restored_epoch` says which epoch of each task that was."""
        running = self.measurements.running
        epochs = self.best.give_back(running)
        if epochs is not None:
            self.measurements.write(self.measurements.curves, "restored_epoch", epochs, running)

    def note_training(self, task: Task) -> None:
        """How long the task's training took, its mean loss, and its online accuracy."""
        running, measurements, cursor = self.measurements.running, self.measurements, self.cursor
        # The stack trains as one: each member has its share of the time.
        measurements.train_seconds[:, task.index] = cursor.read_clock() / self.learner.members
        if not cursor.phases:
            return
        measurements.loss[running, task.index] = cursor.losses.means()[running]
        if self.follow.online:
            measurements.write(
                measurements.curves, "online_accuracy", cursor.online.of_task(), running
            )

    # ------------------------------------------------------------------ probes and costs

    def probe(self, when: str, task: Task, means_something: bool = True) -> None:
        """Ask the probe metrics that measure now.

        Of a network that is not yet what the method makes of the task, nothing is kept.
        """
        if not self.probes.due(when):
            return
        if when != "step":
            self.participation.show_suspended()
        with self.cursor.stopped_clock():
            for name, value in self.probes.ask(when, task):
                if not means_something:
                    # A row of NaN keeps the curve's positions those of the tasks.
                    value = torch.full(value.shape, torch.nan, dtype=torch.float64)
                self.measurements.write(self.measurements.probes, name, value, self.session.active)

    def _count_costs(self) -> None:
        learner, measurements = self.learner, self.measurements
        measurements.count_cost(
            "parameters", [float(count) for count in learner.trained_parameters()]
        )
        measurements.count_cost("state_bytes", learner.carried_bytes())
        measurements.count_cost("device_bytes", learner.tensor_bytes())
        measurements.cost["peak_memory"] = [_peak_memory(learner.device)] * learner.members


def _peak_memory(device: torch.device) -> float:
    """Bytes: the device allocator's peak.

    On a CPU, what the process grew by since the job began.
    """
    if device.type == "cuda":
        # Of the whole stack; not divided, for it is what the device needs.
        return float(torch.cuda.max_memory_allocated(device))
    return MEMORY.peak()
