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

CHUNK = 4096  # steps kept on the device before they are read


class LossWatch(Stateful):
    """Every step's loss `[R]`: its mean over a task, and the first step in which it was not finite."""

    wiring = frozenset({"members", "table", "taking", "steps"})

    def __init__(self, members: int, device: torch.device) -> None:
        self.members = members
        self.table = torch.zeros(CHUNK, members, device=device)
        self.taking: list[Sequence[int]] = []
        self.steps: list[Any] = []
        self.broken: dict[int, int] = {}
        self.clear()

    def clear(self) -> None:
        """Begin another task."""
        self.losses: list[list[Any]] = [[] for _ in range(self.members)]

    def note(self, loss: Any, active: Sequence[int], steps: np.ndarray[Any, Any], who: str) -> None:
        """One step's losses of the members that took part; `steps` counts the steps each member had done before."""
        if not isinstance(loss, Tensor) or loss.shape != (self.members,):
            got = (
                f"has shape {list(loss.shape)}"
                if isinstance(loss, Tensor)
                else f"is a {type(loss).__name__}"
            )
            raise StrategyError(
                f"{who}: the loss {got}; one value a member, {[self.members]}, is wanted"
            )
        self.table.select(0, len(self.taking)).copy_(loss.detach())
        if not self.taking:
            self.steps = steps.tolist()
        self.taking.append(active)
        if len(self.taking) == CHUNK:
            self._empty()

    def held(self) -> dict[str, Any]:
        """The losses on the host; when they were brought there makes no difference."""
        self._empty()
        return super().held()

    def read(self) -> dict[int, int]:
        """The members whose loss was not finite since the last reading, and the first step in which that was."""
        self._empty()
        found, self.broken = self.broken, {}
        return found

    def _empty(self) -> None:
        """Bring the table to the host."""
        if not self.taking:
            return
        values = self.table[: len(self.taking)].cpu().numpy()
        took_part = np.zeros(values.shape, dtype=bool)
        for row, active in enumerate(self.taking):
            took_part[row, active] = True
        for member in range(self.members):
            mine = values[took_part[:, member], member].astype(np.float64)
            self.losses[member].append(mine)
            bad = np.flatnonzero(~np.isfinite(mine))
            if len(bad):
                self.broken.setdefault(member, self.steps[member] + int(bad[0]))
        self.taking = []

    def means(self) -> np.ndarray[Any, Any]:
        """Each member's mean since `clear`, NaN where there was no loss. The sum is exact, so that it does not matter when it was read."""
        means = np.full(self.members, np.nan)
        for member, parts in enumerate(self.losses):
            count = sum(map(len, parts))
            if count:
                means[member] = math.fsum(np.concatenate(parts)) / count
        return means
