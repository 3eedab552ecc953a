"""The members' training losses: left on the device step by step, read once an epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack import Stateful

Losses = np.ndarray[Any, np.dtype[Any]]
STEPS_ON_DEVICE = 4096  # steps kept on the device before they are read
NONFINITE_EXPONENT = 255  # the power in a float32's bits that says it is infinite, or no number
EXPONENT_BIAS = 150  # a whole number times two to the power minus this is the float32


class LossWatch(Stateful):
    """Every step's loss `[R]`: its mean over a task,
    and the first step in which it was not finite.
    """

    wiring = frozenset({"members", "table", "taking", "steps", "waiting"})

    def __init__(self, members: int, device: torch.device) -> None:
        self.members = members
        self.table = torch.zeros(STEPS_ON_DEVICE, members, device=device)
        self.taking: list[Sequence[int]] = []
        self.steps: list[Any] = []
        self.broken: dict[int, int] = {}
        self.clear()

    def clear(self) -> None:
        """Begin another task."""
        self.sums = ExactSums(self.members)
        # Read, and not in the sums yet: many at once are added much faster than one by one.
        self.waiting: list[tuple[Losses, Losses]] = []

    def note(self, loss: Any, active: Sequence[int], steps: np.ndarray[Any, Any], who: str) -> None:
        """One step's losses of the members that took part.

        `steps` counts the steps each member had done before.
        """
        if not isinstance(loss, Tensor) or loss.shape != (self.members,):
            got = (
                f"has shape {list(loss.shape)}"
                if isinstance(loss, Tensor)
                else f"is a {type(loss).__name__}"
            )
            raise StrategyError(
                f"{who}: the loss {got}; one value a member, {[self.members]}, is wanted"
            )
        # On the device, one row a step; nothing waits.
        self.table.select(0, len(self.taking)).copy_(loss.detach())
        if not self.taking:
            # Steps each member had done when the table began.
            self.steps = steps.tolist()
        self.taking.append(active)
        if len(self.taking) == STEPS_ON_DEVICE:
            self._empty()

    def held(self) -> dict[str, Any]:
        """The losses on the host; when they were brought there makes no difference."""
        # Saved state is equal whenever it is saved, for the sums are exact.
        self._empty()
        self._sum_up()
        return super().held()

    def read(self) -> dict[int, int]:
        """The members whose loss was not finite since the
        last reading, and the first step in which that was.
        """
        self._empty()
        found, self.broken = self.broken, {}
        return found

    def _empty(self) -> None:
        """Bring the table to the host."""
        if not self.taking:
            return
        values = self.table[: len(self.taking)].to("cpu", copy=True).numpy()
        # `[steps, R]`: rows of members that sat out are of no meaning.
        took_part = np.zeros(values.shape, dtype=bool)
        for row, active in enumerate(self.taking):
            took_part[row, active] = True
        self.waiting.append((values, took_part))
        # Bounded also where the table is emptied often (short epochs).
        if sum(len(losses) for losses, _ in self.waiting) >= STEPS_ON_DEVICE:
            self._sum_up()
        broken = took_part & ~np.isfinite(values)
        for member in np.flatnonzero(broken.any(axis=0)).tolist():
            # Row of the table; the member's own count of steps is what is reported.
            first = int(np.flatnonzero(broken[:, member])[0])
            done_before = int(took_part[:first, member].sum())
            # The first time counts.
            self.broken.setdefault(member, self.steps[member] + done_before)
        self.taking = []

    def _sum_up(self) -> None:
        if self.waiting:
            losses, counted = zip(*self.waiting, strict=True)
            self.sums.add(np.concatenate(losses), np.concatenate(counted))
            self.waiting = []

    def means(self) -> np.ndarray[Any, Any]:
        """Each member's mean since `clear`, NaN where there was no loss."""
        self._empty()
        self._sum_up()
        return np.array([self.sums.mean(member) for member in range(self.members)])


class ExactSums(Stateful):
    """Sums of float32 numbers without any rounding, so that it does not matter when they are read.

    A float32 is a whole number of 24 bits times a power of two. The whole numbers are added up by
    their power, of which there are 254; what is kept does not grow with the number of steps.
    """

    def __init__(self, members: int) -> None:
        self.count = np.zeros(members, dtype=np.int64)
        self.odd = np.zeros(members, dtype=np.int64)  # how many were infinite, or no number
        self.wholes = np.zeros((members, NONFINITE_EXPONENT), dtype=np.int64)  # by power

    def add(self, values: np.ndarray[Any, Any], counted: np.ndarray[Any, Any]) -> None:
        """Add the numbers `[n, R]` that are `counted` to the members' sums."""
        members = np.nonzero(counted)[1]
        # IEEE 754 binary32: sign, 8 bits of exponent, 23 of fraction.
        bits = values[counted].astype(np.float32, copy=False).view(np.int32).astype(np.int64)
        powers, wholes = (bits >> 23) & NONFINITE_EXPONENT, bits & ((1 << 23) - 1)
        wholes[powers > 0] += 1 << 23  # the leading bit is not written down
        # The least power of all belongs to numbers that have no leading bit, too.
        powers = np.maximum(powers, 1)
        finite = powers < NONFINITE_EXPONENT
        signed = np.where(bits < 0, -wholes, wholes)
        # Unlike `+=` with an index array it adds repeated indices.
        np.add.at(self.wholes, (members[finite], powers[finite]), signed[finite])
        np.add.at(self.count, members, 1)
        np.add.at(self.odd, members[~finite], 1)

    def mean(self, member: int) -> float:
        """Their mean, the sum rounded once; NaN where there are none, or one was not finite."""
        count = int(self.count[member])
        if count == 0 or self.odd[member]:
            return math.nan
        wholes = self.wholes[member].tolist()
        # Python's integers have no end: the sum is exact.
        total: int = sum(whole << power for power, whole in enumerate(wholes) if whole)
        # int / int rounds once, to the nearest float64.
        exact: float = total / (1 << EXPONENT_BIAS)
        return exact / count
