"""When how many units are replaced, found out on the host without a look at the device.

How many units of a layer are old enough follows from when units were born, and these births from
earlier replacements. So the step of the next replacement is known as soon as the last one is done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from clbench import Stateful, randomness

NEVER = int(np.iinfo(np.int64).max)
# A rate is the double nearest to a decimal number, and a product with it is rounded once more. What
# these two leave below a whole number is made good: 0.29 of 100 units are 29.
ROUNDED = 1 + 2.0**-51

Counts = NDArray[np.int64]


class Schedule(Stateful):
    """For each member and layer: when its units were born, and in which step some are replaced.

    With `accumulate` the share `rate` of the eligible units is added up over steps, and what comes
    to whole units is replaced; without, a share of less than a unit is the probability of one. What
    is added up is kept as whole numbers, of units times steps, so that nothing is lost by rounding.
    `count_all` counts all units of a layer as soon as one is eligible.
    """

    wiring: ClassVar[frozenset[str]] = frozenset({"seeds", "arrays"})

    def __init__(
        self,
        seeds: Sequence[tuple[int, int]],
        units: Sequence[int],
        *,
        rate: float,
        maturity: int,
        accumulate: bool = True,
        count_all: bool = False,
    ) -> None:
        self.seeds, self.rate, self.maturity = tuple(seeds), rate, maturity
        self.accumulate, self.count_all = accumulate, count_all
        layers = len(self.seeds), len(units)
        # The tensors are state, with a row a member; the arrays are the same memory, for the host
        # to compute with.
        self.arrays: dict[str, Any] = {
            "counted": np.zeros(layers, np.int64),  # units times steps so far
            "until": np.zeros(layers, np.int64),  # the step up to which they are counted
            "following": np.zeros(layers, np.int64),  # the step of the next replacement
            "replaced": np.zeros(layers, np.int64),  # units so far
        }
        for layer, count in enumerate(units):  # births in ascending order
            self.arrays[f"born{layer}"] = np.zeros((len(self.seeds), count), np.int64)
        self.tensors = {name: torch.from_numpy(array) for name, array in self.arrays.items()}
        for member, layer in np.ndindex(layers):
            self.arrays["following"][member, layer] = self._next(member, layer)

    def due(self, step: Counts) -> NDArray[np.bool_]:
        """`[R, layers]`: whether units are replaced in this step of each member, `[R]`."""
        found: NDArray[np.bool_] = self.arrays["following"] <= step[:, None]
        return found

    def settle(self, step: Counts) -> Counts:
        """`[R, layers]`: how many units are born in this step; when the next are, is found."""
        counts: Counts = np.zeros_like(self.arrays["replaced"])
        for member, layer in np.argwhere(self.due(step)).tolist():
            counts[member, layer] = self._settle_layer(member, layer, int(step[member]))
        self.arrays["replaced"] += counts
        return counts

    def _settle_layer(self, member: int, layer: int, now: int) -> int:
        count = self._count(member, layer, now)
        self.arrays["counted"][member, layer] += self._grown(member, layer, now)
        self.arrays["until"][member, layer] = now
        born = self.arrays[f"born{layer}"][member]
        # Which of those that are old enough makes no difference to when others are.
        # The oldest go: births ascend, so these are the first.
        born[:] = [*born[count:], *[now] * count]
        self.arrays["following"][member, layer] = self._next(member, layer)
        return count

    def _grown(self, member: int, layer: int, now: int) -> int:
        """Units times steps since they were last counted."""
        # A unit counts from when it became old enough.
        return int((now - self._starts(member, layer)).clip(0).sum())

    def _starts(self, member: int, layer: int) -> Counts:
        """After which step each unit counts, from the last count on, in ascending order."""
        until = self.arrays["until"][member, layer]
        grown = np.maximum(self.arrays[f"born{layer}"][member] + self.maturity, until)
        return np.full_like(grown, grown[0]) if self.count_all else grown

    def _count(self, member: int, layer: int, now: int) -> int:
        """How many units are replaced in a step that is due."""
        eligible = int((self.arrays[f"born{layer}"][member] + self.maturity < now).sum())
        if self.accumulate:
            before = int(self.arrays["counted"][member, layer])
            after = before + self._grown(member, layer, now)
            # Whole units between the two sums; rounding can ask for more than there are.
            return min(self._whole(after) - self._whole(before), eligible)
        counted = int((self._starts(member, layer) < now).sum())
        return min(max(1, self._whole(counted)), eligible)

    def _whole(self, counted: int) -> int:
        """How many whole units the rate makes of so many units times steps."""
        return math.floor(self.rate * counted * ROUNDED)

    def _next(self, member: int, layer: int) -> int:
        """The step of the next replacement."""
        if self.rate == 0:
            return NEVER
        return self._sum_is_whole(member, layer) if self.accumulate else self._drawn(member, layer)

    def _sum_is_whole(self, member: int, layer: int) -> int:
        """The first step after which the sum has another whole unit."""
        counted = int(self.arrays["counted"][member, layer])
        wanted = self._whole(counted) + 1
        # From a real number near it, and then step by step to the exact one.
        enough = math.ceil(wanted / self.rate)
        while self._whole(enough - 1) >= wanted:
            enough -= 1
        while self._whole(enough) < wanted:
            enough += 1
        # With the first n units alone it takes until (missing + the sum of their starts) / n; with
        # the right n least.
        starts = self._starts(member, layer)
        numbers = np.arange(1, len(starts) + 1)
        return int((-(-(enough - counted + starts.cumsum()) // numbers)).min())

    def _drawn(self, member: int, layer: int) -> int:
        """The step of the next success where each step is a trial: while the share stays, the wait
        is geometric.
        """
        until = int(self.arrays["until"][member, layer])
        starts = self._starts(member, layer)
        generator = randomness.generator(*self.seeds[member], "cbp/replacement", layer, until)
        # Between two starts the number of eligible units, and so the share, is constant.
        for start, end in pairwise([*np.unique(starts).tolist(), NEVER]):
            share = self.rate * int((starts <= start).sum())
            if share >= 1:
                return int(start + 1)
            success = start + _waited(share, generator.random())
            # Beyond the end of the interval nothing happened: with the next share a new draw (it
            # has no memory).
            if success <= end:
                return int(success)
        return NEVER


def _waited(share: float, drawn: float) -> int:
    """Steps up to the first success of this probability."""
    # Inversion of the geometric distribution: log(1 - u) / log(1 - p), u in [0, 1).
    return max(1, math.ceil(math.log1p(-drawn) / math.log1p(-share)))
