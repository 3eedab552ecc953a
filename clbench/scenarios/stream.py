"""What a scenario makes of a data set: streams of tasks, as index tables into its arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays

Setting = Literal["class", "task", "domain"]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """What is the same for every stream of a scenario."""

    classes: int  # outputs of the network
    tasks: int
    setting: Setting
    input_shape: tuple[int, int, int]
    agents: int = 1
    same_start: bool = (
        True  # agents of one seed begin with the same weights, so that these can be averaged
    )
    shared_tasks: int = 0  # so many first tasks are the same for all agents of a seed
    own_outputs: bool = False  # every task has outputs that no other task has, in every stream
    # Labels are given to so many groups of training samples (`Stream.groups`), not to the classes
    # of the data set. Nothing can be told of images that are in no group: tests are on training
    # images.
    groups: int | None = None
    # Each task has the samples of all tasks before it, too: those seen are the last task's.
    nested: bool = False

    def seen(self, current: int) -> Sequence[int]:
        """The tasks that have every sample so far, each sample once where tasks are nested."""
        return [current] if self.nested else range(current + 1)

    @property
    def every(self) -> Sequence[int]:
        """The tasks that have every sample of the stream."""
        return self.seen(self.tasks - 1)


@dataclass(frozen=True)
class Warp:
    """Pixel p of the image seen is `sum_k weight[p, k] * pixel index[p, k]` of the stored one,
    every channel alike.

    A permutation is `index [P, 1]` without weights; a rotation has four neighbours and their
    weights.
    """

    index: Ints
    weight: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class TaskSpec:
    """One task of one stream."""

    classes: Ints  # the outputs that belong to the task; as many in this task of every stream
    # [classes of the data set, or groups] -> the network's label, -1 where it is not in the task
    labels: Ints
    train: Ints  # positions in the training arrays
    test: (
        Ints  # positions in the test arrays, or in the training arrays where the layout has groups
    )
    validation: Ints  # positions in the training arrays, held out
    warp: Warp | None = None


class LazyTasks(Sequence[TaskSpec]):
    """So many tasks, each made by `make(index)` when asked for: thousands of them take no memory.

    A task may be made several times, so `make` depends on nothing but the index.
    """

    def __init__(self, count: int, make: Callable[[int], TaskSpec]) -> None:
        self._places = range(count)
        # The task under way is asked for again and again.
        self._make = lru_cache(maxsize=2)(make)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> TaskSpec: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[TaskSpec]: ...

    def __getitem__(self, index: int | slice) -> TaskSpec | Sequence[TaskSpec]:
        places = self._places[index]
        if isinstance(places, range):
            return tuple(self._make(place) for place in places)
        return self._make(places)


@dataclass(frozen=True)
class Stream:
    """One member's sequence of tasks: a tuple, or `LazyTasks` where there may be many."""

    tasks: Sequence[TaskSpec]
    groups: Ints | None = None  # [training samples] -> its group, where the layout has groups


def labelled(arrays: Arrays, stream: Stream) -> dict[str, Ints]:
    """What has a label in a task: by split, the class of each sample in the data set, or its group.

    `test` is of the samples that `TaskSpec.test` points to.
    """
    if stream.groups is not None:
        return {"train": stream.groups, "test": stream.groups}
    return {"train": arrays.y_train, "test": arrays.y_test}
