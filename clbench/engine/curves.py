"""Curves that grow while a job runs: buffers that double, so that a value costs the same always."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clbench.typing import Array

INITIAL_CAPACITY = 16  # values that there is room for from the start


class Curve:
    """Values of every member, one after the other, `[R, K, ...]`; NaN where a member has fewer.

    Members may have unequal numbers of values, and values unequal shapes of one dimension.
    """

    def __init__(self, members: int, dimensions: int) -> None:
        self.lengths = np.zeros(members, dtype=np.int64)
        self.logged = np.zeros(members, dtype=np.int64)  # of these, those that are on disk for good
        self.shape = (0,) * dimensions  # of a value: the largest there was
        # Capacity in each dimension; what is used is `lengths` and `shape`. NaN: not measured.
        self._room = np.full((members, 0, *self.shape), np.nan)

    @property
    def dimensions(self) -> int:
        """Of a value."""
        return len(self.shape)

    def append(self, values: Array, members: Sequence[int]) -> None:
        """One more value of each of these members; `values [R, ...]` has a row for every member."""
        if not members:
            return
        chosen = np.asarray(members)
        places = self.lengths[chosen]
        self._make_room(int(places.max()) + 1, values.shape[1:])
        # Member, number of the value, and the part of the room that this value needs.
        where: Any = (chosen, places, *map(slice, values.shape[1:]))
        self._room[where] = values[chosen]
        self.lengths[chosen] += 1

    def extend(self, block: Array, counts: Array) -> None:
        """Several more values: the first `counts [R]`
        of every member's row of `block [R, K, ...]`.
        """
        self._make_room(int((self.lengths + counts).max(initial=0)), block.shape[2:])
        for member, count in enumerate(counts.tolist()):
            start = int(self.lengths[member])
            # Written in place: a basic index gives a view.
            self._part(member, start, count, block.shape[2:])[...] = block[member, :count]
        self.lengths += counts

    def table(self) -> Array:
        """All values, `[R, K, ...]`."""
        longest = int(self.lengths.max(initial=0))
        if longest == 0:
            return np.full((len(self.lengths), 0), np.nan)
        return self._room[(slice(None), slice(longest), *map(slice, self.shape))]

    def unlogged(self) -> tuple[Array, Array]:
        """What is not on disk yet: a block and counts, as `extend` takes them."""
        counts = self.lengths - self.logged
        block = np.full((len(counts), int(counts.max(initial=0)), *self.shape), np.nan)
        for member, count in enumerate(counts.tolist()):
            start = int(self.logged[member])
            block[member, :count] = self._part(member, start, count, self.shape)
        return block, counts

    def _part(self, member: int, start: int, count: int, shape: tuple[int, ...]) -> Array:
        """So many values of a member, to read and to write."""
        where: Any = (member, slice(start, start + count), *map(slice, shape))
        part: Array = self._room[where]
        return part

    def _make_room(self, length: int, shape: tuple[int, ...]) -> None:
        # The largest there was in each dimension.
        self.shape = tuple(map(max, self.shape, shape))
        before = self._room.shape[1:]
        needed = (length, *self.shape)
        if all(size <= room for size, room in zip(needed, before, strict=True)):
            return
        # Only dimensions that are too small grow, each to twice its size at least: amortised O(1).
        after = [
            _doubled(size, room) if size > room else room
            for size, room in zip(needed, before, strict=True)
        ]
        after[0] = max(after[0], INITIAL_CAPACITY)
        larger = np.full((len(self.lengths), *after), np.nan)
        larger[(slice(None), *map(slice, before))] = self._room
        self._room = larger


def _doubled(size: int, room: int) -> int:
    """Twice the room there was; the first time no more than is needed."""
    return max(size, 2 * room)
