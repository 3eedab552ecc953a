"""What trains: one step of all members that take part."""

from __future__ import annotations

from torch import Tensor

from clbench.engine.draws import DrawWatch
from clbench.engine.features import FrozenBody
from clbench.engine.graphs import Steps
from clbench.engine.learner import Learner
from clbench.engine.online import OnlinePredictions
from clbench.engine.participation import Participation
from clbench.engine.place import Place
from clbench.engine.task import Batch


class Training:
    """Takes the steps, as they are or from device graphs, and counts what each member did."""

    def __init__(
        self,
        learner: Learner,
        participation: Participation,
        place: Place,
        draws: DrawWatch,
        *,
        online: bool,
        graphs: str,
        workers: int,
    ) -> None:
        self.learner, self.session = learner, learner.session
        self.participation, self.place, self.draws = participation, place, draws
        self.online = online
        self.online_predictions = OnlinePredictions(learner, place.online)
        self.frozen = FrozenBody(learner, workers)
        self.steps = Steps(learner, self.training_step, graphs)

    def step(self, samples: Tensor) -> None:
        """Train on these samples `[3, R, B]`, and count."""
        loss = self.draws.run("observe", self.steps, samples)
        place, book, active = self.place, self.session.book, self.session.active
        if self.online:
            place.online.count(samples.shape[2], active)
        if loss is not None:
            place.losses.note(loss, active, book.steps, self.learner.part_name)
        rows = slice(None) if len(active) == self.learner.members else active
        book.steps[rows] += 1
        place.done[rows] += 1

    def training_step(self, samples: Tensor) -> Tensor | None:
        """One training step; on a GPU, the function that is captured in a device graph.

        From samples `[3, R, B]` (index, task and label of each) to the losses `[R]`, or None. A
        fourth row says where their features are, in a phase whose body is frozen.
        """
        index, tasks, y = samples[:3].unbind()
        batch = self.session.fetch(index, tasks, augment=True, y=y)
        with self.frozen.step(batch.x, samples):
            return self._observe(batch, tasks)

    def _observe(self, batch: Batch, tasks: Tensor) -> Tensor | None:
        self.session.clock.begin_step(batch.x)
        if self.online:
            self.online_predictions.begin_step(batch, self.participation.rows)
        outputs, phase = self.session.outputs, self.session.phase
        own = phase is None or phase.data == "task"
        outputs.begin_step(tasks, self.learner.task.index, own)
        loss = self.learner.observe(batch)
        outputs.end_step()
        self.online_predictions.end_step()
        return loss

    def forget_graphs(self) -> None:
        """A step reads other tensors from here on than those that graphs were captured with."""
        self.steps.forget()
