"""What strategies are given: tasks, phases and batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack import Reference

if TYPE_CHECKING:
    from clbench.engine.streams import Streams

Pool = Literal["task", "seen", "all"]
Augment = Literal["none", "flip", "crop_flip", "crop_flip_reflect", "crop_flip_rotate"]
Split = Literal["train", "validation", "test"]
POOLS: tuple[str, ...] = get_args(Pool)
AUGMENTATIONS: tuple[str, ...] = get_args(Augment)


@dataclass(frozen=True, eq=False)
class Samples:
    """Training samples that a method chose, a buffer:
    `index [R, n]` and the task of each, `tasks [R, n]`.

    `valid [R, n]` marks the places that count where members have unequal numbers; None means all.
    In a solo strategy the three have no leading dimension.
    """

    index: Tensor
    tasks: Tensor
    valid: Tensor | None = None

    def join(self, other: Samples) -> Samples:
        """These samples and the others."""
        both = zip(self._tables(), other._tables(), strict=True)
        return Samples(*(torch.cat(pair, dim=-1) for pair in both))

    def _tables(self) -> tuple[Tensor, Tensor, Tensor]:
        everything = torch.ones_like(self.index, dtype=torch.bool)
        return self.index, self.tasks, everything if self.valid is None else self.valid


@dataclass(frozen=True)
class Phase:
    """A stretch of training within a task. What is left open comes from the protocol.

    `data` is what it trains on: the samples of the `task`, of all tasks `seen`, of `all` tasks of
    the stream, or the method's own `Samples`. `lr` is the rate of every optimiser in this phase,
    which `schedule` changes from its beginning to its end. With `stop=False` the protocol's
    `stop_at` does not end the phase: its accuracy says nothing about what is trained in it. With
    `frozen_before` only the network's modules from this one on are trained, and all in front of it
    stands still, in evaluation mode: what goes into it is computed once and kept, as far as there
    is room for it.
    """

    name: str = "train"
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    data: Pool | Samples = "task"
    lr: float | None = None
    schedule: Any = None
    augment: Augment | None = None
    stop: bool = True
    frozen_before: str | None = None


@dataclass(frozen=True)
class Batch:
    """Samples of every member: `x [R, B, ...]`, `y [R, B]`.

    `index` says which samples of the training set they are, so that a buffer can store indices, and
    `tasks` which task each belongs to (counted from 0; after a replay they differ). `valid` marks
    the rows that count where members have unequal numbers of samples; None means all.
    """

    x: Tensor
    y: Tensor
    index: Tensor
    tasks: Tensor
    task: Task
    valid: Tensor | None = None

    def join(self, other: Batch) -> Batch:
        """Both batches as one, this one first."""
        valid = None
        if self.valid is not None or other.valid is not None:
            # Ones for whichever of the two counts all its rows.
            valid = torch.cat([self.weights, other.weights], dim=1)
        x, y, index, tasks = (
            torch.cat([getattr(self, name), getattr(other, name)], dim=1)
            for name in ("x", "y", "index", "tasks")
        )
        return replace(self, x=x, y=y, index=index, tasks=tasks, valid=valid)

    @property
    def weights(self) -> Tensor:
        """`valid`, or ones."""
        return torch.ones_like(self.y, dtype=torch.bool) if self.valid is None else self.valid

    def mean(self, values: Tensor) -> Tensor:
        """`[R, B]` to `[R]`: each member's mean over its rows that count, 0 where it has none."""
        return member_mean(values, self.valid)

    @property
    def size(self) -> int:
        """B."""
        return self.y.shape[1]

    def member(self, r: int) -> Batch:
        """One member's part, without the leading dimension."""
        valid = None if self.valid is None else self.valid[r]
        return Batch(self.x[r], self.y[r], self.index[r], self.tasks[r], self.task, valid)


def member_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """`[R, B]` to `[R]`: the mean of each member's rows that count; None means all."""
    if valid is None:
        return values.mean(1)
    # At least 1: a member without a row that counts has the mean 0, not NaN.
    return torch.where(valid, values, 0.0).sum(1) / valid.sum(1).clamp(min=1)


class Task(Reference):
    """One task of every member's stream.

    `index` counts from 0; `classes [R, C]` are the outputs that belong to it.
    """

    def __init__(self, index: int, streams: Streams) -> None:
        self.index = index
        self.address = ("task", index)
        self.streams = streams
        self.classes: Tensor = streams.classes[index]

    @property
    def labels(self) -> Tensor:
        """`[R, K]`: what each member's task calls each class
        of the data set; -1 for those that it has not.
        """
        return self.streams.label_table[:, self.index].long()

    def batches(
        self, split: Split = "train", size: int = 256, limit: int | None = None
    ) -> Iterator[Batch]:
        """The task's samples in a fixed order, `size` at a time,
        un-augmented: for Fisher passes, bases, prototypes.

        The last batch is filled up to `size` with rows that look real, so that a member's numbers
        do not depend on its neighbours. `valid` marks those that count: average with `batch.mean`.
        `limit` takes that many samples of each member, drawn at random but always the same ones.
        Test data is for classes that say `reads_test = True`.
        """
        self.check_open(split)
        return self.streams.batches(self, split, size, limit)

    def samples(self) -> Samples:
        """The task's training samples, for a phase that trains on them and on others."""
        return self.streams.samples(self.index)

    def check_open(self, split: Split) -> None:
        """Refuse test data to who has not declared that it is read."""
        if split == "test" and not self.streams.test_is_open:
            raise StrategyError(
                "a hook asked for test data, which nothing may be learnt from; a class that reads"
                " it all the same says `reads_test = True`, and tables mark it"
                " (begin_evaluation(look) shows the images of each test set before it is predicted)"
            )

    def size(self, split: Split = "train") -> list[int]:
        """How many samples each member has."""
        return self.streams.sizes(self.index, split)

    def __repr__(self) -> str:
        return f"Task(index={self.index})"
