"""`restore: best`: at a task's end each member gets
the weights back that were best on held-out data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from clbench.engine.evaluate import accuracy
from clbench.engine.learner import Learner
from clbench.engine.phases import tasks_of
from clbench.engine.task import Phase, Task
from clbench.errors import StrategyError
from clbench.stack import Stateful


class BestWeights(Stateful):
    """Each member's parameters and buffers after its best epoch of the task so far.

    Optimisers, and what else a method carries, go on from where they are.
    """

    wiring = frozenset({"learner"})

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.wanted = learner.protocol.restore == "best"
        self.begin_task()
        if self.wanted:
            self._tensors(0)  # a method without a network is told at once

    def begin_task(self) -> None:
        """Nothing of the task before is kept."""
        members = self.learner.members
        self.kept: dict[int, dict[str, Tensor]] = {}  # by member
        # Below any accuracy, so that the first epoch is always better.
        self.accuracy = np.full(members, -1.0)
        self.epoch = np.zeros(members, dtype=np.int64)  # in which that was, from 1
        self.epochs = np.zeros(members, dtype=np.int64)  # that were looked at

    def look(self, task: Task, phase: Phase, members: Sequence[int]) -> None:
        """Keep the weights of these members that are better than ever.

        Of equal ones the earlier.
        """
        if not self.wanted or not members:
            return
        found = self._held_out(task, phase)
        self.epochs[list(members)] += 1
        for member in members:
            # A member without held-out samples has NaN, which is no better than anything.
            if found[member] > self.accuracy[member]:
                self.accuracy[member] = found[member]
                self.epoch[member] = self.epochs[member]
                current = self._tensors(member)
                self.kept[member] = {name: value.clone() for name, value in current.items()}

    @torch.no_grad()
    def give_back(self, members: Sequence[int]) -> Tensor | None:
        """Put the best weights into the networks of these members.

        Which epochs these were, `[R]`.
        """
        if not self.kept:
            return None
        for member in members:
            kept = self.kept.get(member, {})
            for name, value in self._tensors(member).items():
                if name in kept:
                    # In place: optimisers and graphs hold these very tensors.
                    value.copy_(kept[name])
        epochs = torch.from_numpy(self.epoch.copy())
        self.begin_task()
        return epochs

    def _held_out(self, task: Task, phase: Phase) -> np.ndarray:
        """`[R]`: the accuracy on what was held out of the tasks that the phase trains on."""
        streams = task.streams
        tasks: Sequence[int] = [task.index]
        if isinstance(phase.data, str):
            tasks = tasks_of(phase.data, task.index, streams.layout)
        right = np.zeros(self.learner.members)
        total = np.zeros(self.learner.members)
        for index in tasks:
            sizes = np.array(streams.sizes(index, "validation"))
            share, _ = accuracy(self.learner, streams.tasks[index], "validation")
            # Share times number: tasks of unequal size count by their samples.
            right += np.nan_to_num(share.cpu().numpy()) * sizes
            total += sizes
        # NaN for a member without held-out samples; the maximum keeps 0 / 0 silent.
        return np.where(total > 0, right / np.maximum(total, 1), np.nan)

    def _tensors(self, member: int) -> Mapping[str, Tensor]:
        """A member's parameters and buffers, in place."""
        found = self.learner.weights(member)
        if found is not None:
            return found
        name = self.learner.part_name
        raise StrategyError(
            f"{name} has no network of its own whose weights could be restored; leave"
            f" restore out for it: {{{name}: {{protocol: {{restore: never}}}}}}"
        )
