"""The members of a job seen as a stack: who takes part, what they are shown, how well they do."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from clbench.engine.context import InSession
from clbench.engine.task import Batch, Split, Task, member_mean
from clbench.stack.members import beside


class StackView(InSession):
    """What methods and probe metrics ask of all members at once, whoever trains them."""

    @property
    def members(self) -> int:
        """R."""
        return len(self.session.members)

    @property
    def active(self) -> Tensor:
        """`[R]` bool, on the device: which members take part now.

        The others have stopped early, diverged, or no samples left.
        """
        return self.session.takes_part

    @property
    def steps_taken(self) -> NDArray[np.int64]:
        """`[R]`, on the host: the training steps each
        member has behind it, without the one under way.
        """
        return self.session.measurements.steps.copy()

    def completing(self, period: int) -> list[int]:
        """The members that complete a multiple of `period`
        steps with the step under way, on the host.
        """
        steps = self.session.measurements.steps
        # With the step under way.
        return [member for member in self.session.active if (steps[member] + 1) % period == 0]

    def by_agent(self, tensor: Tensor) -> Tensor:
        """`[R, ...]` seen as `[seeds, agents, ...]`.

        What sits out is in it (`self.active` tells, `agent_mean` leaves it out).
        """
        # Members lie seed by seed, the agents of a seed beside each other.
        return tensor.view(-1, self.scenario.agents, *tensor.shape[1:])

    def agent_mean(self, tensor: Tensor, weights: Tensor | None = None) -> Tensor:
        """`[R, ...]` -> `[seeds, ...]`: the mean over each seed's agents
        that take part and are finite, weighted by `[R]`; 0 where none is.

        Added up agent by agent, so that the number of seeds cannot change the order of a sum.
        """
        counted = self.active & tensor.isfinite().reshape(self.members, -1).all(1)
        ones = torch.ones(self.members, device=self.device, dtype=tensor.dtype)
        share = torch.where(counted, ones if weights is None else weights.to(tensor.dtype), 0.0)
        share = beside(share, tensor)
        # 0 times NaN is NaN: what does not count is left out, not multiplied away.
        part = torch.where(share != 0, tensor * share, 0.0)
        total = functools.reduce(torch.add, self.by_agent(part).unbind(1))
        weight = functools.reduce(torch.add, self.by_agent(share).unbind(1))
        return total / torch.where(weight != 0, weight, 1.0)

    def fetch(
        self, index: Tensor, tasks: Tensor, augment: bool = False, valid: Tensor | None = None
    ) -> Batch:
        """Training samples `[R, B]` by index and task, as `observe`
        would see them: what a buffer of indices replays.
        """
        return self.session.fetch(index, tasks, augment, valid)

    def labels_of(self, index: Tensor, tasks: Tensor) -> Tensor:
        """`[R, B]`: the labels of training samples as each member's
        tasks name them; -1 where a task has not the class.
        """
        return self.session.streams.labels_of(index, tasks)

    def masked(self, logits: Tensor, tasks: Tensor, using: str | None = None) -> Tensor:
        """Logits with -inf where an output does not compete for samples of these tasks.

        That is what the setting and the protocol's `logits` say.
        """
        return self.session.masked(logits, tasks, using)

    def cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        """`[R]`: each member's mean over the batch, on the setting's logits."""
        # `using` of None: what the protocol says of training.
        logits = self.session.masked(logits, batch.tasks, None, batch.valid)
        return member_cross_entropy(logits, batch.y, batch.valid)

    def accuracy(
        self,
        task: Task,
        split: Split = "validation",
        member_predict: Callable[[Tensor, Task | None], Tensor] | None = None,
    ) -> Tensor:
        """`[R]`: each member's share of right answers on a task,
        as the engine would find it, in evaluation mode.

        `member_predict(x, task)` predicts in place of `predict`: other parameters, a candidate,
        another head.
        """
        from clbench.engine.evaluate import evaluate

        task.check_open(split)
        learner = self.session.learner
        return evaluate(learner, task, split, member_predict=member_predict).accuracy


def member_cross_entropy(logits: Tensor, y: Tensor, valid: Tensor | None = None) -> Tensor:
    """`[R, B, C]`, `[R, B]` -> `[R]`: the mean cross-entropy of each member's rows that count."""
    return member_mean(sample_cross_entropy(logits, y), valid)


def sample_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """`[R, B, C]`, `[R, B]` -> `[R, B]`: the cross-entropy of each sample."""
    # One call over `[R * B, C]`; each row's own loss, so that R cannot change a sum.
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
