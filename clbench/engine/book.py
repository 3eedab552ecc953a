"""What a running job has measured so far. It is part of the checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.records.cell import CellRecord, Entries
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
        self.faults: dict[str, str] = {}  # by metric

    def write(self, curves: dict[str, list[list[Any]]], name: str, value: Tensor, members: list[int]) -> None:
        """Append each of these members' value (a number or an array) to a curve."""
        self.check(curves, name, value)
        rows = curves.setdefault(name, [[] for _ in range(len(self.diverged_at))])
        numbers = value.detach().to(torch.float64).cpu().tolist()
        for member in members:
            rows[member].append(numbers[member])

    def check(self, curves: dict[str, list[list[Any]]], name: str, value: Any) -> None:
        """Raise for what could not be stored: it would be found at the very end only."""
        if not isinstance(value, Tensor) or value.dim() < 1 or value.shape[0] != len(self.diverged_at):
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise StrategyError(f"{name!r} was given {got}; a tensor with one row a member, [{len(self.diverged_at)}, ...], is wanted")
        first = next((row[0] for row in curves.get(name, []) if row), None)
        if first is not None and np.ndim(first) != value.dim() - 1:
            raise StrategyError(f"{name!r} was given values of {value.dim() - 1} dimensions a member after some of {np.ndim(first)}")

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
        record.cost = {
            "train_seconds": self.train_seconds,
            **{name: np.asarray(values, dtype=np.float64) for name, values in self.cost.items()},
        }
        record.errors = tuple(self.faults.values())
        return record


def with_entries(record: CellRecord) -> CellRecord:
    """The record with the accuracies that were measured in place of the matrix."""
    assert record.accuracy is not None
    row, column = np.nonzero(~np.isnan(record.accuracy).all(axis=0))
    record.entries = Entries(row, column, record.accuracy[:, row, column])
    record.accuracy = None
    return record


def padded(rows: list[list[Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """`[R, K, ...]` from lists of unequal lengths, of numbers or of arrays of unequal shapes, filled up with NaN."""
    longest = max((len(row) for row in rows), default=0)
    shapes = {np.shape(value) for row in rows for value in row} or {()}
    table = np.full((len(rows), longest, *map(max, zip(*shapes, strict=True))), np.nan)
    for number, row in enumerate(rows):
        if len(shapes) == 1 and row:
            table[number, : len(row)] = np.asarray(row)
        elif row:
            for place, value in enumerate(row):
                table[number, place][tuple(map(slice, np.shape(value)))] = value
    return table
