"""What trains: one step of all members that take part."""

from __future__ import annotations

from torch import Tensor

from clbench.engine.cursor import Cursor
from clbench.engine.draws import DrawWatch
from clbench.engine.features import FrozenBody
from clbench.engine.graphs import Steps
from clbench.engine.learner import Learner
from clbench.engine.online import OnlinePredictions
from clbench.engine.participation import Participation
from clbench.engine.task import Batch


class Training:
    """Takes the steps, as they are or from device graphs, and counts what each member did."""

    def __init__(
        self,
        learner: Learner,
        participation: Participation,
        cursor: Cursor,
        draws: DrawWatch,
        *,
        online: bool,
        graphs: str,
        workers: int,
    ) -> None:
        self.learner, self.session = learner, learner.session
        self.participation, self.cursor, self.draws = participation, cursor, draws
        self.online = online
        self.online_predictions = OnlinePredictions(learner, cursor.online)
        self.frozen = FrozenBody(learner, workers)
        self.steps = Steps(learner, self.training_step, graphs)

    def step(self, samples: Tensor) -> None:
        """Train on these samples `[3, R, B]`, and count."""
        # Watched in the first steps of a task: a draw from a global generator is an error.
        loss = self.draws.run("observe", self.steps, samples)
        cursor, measurements, active = self.cursor, self.session.measurements, self.session.active
        if self.online:
            # All rows count: padding exists outside training only.
            cursor.online.count(samples.shape[2], active)
        if loss is not None:
            # Left on the device; divergence is seen at the end of the epoch.
            cursor.losses.note(loss, active, measurements.steps, self.learner.part_name)
        # A slice where all take part: no index in the usual case.
        rows = slice(None) if len(active) == self.learner.members else active
        measurements.steps[rows] += 1
        cursor.done[rows] += 1

    def training_step(self, samples: Tensor) -> Tensor | None:
        """One training step; on a GPU, the function that is captured in a device graph.

        From samples `[3, R, B]` (index, task and label of each) to the losses `[R]`, or None. A
        fourth row says where their features are, in a phase whose body is frozen.
        """
        index, tasks, y = samples[:3].unbind()
        # Labels were looked up for the whole epoch at once.
        batch = self.session.fetch(index, tasks, augment=True, y=y)
        with self.frozen.step(batch.x, samples):
            return self._observe(batch, tasks)

    def _observe(self, batch: Batch, tasks: Tensor) -> Tensor | None:
        # From here on the network's first forward over this batch is the step's own.
        self.session.clock.begin_step(batch.x)
        if self.online:
            self.online_predictions.begin_step(batch, self.participation.rows)
        outputs, phase = self.session.outputs, self.session.phase
        # Buffers and pools of several tasks: which outputs take part is seen from the loss.
        own = phase is None or phase.data == "task"
        outputs.begin_step(tasks, self.learner.task.index, own)
        loss = self.learner.observe(batch)
        outputs.end_step()
        self.online_predictions.end_step()
        return loss

    def forget_graphs(self) -> None:
        """A step reads other tensors from here on than those that graphs were captured with."""
        self.steps.forget()
