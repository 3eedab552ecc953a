"""What a method may see of a test set before it is predicted: its images, never its labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from clbench.engine.session import Session
from clbench.engine.task import Batch, Split, Task
from clbench.errors import StrategyError


@dataclass(frozen=True)
class Images:
    """Images alone, `x [R, B, ...]`, and which rows count, `valid [R, B]`.

    `start` is the place of the first row among all rows of the look that they are from; None
    outside of a look, where a metric asks for predictions.
    """

    x: Tensor
    valid: Tensor
    start: int | None = None


class Look:
    """A test set, or a validation set, as a whole: what `begin_evaluation` is given.

    `labels` and `task` are there for classes that say `oracle = True`, which the record and every
    table show; the task is also there where the setting tells it.
    """

    def __init__(
        self, session: Session, task: Task, split: Split, size: int, limit: int | None
    ) -> None:
        self.split: Split = split
        self._session, self._task, self._size, self._limit = session, task, size, limit

    def batches(self) -> Iterator[Images]:
        """The images, batch by batch, as they will be predicted."""
        start = 0
        for batch in self._batches():
            yield Images(batch.x, batch.weights, start)
            start += batch.size

    @cached_property
    def labels(self) -> Tensor:
        """`[R, N]`, in the order of the batches' rows; -1 where a row does not count."""
        self._demand_oracle("labels")
        parts = []
        for batch in self._batches():
            assert batch.valid is not None
            parts.append(batch.y.masked_fill(~batch.valid, -1))
        return torch.cat(parts, dim=1)

    @property
    def task(self) -> Task:
        """The task that the images are from."""
        # In task-incremental settings the task is told to everybody.
        if self._session.scenario.setting != "task":
            self._demand_oracle("task")
        return self._task

    def member(self, row: int) -> MemberLook:
        """The same for one member of a solo strategy."""
        return MemberLook(self, row)

    def _batches(self) -> Iterator[Batch]:
        return self._session.streams.batches(self._task, self.split, self._size, self._limit)

    def _demand_oracle(self, what: str) -> None:
        if "oracle" not in self._session.declared:
            raise StrategyError(
                f"look.{what} is what a method is tested on; a class that wants to see it says"
                " `oracle = True`, and tables mark it"
            )


class MemberLook:
    """A `Look` without the leading dimension; rows that do not count are left out."""

    def __init__(self, look: Look, row: int) -> None:
        self._look, self._row = look, row
        self.split = look.split

    def batches(self) -> Iterator[Images]:
        """The images, batch by batch."""
        for images in self._look.batches():
            valid = images.valid[self._row]
            if valid.any():
                # Without R, and without padding: what one network is shown.
                yield Images(images.x[self._row][valid], valid[valid])

    @property
    def labels(self) -> Tensor:
        """`[N]`, in the order of the batches' rows."""
        labels = self._look.labels[self._row]
        return labels[labels >= 0]

    @property
    def task(self) -> Task:
        """The task that the images are from."""
        return self._look.task
