"""What a running job has measured so far. It is part of the checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.records.cell import CellRecord
from clbench.stack import Stateful


class Book(Stateful):
    """Raw measurements, member by member. R members, T tasks; NaN where nothing was measured."""

    def __init__(self, members: int, tasks: int) -> None:
        self.accuracy = np.full((members, tasks + 1, tasks), np.nan)
        self.accuracy_before = np.full((members, tasks), np.nan)
        self.loss = np.full((members, tasks), np.nan)
        self.train_seconds = np.full((members, tasks), np.nan)
        self.diverged_at = np.full(members, -1, dtype=np.int64)
        self.steps = np.zeros(members, dtype=np.int64)
        self.curves: dict[str, list[list[Any]]] = {}
        self.probes: dict[str, list[list[Any]]] = {}
        self.cost: dict[str, list[float]] = {}
        self.faults: list[str] = []

    def write(self, curves: dict[str, list[list[Any]]], name: str, value: Tensor, members: list[int]) -> None:
        """Append each of these members' value (a number or an array) to a curve."""
        rows = curves.setdefault(name, [[] for _ in range(len(self.diverged_at))])
        numbers = value.detach().to(torch.float64).cpu().tolist()
        for member in members:
            rows[member].append(numbers[member])

    @property
    def running(self) -> list[int]:
        """The members that have not diverged."""
        return [member for member, step in enumerate(self.diverged_at) if step < 0]

    def fill(self, record: CellRecord) -> CellRecord:
        """Put the measurements into a record."""
        record.accuracy, record.accuracy_before, record.loss = self.accuracy, self.accuracy_before, self.loss
        record.diverged_at = self.diverged_at
        record.member_status = np.array(["done" if step < 0 else "diverged" for step in self.diverged_at])
        record.status = "diverged" if not self.running else "done"
        record.curves = {name: padded(rows) for name, rows in self.curves.items()}
        record.metrics = {name: padded(rows) for name, rows in self.probes.items()}
        record.cost = {"train_seconds": self.train_seconds, **{name: np.asarray(values) for name, values in self.cost.items()}}
        record.errors = tuple(self.faults)
        return record


def padded(rows: list[list[Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """`[R, K, ...]` from lists of unequal lengths, filled up with NaN; a single entry a member loses its axis K."""
    longest = max((len(row) for row in rows), default=0)
    shape = next((np.shape(row[0]) for row in rows if row), ())
    table = np.full((len(rows), longest, *shape), np.nan)
    for number, row in enumerate(rows):
        if row:
            table[number, : len(row)] = np.asarray(row)
    return table
