"""What a job measures on test sets, and keeps: after tasks, before each, and within them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from clbench.engine.curves import Curve
from clbench.engine.evaluate import accuracy, evaluate
from clbench.engine.keeping import Keeper
from clbench.engine.learner import Learner
from clbench.engine.measurements import Measurements
from clbench.engine.recency import NOTE, Recency
from clbench.engine.task import Task

# Images a task when accuracy is followed within tasks (De Lange et al. 2023).
CONTINUAL_SAMPLES = 1000


class Evaluations:
    """Evaluates the members of a job and writes down what was found."""

    def __init__(self, learner: Learner, keeper: Keeper, *, recency: bool = False) -> None:
        self.learner, self.keeper, self.recency = learner, keeper, recency
        self.measurements: Measurements = learner.session.measurements
        self.tasks = learner.session.streams.tasks

    def after_tasks(self, row: int) -> list[int]:
        """Test what the protocol asks for after so many tasks; the members that predicted NaN."""
        measurements, broken = self.measurements, set[int]()
        # Columns are tasks tested, rows the number of tasks trained before.
        for column in measurements.accuracies.tested[row]:
            watch = self.keeper.prediction_sinks(column)
            recency = Recency(self.tasks[row - 1]) if self.recency and row else None
            if recency is not None:
                watch.append(recency.watch)
            found = evaluate(self.learner, self.tasks[column], watch=watch)
            shares, finite = found.accuracy.cpu().numpy(), found.finite.tolist()
            # Once NaN in any test, out of all that follow, this row included.
            broken |= {member for member in measurements.running if not finite[member]}
            sound = [member for member in measurements.running if member not in broken]
            # Members that are not sound keep NaN here: not measured.
            measurements.accuracies.at(row, column)[sound] = shares[sound]
            measurements.write_notes(row, column, found.notes, sound)
            if recency is not None:
                measurements.write_notes(row, column, {NOTE: recency.bias()}, sound)
        return sorted(broken)

    def before_task(self, task: Task) -> None:
        """The task's accuracy when its head exists and before it is trained.

        That is the row before, unless something may have changed since.
        """
        # Row `index` of the table: after `index` tasks, so before this one was trained.
        before = self.measurements.accuracies.at(task.index, task.index)
        running = self.measurements.running
        if not self._may_have_changed() and not np.isnan(before[running]).any():
            self.measurements.accuracy_before[:, task.index] = before
            return
        values = accuracy(self.learner, task)[0].cpu().numpy()
        self.measurements.accuracy_before[running, task.index] = values[running]

    def _may_have_changed(self) -> bool:
        learner, protocol = self.learner, self.learner.protocol
        # Which outputs compete may follow from the task at hand, and that was another one before.
        if learner.scenario.setting == "class" and protocol.logits["evaluate"] != "all":
            return True
        # Two evaluations of such a method may differ.
        if learner.draws_globally or protocol.head_reset != "never":
            return True
        return learner.overrides("begin_task") or learner.overrides("begin_evaluation")

    def within_task(self, task: Task, due: list[int]) -> None:
        """Accuracy, and what the strategy notes, as curves:
        on the tasks so far that are tested after this one.
        """
        measurements, steps = self.measurements, torch.from_numpy(self.measurements.steps)
        rows = {name: self._nothing() for name in self.followed}
        tested = measurements.accuracies.tested[task.index + 1]
        # In a short row the last place is the task's own.
        # A row has a place for each task, or just for the last few tested.
        shift = 0 if self.width == len(self.tasks) else self.width - 1 - task.index
        for index in range(tested.start, task.index + 1):
            # The first `CONTINUAL_SAMPLES` of the test set, always the same ones.
            found = evaluate(self.learner, self.tasks[index], "test", CONTINUAL_SAMPLES)
            for name, value in {"accuracy": found.accuracy, **found.notes}.items():
                rows.setdefault(name, self._nothing())[:, index + shift] = value.cpu()
        for name, row in rows.items():
            self._catch_up(f"continual_{name}")
            measurements.write(measurements.curves, f"continual_{name}", row, due)
        measurements.write(measurements.curves, "continual_step", steps, due)
        measurements.write(
            measurements.curves, "continual_task", torch.full_like(steps, task.index + 1), due
        )

    @property
    def width(self) -> int:
        """Of a row of accuracies within tasks: a place
        for every task, or for those tested at a time.
        """
        scope = self.learner.protocol.evaluate["tasks"]
        if scope in ("all", "seen"):
            return len(self.tasks)
        return min(self.learner.protocol.evaluate["last"] or 1, len(self.tasks))

    def _nothing(self) -> Tensor:
        return torch.full((self.learner.members, self.width), torch.nan, dtype=torch.float64)

    @property
    def followed(self) -> list[str]:
        """What has been measured within tasks so far, accuracy and notes."""
        curves = self.measurements.curves
        return [
            name for name in ("accuracy", *self.measurements.notes) if f"continual_{name}" in curves
        ]

    def _catch_up(self, name: str) -> None:
        """Fill a note that is taken for the first time up to where the other curves are."""
        steps = self.measurements.curves.get("continual_step")
        if steps is None or name in self.measurements.curves:
            return
        members, longest = len(steps.lengths), int(steps.lengths.max())
        curve = self.measurements.curves[name] = Curve(members, 1)
        # NaN where the note was not yet taken, so that positions match the steps'.
        curve.extend(np.full((members, longest, self.width), np.nan), steps.lengths)
