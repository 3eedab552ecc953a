"""Images seen through their tasks' warps: permuted, or rotated."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from clbench.engine.tables import WarpTables
from clbench.typing import Array


def warps_of(tables: WarpTables, device: torch.device) -> HostWarps | DeviceWarps | None:
    """The warps of a scenario; None where images are seen as they are stored."""
    if tables.index is None:
        return None
    if device.type == "cpu":
        return HostWarps(tables.index, tables.weight)
    return DeviceWarps(tables.index, tables.weight, device)


class HostWarps:
    """Every task's warp of every member: which stored pixels each pixel is a weighted sum of.

    The images of one task are warped together. That takes a small part of the time of a gather with
    an index for every pixel of every image.
    """

    def __init__(self, index: Array, weight: Array | None) -> None:
        self.index, self.weight = index, weight  # [R, T, P, K]

    @property
    def weighted(self) -> bool:
        """Whether pixels are sums of several, and floats."""
        return self.weight is not None

    def __call__(self, images: Tensor, tasks: Tensor) -> Tensor:
        """`images [R, B, P, C]` as the tasks `[R, B]` show them."""
        # numpy's `take` is several times as fast as torch's gather of single pixels.
        stored = (images.to(torch.float32) if self.weighted else images).numpy()
        seen = np.empty_like(stored)
        for member, task_of in enumerate(tasks.numpy()):
            # In training a batch is of one task, as a rule: one `take` a member.
            for task in np.unique(task_of):
                rows = task_of == task
                if rows.all():
                    self._show(stored[member], member, task, out=seen[member])
                else:
                    seen[member, rows] = self._show(stored[member, rows], member, task)
        return torch.from_numpy(seen)

    def _show(self, images: Array, member: int, task: int, out: Array | None = None) -> Array:
        """Images `[n, P, C]` of one task as it shows them."""
        # `[P, K]`; the table is int32, and take wants the machine's own integers.
        sources = self.index[member, task].astype(np.intp)
        # Every position is within the image; told to clip, numpy spares the copy that checking
        # takes.
        # The first neighbour writes, the others add, in a fixed order.
        total = np.take(images, sources[:, 0], axis=1, out=out, mode="clip")
        if self.weight is not None:
            total *= self.weight[member, task, :, 0, None]
        for k in range(1, sources.shape[1]):
            taken = np.take(images, sources[:, k], axis=1, mode="clip")
            if self.weight is not None:
                taken *= self.weight[member, task, :, k, None]
            total += taken
        return total


class DeviceWarps:
    """The same on a GPU: one gather for the whole batch, and no value is looked at."""

    def __init__(self, index: Array, weight: Array | None, device: torch.device) -> None:
        self.index = torch.from_numpy(index).to(device)
        self.weight = None if weight is None else torch.from_numpy(weight).to(device)
        self.rows = torch.arange(len(index), device=device)[:, None]

    @property
    def weighted(self) -> bool:
        """Whether pixels are sums of several, and floats."""
        return self.weight is not None

    def __call__(self, images: Tensor, tasks: Tensor) -> Tensor:
        """`images [R, B, P, C]` as the tasks `[R, B]` show them."""
        images = images.to(torch.float32) if self.weighted else images
        total = self._share(images, tasks, 0)
        for k in range(1, self.index.shape[-1]):
            total = total + self._share(images, tasks, k)
        return total

    def _share(self, images: Tensor, tasks: Tensor, k: int) -> Tensor:
        source = self.index[self.rows, tasks, :, k].long()  # [R, B, P]
        # `[R, B, P, C]` along the pixels.
        taken = images.gather(2, source[..., None].expand_as(images))
        return taken if self.weight is None else taken * self.weight[self.rows, tasks, :, k, None]
