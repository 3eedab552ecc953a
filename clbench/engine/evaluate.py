"""Accuracy of every member on a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from clbench.engine.learner import Learner
from clbench.engine.look import Images, Look
from clbench.engine.task import Batch, Split, Task
from clbench.errors import StrategyError

Predict = Callable[[Tensor, Task | None], Tensor]
Watch = Callable[[Tensor, Batch], None]


@dataclass(frozen=True)
class Evaluation:
    """What a test set was found to be.

    `accuracy [R]` are shares of right answers in float64, NaN where a member has no samples;
    `finite [R]` says whether none of its outputs was NaN; `notes` are what the strategy noted,
    `[R]` each.
    """

    accuracy: Tensor
    finite: Tensor
    notes: dict[str, Tensor]


@contextmanager
def evaluating(learner: Learner, task: Task | None = None) -> Iterator[dict[str, Tensor]]:
    """The network in evaluation mode, every part of it, then as before; gives what is noted.

    `task` is the one whose images are looked at, where they are of one.
    """
    session = learner.session
    noted, tested = session.noted, session.tested
    # Which task's images are predicted, for methods that may know it.
    session.noted, session.tested = {}, None if task is None else task.index
    try:
        with learner.evaluation_mode(nested=noted is not None):
            yield session.noted
    finally:
        # Evaluations nest: a probe may evaluate within one.
        session.noted, session.tested = noted, tested


def accuracy(
    learner: Learner, task: Task, split: Split = "test", limit: int | None = None
) -> tuple[Tensor, Tensor]:
    """An evaluation's `accuracy` and `finite`."""
    found = evaluate(learner, task, split, limit)
    return found.accuracy, found.finite


@torch.no_grad()
def evaluate(
    learner: Learner,
    task: Task,
    split: Split = "test",
    limit: int | None = None,
    watch: Sequence[Watch] = (),
    member_predict: Predict | None = None,
) -> Evaluation:
    """Predict a task's test set, or its validation set; `limit` samples of each member.

    Each `watch` is shown the classes chosen and the batch, one after the other. `member_predict`
    predicts in place of the learner.
    """
    session, streams = learner.session, task.streams
    size = streams.chunk(split)
    # Counts up to 2^53 are exact, and the quotient is the share itself.
    right = torch.zeros(learner.members, dtype=torch.float64, device=learner.device)
    total = torch.zeros_like(right)
    broken = torch.zeros(learner.members, dtype=torch.bool, device=learner.device)
    start = 0
    with evaluating(learner, task) as notes:
        if "begin_evaluation" in session.overridden and member_predict is None:
            learner.begin_evaluation(Look(session, task, split, size, limit))
        for batch in streams.batches(task, split, size, limit):
            # Who predicts in the strategy's place is asked about no test set that it has looked at.
            place = start if member_predict is None else None
            logits = predict(learner, batch, task, member_predict, place)
            start += batch.size
            assert batch.valid is not None
            chosen = choice(learner, logits, batch)
            # Rows behind a member's last sample are padding.
            right += ((chosen == batch.y) & batch.valid).sum(1)
            total += batch.valid.sum(1)
            # One NaN output is enough: the member has diverged.
            broken |= logits.isnan().flatten(1).any(1)
            for look_on in watch:
                look_on(chosen, batch)
    # NaN where there was no sample.
    return Evaluation(right / torch.where(total > 0, total, torch.nan), ~broken, notes)


def predict(
    learner: Learner,
    batch: Batch,
    task: Task,
    member_predict: Predict | None = None,
    start: int | None = None,
) -> Tensor:
    """The strategy's logits, of the shape the contract wants.

    It is told the task where the setting tells it.

    `start` is the batch's place in the test set that the strategy has looked at.
    """
    ask = member_predict or learner.predict
    with _asking(learner, Images(batch.x, batch.weights, start)):
        logits = ask(batch.x, task if learner.scenario.setting == "task" else None)
    wanted = (learner.members, batch.size, learner.scenario.classes)
    if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted:
        got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise StrategyError(
            f"{learner.part_name}.predict returned {got}; [members, batch, classes] ="
            f" {list(wanted)} is wanted"
        )
    return logits


@contextmanager
def _asking(learner: Learner, images: Images) -> Iterator[None]:
    """Let the strategy know which images it is asked about."""
    session = learner.session
    before, session.asked = session.asked, images
    try:
        yield
    finally:
        session.asked = before


def choice(learner: Learner, logits: Tensor, batch: Batch) -> Tensor:
    """The class each sample is given, among the outputs that the setting and the protocol leave."""
    # Of equal logits the first, as torch has it.
    return masked(learner, logits, batch).argmax(2)


def masked(learner: Learner, logits: Tensor, batch: Batch) -> Tensor:
    """Logits with -inf where the setting and the protocol leave an output out of evaluations."""
    using, tasks = learner.protocol.logits["evaluate"], batch.tasks
    if (
        using == "current" and learner.scenario.setting == "class"
    ):  # the task being trained, not the one each sample is from
        tasks = torch.full_like(tasks, learner.task.index)
    return learner.masked(logits, tasks, using=using)
