"""A buffer in which every task has room of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.engine.buffer import Buffer
from clbench.engine.ranks import rank_within
from clbench.engine.task import Batch, Samples
from clbench.errors import StrategyError

if TYPE_CHECKING:
    from clbench.engine.strategy import Strategy


class TaskQuotaBuffer(Buffer):
    """`memory` samples in equal parts for the tasks of
    the stream, in each a uniform sample of its task.

    The part of a task, `quota` samples, is a reservoir (Vitter 1985) of what was shown of it. Room
    for tasks that have not come stays empty.
    """

    def __init__(
        self,
        owner: Strategy,
        memory: int | str,
        extra: Mapping[str, Sequence[int]] | None = None,
        *,
        beside: float = 0,
        name: str = "task_quota",
    ) -> None:
        super().__init__(owner, memory, extra, beside=beside, name=name)
        tasks = owner.scenario.tasks
        # Equal parts from the start: methods that know the number of tasks divide so.
        self.quota = self.size // tasks
        if self.quota == 0:
            raise StrategyError(
                f"{owner.part_name}: memory for {self.size} samples has none for each of {tasks}"
                f" tasks; give it room for {tasks} samples at least"
            )
        self.seen = torch.zeros(owner.members, tasks, dtype=torch.int64, device=owner.device)

    @property
    def of_tasks(self) -> Tensor:
        """`[R, tasks]`: how many samples each member has of each task."""
        return self.seen.clamp(max=self.quota)

    @property
    def filled(self) -> Tensor:
        return self.of_tasks.sum(1)

    @property
    def occupied(self) -> Tensor:
        # `[R, tasks, quota]`: the first places of each part are filled first.
        within = torch.arange(self.quota, device=self.index.device) < self.of_tasks[..., None]
        # Places that the division leaves over.
        spare = self.size - self.quota * self.seen.shape[1]
        return torch.nn.functional.pad(within.flatten(1), (0, spare))

    def place_of(self, number: Tensor) -> Tensor:
        counts = self.of_tasks
        ends = counts.cumsum(1)
        # The part in which the sample of this number lies, counted through all parts.
        task = torch.searchsorted(ends, number.contiguous(), right=True)
        task = task.clamp(max=counts.shape[1] - 1)  # of who has no sample at all
        # Its part's beginning, and its number within the part.
        return task * self.quota + number - (ends - counts).gather(1, task)

    def add(self, batch: Batch, **extra: Tensor) -> None:
        counted, tasks = batch.weights, batch.tasks
        # Its number among all samples of its task, from 0.
        number = self.seen.gather(1, tasks) + rank_within(tasks, counted)
        # Vitter's algorithm R: j uniform in 0..n, kept if j lies in the part.
        drawn = self.noise.integers(number + 1, batch.size)
        within = torch.where(number < self.quota, number, drawn)
        kept = counted & (within < self.quota)
        places = torch.where(kept, tasks * self.quota + within, self.size)
        self.put(self.last_of_each(places), batch, **extra)
        self.seen.scatter_add_(1, tasks, counted.long())

    def task_samples(self, index: int) -> Samples:
        """All that it holds of one task:
        `fetch(samples.index, samples.tasks, valid=samples.valid)`.
        """
        part = slice(index * self.quota, (index + 1) * self.quota)
        return Samples(self.index[:, part], self.tasks[:, part], self.occupied[:, part])
