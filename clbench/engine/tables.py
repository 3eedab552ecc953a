"""What the engine keeps of every task of every stream:
small tables, made in one look at each task.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clbench.data.arrays import Arrays
from clbench.scenarios.chance import ChanceTally
from clbench.scenarios.population import TestedImages
from clbench.scenarios.stream import Layout, Stream, TaskSpec, Warp

SPLITS = ("train", "validation", "test")


class TaskTables:
    """Labels, outputs, numbers of samples and warps, for R streams of T tasks.

    A task is asked for once: thousands of them, with hundreds of samples each, are then let go.
    """

    def __init__(self, arrays: Arrays, layout: Layout, streams: Sequence[Stream]) -> None:
        members, tasks = len(streams), layout.tasks
        height, width = arrays.x_train.shape[1:3]
        self.chance: dict[str, float] = {}
        self.test_images = 0
        # The label of a sample by its class in the data set, or by its group.
        named = layout.groups or arrays.classes
        # Thousands of tasks times members times classes: as few bytes as possible.
        self.labels = np.empty((members, tasks, named), integers_holding(layout.classes))
        self.owned = np.zeros((members, tasks, layout.classes), dtype=bool)
        self.sizes = {split: np.zeros((members, tasks), dtype=np.int64) for split in SPLITS}
        self.classes: list[list[np.ndarray]] = [[] for _ in range(tasks)]
        self.warps = WarpTables(members, tasks, height * width)
        self._fill(arrays, layout, streams)

    def _fill(self, arrays: Arrays, layout: Layout, streams: Sequence[Stream]) -> None:
        tally = ChanceTally(arrays, layout)
        tested = TestedImages(arrays, layout)
        for member, stream in enumerate(streams):
            tally.begin_stream(stream)
            tested.begin_stream()
            for number, task in enumerate(stream.tasks):
                tally.add(task)
                tested.add(task)
                self._note(member, number, task)
        self.warps.finish()
        self.chance = tally.levels()
        self.test_images = tested.shared()

    def _note(self, member: int, number: int, task: TaskSpec) -> None:
        self.labels[member, number] = task.labels
        self.owned[member, number, task.classes] = True
        self.classes[number].append(task.classes)
        for split, sizes in self.sizes.items():
            sizes[member, number] = len(getattr(task, split))
        if task.warp is not None:
            self.warps.put(member, number, task.warp)

    def classes_on(self, device: torch.device) -> list[Tensor]:
        """For each task `[R, C]`, the outputs that belong to it."""
        return [torch.from_numpy(np.stack(rows)).to(device) for rows in self.classes]


def integers_holding(classes: int) -> np.dtype:
    """The smallest type of integers that holds every label, and -1."""
    # A signed type that holds -classes holds the labels 0 .. classes - 1, and -1.
    return np.result_type(np.min_scalar_type(-classes), np.int8)


class WarpTables:
    """Every task's warp: `index [R, T, P, K]`, and `weight` alike where pixels are weighted sums.

    Both are None where images are seen as they are stored.
    """

    def __init__(self, members: int, tasks: int, pixels: int) -> None:
        self.shape = members, tasks, pixels
        self.index: np.ndarray | None = None
        self.weight: np.ndarray | None = None
        # How many neighbours make a pixel of each task; a task that is not warped has each pixel's
        # own.
        self.neighbours = np.ones((members, tasks), dtype=np.int64)

    def put(self, member: int, task: int, warp: Warp) -> None:
        """Keep this task's warp."""
        count = warp.index.shape[1]
        index = self._index_of(count)
        # `[P, K]`: K stored pixels for each pixel seen.
        index[member, task, :, :count] = warp.index
        self.neighbours[member, task] = count
        if warp.weight is not None:
            self._add_weights()
        if self.weight is not None:
            # Neighbours that this task has not weigh 0.
            self.weight[member, task] = 0.0
            self.weight[member, task, :, :count] = 1.0 if warp.weight is None else warp.weight

    def finish(self) -> None:
        """Weights are needed, too, where tasks have unequal numbers of neighbours."""
        # Unused neighbours repeat a pixel, so without weights they would be added to the sum.
        if self.index is not None and (self.neighbours < self.index.shape[-1]).any():
            self._add_weights()

    def _index_of(self, count: int) -> np.ndarray:
        """`index` with room for so many neighbours."""
        before = self.index
        if before is not None and before.shape[-1] >= count:
            return before
        self.index = np.empty((*self.shape, count), dtype=np.int32)
        # Tasks that are not warped: each pixel its own.
        self.index[:] = np.arange(self.shape[-1], dtype=np.int32)[:, None]
        if before is not None:
            self.index[..., : before.shape[-1]] = before
        if self.weight is not None:
            wider = np.zeros(self.index.shape, dtype=np.float32)
            wider[..., : self.weight.shape[-1]] = self.weight
            self.weight = wider
        return self.index

    def _add_weights(self) -> None:
        """Weights of 1 for the neighbours there are."""
        if self.weight is not None:
            return
        assert self.index is not None
        there = np.arange(self.index.shape[-1]) < self.neighbours[..., None, None]
        self.weight = np.zeros(self.index.shape, dtype=np.float32)
        self.weight[:] = there
