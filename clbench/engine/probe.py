"""What a probe metric is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor

from clbench.engine import evaluate
from clbench.engine.learner import Learner
from clbench.engine.stack_view import sample_cross_entropy
from clbench.engine.strategy import Strategy
from clbench.engine.task import Batch, Split, Task
from clbench.randomness import key
from clbench.stack import Noise, Stack

Found = TypeVar("Found")


@dataclass(frozen=True)
class Probe:
    """What `ProbeMetric.measure` is given.

    `x` and `y` are a fixed batch of the task's training samples.

    `memory` is the metric's own: what it keeps from one measurement to the next. It is part of
    checkpoints.
    """

    net: Stack
    strategy: Strategy
    task: Task
    x: Tensor
    y: Tensor
    name: str = ""
    memory: dict[str, Any] = field(default_factory=dict)
    trained: Learner | None = None  # what the engine trains, whatever `strategy` shows of it
    found: dict[Hashable, Any] = field(default_factory=dict)  # by metrics asked before, see `once`

    def rng(self, name: str = "") -> Noise:
        """The members' own random numbers for this metric, as `Strategy.rng`.

        The same whenever it measures within a task.
        """
        members, stream = self.task.streams.members, f"probe/{self.name}/{name}"
        # By task, not by how often it was asked: the same draws at a resume.
        keys = [key(*member, stream, self.task.index) for member in members]
        return Noise(keys, device=self.x.device)

    def data(
        self, split: Split, tasks: str | Sequence[int] = "seen", n: int | None = None
    ) -> Iterator[Batch]:
        """Samples of these tasks (`tasks` says which there are), at most `n` of each, in batches.

        `valid` marks the rows that count.
        """
        streams = self.task.streams
        size = streams.chunk(split) if n is None else min(n, streams.chunk(split))
        for index in self.tasks(tasks):
            yield from streams.batches(streams.tasks[index], split, size, n)

    def tasks(self, which: str | Sequence[int] = "seen") -> Sequence[int]:
        """The tasks with every sample `seen`, `unseen`, of `all`
        or `current`, counted from 0; others are those given.

        Where tasks are nested, those seen are the last one's.
        """
        if not isinstance(which, str):
            return which
        index, layout = self.task.index, self.task.streams.layout
        named = {
            "seen": layout.seen(index),
            "unseen": [task for task in layout.every if task > index],
            "all": layout.every,
            "current": [index],
        }
        return named[which]

    def classes(self, tasks: str | Sequence[int] = "seen") -> Tensor:
        """`[R, classes]`: which outputs belong to any of these tasks."""
        # `[R, tasks, classes]`.
        owned: Tensor = self.task.streams.owned[:, list(self.tasks(tasks))]
        return owned.any(1)

    def losses(self, logits: Tensor, batch: Batch) -> Tensor:
        """`[R, B]`: each sample's cross-entropy on the logits
        that are trained; 0 of rows that do not count.
        """
        # As the trained step masks them, by each sample's own task.
        masked = self._trained().masked(logits, batch.tasks)
        return sample_cross_entropy(masked, batch.y).where(batch.weights, 0.0)

    def predict(self, batch: Batch) -> Tensor:
        """`[R, B, classes]`: what the strategy predicts, as it
        is evaluated: -inf where an output does not count.
        """
        ask = self.strategy.predict
        logits = evaluate.predict(self._trained(), batch, batch.task, ask)
        return evaluate.masked(self._trained(), logits, batch)

    def once(self, work: Callable[..., Found], *args: Hashable) -> Found:
        """`work(probe, *args)`, done once for all metrics
        that ask for it at this time; nobody writes to it.
        """
        # The function itself is part of the key, so two metrics' names cannot clash.
        asked = (work, *args)
        if asked not in self.found:
            self.found[asked] = work(self, *args)
        found: Found = self.found[asked]
        return found

    def _trained(self) -> Learner:
        return self.strategy.session.learner if self.trained is None else self.trained
