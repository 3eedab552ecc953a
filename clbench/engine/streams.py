"""The streams on the device: images once, everything else as index tables."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from clbench.data.arrays import Arrays
from clbench.engine.tables import TaskTables
from clbench.engine.task import Batch, Samples, Split, Task
from clbench.engine.views import View, Viewer
from clbench.engine.warps import warps_of
from clbench.errors import UserError
from clbench.randomness import generator
from clbench.scenarios.stream import Layout, Stream, TaskSpec
from clbench.typing import Member

Filled = tuple[Tensor, Tensor, Tensor]  # indices, labels, and which rows count
MAX_SCALED_BYTES = 512 * 2**20  # of float images
MAX_CHUNK_ROWS = 512  # rows
IMAGES_COUNTED_AT_ONCE = 4096  # images at a time
MAX_KEPT_ROWS = 10_000_000  # rows of batches outside training, 17 bytes each
# Of a device's free memory that images may take; the rest is for networks and what methods carry.
SHARE_OF_DEVICE = 0.5


def on_device(size: int, device: torch.device) -> bool:
    """Whether so many bytes of images go to the device: where they
    leave it room enough, unless `$CLBENCH_IMAGES` decides.
    """
    wanted = os.environ.get("CLBENCH_IMAGES", "auto")
    if wanted not in ("auto", "device", "host"):
        raise UserError(
            f"$CLBENCH_IMAGES is {wanted!r}; it says where images are kept: auto, device or host"
        )
    if wanted != "auto" or device.type != "cuda":
        # On a CPU everything is on the "device" anyway.
        return wanted != "host"
    return size <= SHARE_OF_DEVICE * torch.cuda.mem_get_info(device)[0]


class Streams:
    """Every member's tasks over one copy of the data.

    A batch is a gather by index, then scaled, warped (permuted or rotated) and augmented where it
    lies.
    """

    def __init__(
        self,
        arrays: Arrays,
        layout: Layout,
        streams: Sequence[Stream],
        members: Sequence[Member],
        device: torch.device,
        normalise: str,
    ) -> None:
        self.layout = layout
        self.streams = list(streams)
        self.members = list(members)
        self.device = device
        # Images are `[N, H, W, C]`.
        self.height, self.width = arrays.x_train.shape[1:3]
        self.viewer = Viewer(self.height, self.width, device)
        channels = arrays.x_train.shape[3]
        pixels = {"train": arrays.x_train, "test": arrays.x_test}
        labels = {"train": arrays.y_train, "test": arrays.y_test}
        stored = {split: _flat(x, channels) for split, x in pixels.items()}
        size = sum(x.nbytes for x in stored.values())
        self.resident = on_device(size, device)  # or each batch is brought there
        if self.resident:
            stored = {split: x.to(device) for split, x in stored.items()}
        self.labels = {split: torch.from_numpy(y).to(device) for split, y in labels.items()}
        self.groups = self._groups_of_samples()
        self.scale, self.offset = self._affine(arrays, normalise)
        tables = TaskTables(arrays, layout, self.streams)
        self.chance, self._sizes = tables.chance, tables.sizes
        self.test_images = tables.test_images
        self.classes = tables.classes_on(device)
        self.label_table = torch.from_numpy(tables.labels).to(device)  # [R, T, data set's classes]
        # `[R, T, C]`.
        self.owned = torch.from_numpy(tables.owned).to(device)
        self.warps = warps_of(tables.warps, device)
        if self._is_scaled_once(size):
            stored = {split: self._scaled(x) for split, x in stored.items()}
        self.pixels = stored
        self.tasks = [Task(index, self) for index in range(layout.tasks)]
        # Whether `Task.batches` gives test data; closed to strategies that do not declare it.
        self.test_is_open = True
        # `[R, 1]`, beside indices `[R, B]`.
        self._rows = torch.arange(len(self.members), device=device)[:, None]
        self._kept: dict[Any, list[Filled]] = {}
        self._chunks: dict[Split, int] = {}

    def _is_scaled_once(self, size: int) -> bool:
        """Whether images of so many bytes are kept scaled: on a CPU, where that takes little room.

        Rotated images are weighted sums of stored pixels, and scaled after that.
        """
        weighted = self.warps is not None and self.warps.weighted
        # float32 in place of bytes.
        fits = size * 4 <= MAX_SCALED_BYTES
        return self.device.type == "cpu" and self.resident and not weighted and fits

    # ------------------------------------------------------------------ which samples

    def spec(self, member: int, task: int) -> TaskSpec:
        """A member's task as the scenario made it."""
        return self.streams[member].tasks[task]

    def pool(
        self, member: int, tasks: Sequence[int], split: Split = "train"
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Sample positions of several tasks of a member, and the task of each."""
        parts = [getattr(self.spec(member, task), split) for task in tasks]
        return np.concatenate(parts), np.repeat(
            np.asarray(tasks, dtype=np.int64), [len(part) for part in parts]
        )

    def samples(self, task: int) -> Samples:
        """Every member's training samples of a task."""
        positions = [
            torch.from_numpy(self.pool(member, [task])[0]) for member in range(len(self.members))
        ]
        sizes = torch.tensor([len(found) for found in positions])
        index = pad_sequence(positions, batch_first=True)
        valid = torch.arange(index.shape[1]) < sizes[:, None]
        index = index.to(self.device)
        return Samples(index, torch.full_like(index, task), valid.to(self.device))

    def sizes(self, task: int, split: Split) -> list[int]:
        """How many samples each member has of a task."""
        sizes: list[int] = self._sizes[split][:, task].tolist()
        return sizes

    def source(self, split: Split) -> str:
        """The images that a split's positions point to.

        Where samples have groups, always the training images.
        """
        return "test" if split == "test" and self.groups is None else "train"

    def chunk(self, split: Split) -> int:
        """Rows of a batch outside training: a function of the
        data set and its tasks, never of the members at hand.

        The last batch of a task is filled up to this size; so the largest task to be expected is
        cut into few equal batches, and none is near empty.
        """
        if split not in self._chunks:
            self._chunks[split] = self._chunk(split)
        return self._chunks[split]

    def _chunk(self, split: Split) -> int:
        labels = self.labels[self.source(split)]
        # Classes of the data set, the most frequent first.
        counts = labels.bincount().sort(descending=True).values
        # What the task with most classes would have if these were the most frequent ones.
        most = int(counts[: max(classes.shape[1] for classes in self.classes)].sum())
        share = min(
            most, math.ceil(len(labels) / self.layout.tasks * 1.1)
        )  # classes are rarely of equal sizes
        # A multiple of 16, at least 64: kernels then have no odd rows, and a last batch is never
        # tiny.
        return max(math.ceil(share / math.ceil(share / MAX_CHUNK_ROWS) / 16) * 16, 64)

    def batches(
        self, task: Task, split: Split, size: int, limit: int | None = None
    ) -> Iterator[Batch]:
        """See `Task.batches`."""
        for index, y, valid in self._filled(task.index, split, size, limit):
            # A view of one number: nothing is stored for it.
            tasks = torch.tensor(task.index, device=self.device).expand_as(index)
            yield self.fetch(index, tasks, task, split, valid=valid, y=y)

    @contextmanager
    def opened_test(self) -> Iterator[None]:
        """Let test data be read through tasks: by probe metrics, which nothing is learnt from."""
        before, self.test_is_open = self.test_is_open, True
        try:
            yield
        finally:
            self.test_is_open = before

    def _filled(self, task: int, split: Split, size: int, limit: int | None) -> list[Filled]:
        """A task's samples in batches of one size. Kept, for test sets are read again and again."""
        wanted = (task, split, size, limit)
        if wanted not in self._kept:
            batches = list(self._fill(*wanted))
            # Room is made before the new ones are counted.
            self._forget(MAX_KEPT_ROWS - _rows_of(batches))
            self._kept[wanted] = batches
        return self._kept[wanted]

    def forget_before(self, task: int) -> None:
        """Keep no batches of earlier tasks; who asks for them all the same waits a moment."""
        for wanted in [wanted for wanted in self._kept if wanted[0] < task]:
            del self._kept[wanted]

    def _forget(self, most: int) -> None:
        """Keep at most so many rows, those that were made last."""
        kept = sum(map(_rows_of, self._kept.values()))
        while self._kept and kept > most:
            # Dictionaries keep the order in which they were filled.
            oldest = next(iter(self._kept))
            kept -= _rows_of(self._kept.pop(oldest))

    def _fill(self, task: int, split: Split, size: int, limit: int | None) -> Iterator[Filled]:
        pools = [self.pool(member, [task], split)[0] for member in range(len(self.members))]
        if limit is not None:
            drawn = [
                # Drawn per member and task, never by what was drawn before: always the same
                # samples.
                generator(*member, "sample", task).permutation(len(pool))[:limit]
                for member, pool in zip(self.members, pools, strict=True)
            ]
            # Sorted, so that the order is the data set's, limit or not.
            pools = [pool[np.sort(order)] for pool, order in zip(pools, drawn, strict=True)]
        longest = max(len(pool) for pool in pools)
        for start in range(0, longest, size):
            index, valid = self._padded([pool[start : start + size] for pool in pools], size)
            yield (
                index,
                self.labels_of(index, torch.full_like(index, task), split).clamp(min=0),
                valid,
            )

    def _padded(self, parts: Sequence[np.ndarray[Any, Any]], size: int) -> tuple[Tensor, Tensor]:
        index = np.zeros((len(parts), size), dtype=np.int64)
        valid = np.zeros((len(parts), size), dtype=bool)
        for row, part in enumerate(parts):
            if len(
                part
            ):  # filled up with samples of its own, for whoever does not look at what is valid
                index[row] = np.resize(part, size)
            valid[row, : len(part)] = True
        return torch.from_numpy(index).to(self.device), torch.from_numpy(valid).to(self.device)

    # ------------------------------------------------------------------ their pixels and labels

    def fetch(
        self,
        index: Tensor,
        tasks: Tensor,
        task: Task,
        split: Split = "train",
        valid: Tensor | None = None,
        view: View | None = None,
        y: Tensor | None = None,
    ) -> Batch:
        """The batch at `index [R, B]`; `view` augments it; `y` where it is known already."""
        # `[N, pixels, C]`, bytes or, where they are kept scaled, floats.
        x = self._look(self.pixels[self.source(split)], index, tasks, view)
        if y is None:
            y = self.labels_of(index, tasks, split)
        if valid is not None:
            y = y.clamp(min=0)  # rows that do not count may show a class that is not in the task
        return Batch(x, y, index, tasks, task, valid)

    def labels_of(self, index: Tensor, tasks: Tensor, split: Split = "train") -> Tensor:
        """The labels of samples `[R, n]` as their tasks name them."""
        named = (
            self.labels[self.source(split)][index]
            if self.groups is None
            else self.groups[self._rows, index]
        )
        # `[R, 1]`, `[R, B]`, `[R, B]`: member, task and class give the task's own label.
        return self.label_table[self._rows, tasks, named].long()

    def _look(self, pixels: Tensor, index: Tensor, tasks: Tensor, view: View | None) -> Tensor:
        if not self.resident:
            pixels, index = self._brought(pixels, index)
        x = self._gather(pixels, index, tasks, view)
        # Stored as bytes: scaled after the gather, so only what the batch needs is.
        if pixels.dtype == torch.uint8:
            x = self._scaled(x)
        members, size = index.shape
        # [R, B, C, H, W] seen over channels-last memory: what convolutions on a CPU like best, and
        # free here.
        return x.view(members, size, self.height, self.width, -1).permute(0, 1, 4, 2, 3)

    def _brought(self, pixels: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """The images at `index`, gathered on the host and
        brought to the device, and where each is among them.
        """
        rows = index.reshape(-1).cpu()
        # In pinned memory, so that the copy need not be waited for.
        batch = torch.empty(
            len(rows), *pixels.shape[1:], dtype=pixels.dtype, pin_memory=self.device.type == "cuda"
        )
        torch.index_select(pixels, 0, rows, out=batch)
        return batch.to(self.device, non_blocking=True), torch.arange(
            len(rows), device=self.device
        ).view_as(index)

    def _scaled(self, x: Tensor) -> Tensor:
        """What `normalise` makes of stored pixels."""
        # The copy is ours: in place.
        x = x.to(torch.float32).mul_(self.scale)
        return x if self.offset is None else x.add_(self.offset)

    def _gather(self, pixels: Tensor, index: Tensor, tasks: Tensor, view: View | None) -> Tensor:
        """Images whose pixels come from elsewhere in the
        image: shifted, mirrored, permuted, rotated.
        """
        if view is None:
            # `[R, B, pixels, C]`.
            x = pixels.index_select(0, index.reshape(-1)).view(*index.shape, *pixels.shape[1:])
        else:
            where, inside = self.viewer.pixels(view)
            # Outside an image is black as stored, 0; of images kept scaled that is the offset.
            black = 0.0 if self.offset is None or pixels.dtype == torch.uint8 else self.offset
            # Pixel by pixel: `[R, B, 1]` and `[R, B, P]`.
            x = torch.where(inside[..., None], pixels[index[..., None], where], black)
        return x if self.warps is None else self.warps(x, tasks)

    def _groups_of_samples(self) -> Tensor | None:
        """`[R, training samples]`: the group of each, where labels are given to groups."""
        groups = [stream.groups for stream in self.streams if stream.groups is not None]
        return torch.from_numpy(np.stack(groups)).to(self.device) if groups else None

    def _affine(self, arrays: Arrays, normalise: str) -> tuple[Tensor, Tensor | None]:
        """`normalise` as one multiplication and one addition a channel."""
        channels = arrays.x_train.shape[3]
        if normalise == "none":
            return torch.ones(channels, device=self.device), None
        if normalise == "unit":
            return torch.full((channels,), 1.0 / arrays.scale, device=self.device), None
        # A histogram of byte values a channel gives exact moments, whatever the order.
        counts = np.zeros((channels, 256))
        for some in np.array_split(
            arrays.x_train, len(arrays.x_train) // IMAGES_COUNTED_AT_ONCE + 1
        ):  # bincount wants 8 bytes a pixel
            counts += [
                np.bincount(some[..., c].reshape(-1), minlength=256) for c in range(channels)
            ]
        values = np.arange(256) / arrays.scale
        # E[v], and sqrt(E[v^2] - E[v]^2) below: at least 1e-6, for a constant channel would be
        # divided by 0.
        mean = counts @ values / counts.sum(1)
        deviation = np.sqrt(np.maximum(counts @ values**2 / counts.sum(1) - mean**2, 1e-12))
        # (pixel / s - mean) / deviation = pixel * (1 / (s deviation)) - mean / deviation.
        scale = torch.tensor(
            1.0 / (arrays.scale * deviation), dtype=torch.float32, device=self.device
        )
        return scale, torch.tensor(-mean / deviation, dtype=torch.float32, device=self.device)


def _rows_of(batches: Sequence[Filled]) -> int:
    return sum(index.numel() for index, _, _ in batches)


def _flat(images: np.ndarray, channels: int) -> Tensor:
    """`[N, H, W, C]` as `[N, pixels, C]`."""
    return torch.from_numpy(np.ascontiguousarray(images)).reshape(len(images), -1, channels)
