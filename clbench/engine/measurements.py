"""What a running job has measured so far. It is part of the checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.engine.curves import Curve
from clbench.errors import StrategyError
from clbench.records import CellRecord, Entries, Fault
from clbench.records.names import why_not_kept
from clbench.stack import Stateful
from clbench.suite.tested import tested_tasks
from clbench.typing import Array

MEASURED_COSTS = ("train_seconds", "peak_memory")  # which no method can know better


def _check_name(name: str, known: Iterable[str]) -> None:
    """Refuse what a record could not hold beside what is there already."""
    why = why_not_kept(name, known)
    if why is not None:
        raise StrategyError(f"{name!r} {why}; choose another name")


class Accuracies(Stateful):
    """The accuracies that a protocol's `evaluate` asks for, and room
    for no others: 2,000 tasks make a matrix of four million.

    `tested[row]` are the tasks tested after `row` tasks, a range; `values [R, K]` has them one
    after the other.
    """

    wiring = frozenset({"tested", "_start"})

    def __init__(self, members: int, tested: Sequence[range]) -> None:
        self.tested = tuple(tested)
        # Rows lie behind each other in one array: no row a task too long.
        self._start = np.cumsum([0, *map(len, self.tested)])
        self.values = np.full((members, int(self._start[-1])), np.nan)

    def row(self, row: int) -> Array:
        """`[R, tasks tested after this one]`, to read and to write."""
        return self.values[:, self._start[row] : self._start[row + 1]]

    def at(self, row: int, column: int) -> Array:
        """`[R]`, to read and to write; NaN that leads nowhere where this is not tested."""
        return self.at_of(self.values, row, column)

    def at_of(self, values: Array, row: int, column: int) -> Array:
        """The same of other values that are laid out alike."""
        tested = self.tested[row]
        if column not in tested:
            return np.full(len(values), np.nan)
        # A view: written through.
        entry: Array = values[:, self._start[row] + column - tested.start]
        return entry

    def matrix_of(self, values: Array) -> Array:
        """`[R, T+1, T]`, the same memory, of values that are laid out alike and complete."""
        return values.reshape(len(values), len(self.tested), -1)

    @property
    def complete(self) -> bool:
        """Whether every task is tested after every task."""
        return len(set(self.tested)) == 1

    @property
    def matrix(self) -> Array:
        """`[R, T+1, T]`, the same memory, where they are complete."""
        return self.matrix_of(self.values)

    def entries(self) -> Entries:
        """What was measured; a method that is tested only at the end leaves the rest out."""
        row = np.repeat(np.arange(len(self.tested)), [len(columns) for columns in self.tested])
        column = np.concatenate([np.asarray(columns, dtype=np.int64) for columns in self.tested])
        kept = self.measured
        return Entries(row[kept], column[kept], self.values[:, kept])

    @property
    def measured(self) -> Array:
        """Which entries anybody has a value of."""
        kept: Array = ~np.isnan(self.values).all(axis=0)
        return kept


class Measurements(Stateful):
    """Raw measurements, member by member. R members, T tasks; NaN where nothing was measured.

    Curves grow without end, and go to disk by a way of their own (`CurveLog`).
    """

    wiring = frozenset({"curves", "probes"})

    def __init__(self, members: int, tasks: int, evaluate: Mapping[str, Any]) -> None:
        self.accuracies = Accuracies(members, tested_tasks(evaluate, tasks))
        self.accuracy_before = np.full((members, tasks), np.nan)
        self.loss = np.full((members, tasks), np.nan)
        self.train_seconds = np.full((members, tasks), np.nan)
        self.diverged_at = np.full(members, -1, dtype=np.int64)
        self.steps = np.zeros(members, dtype=np.int64)
        self.notes: dict[str, Array] = {}  # laid out as the accuracies
        self.curves: dict[str, Curve] = {}
        self.probes: dict[str, Curve] = {}
        self.cost: dict[str, list[float]] = {}
        self.metric_seconds: dict[str, Array] = {}  # [R] by probe metric
        # By metric: what it said in place of a value, and whether that is why it is undefined.
        self.faults: dict[str, tuple[str, bool]] = {}

    def write(
        self, curves: dict[str, Curve], name: str, value: Tensor, members: Sequence[int]
    ) -> None:
        """Append each of these members' value (a number or an array) to a curve."""
        self.check(curves, name, value)
        if name not in curves:
            curves[name] = Curve(len(self.diverged_at), value.dim() - 1)
        # float64 whatever it was measured in: what is stored is what was measured.
        curves[name].append(value.detach().to(torch.float64).cpu().numpy(), members)

    def write_notes(
        self, row: int, column: int, notes: Mapping[str, Tensor], members: list[int]
    ) -> None:
        """What the strategy noted of a test set, of these members."""
        for name, value in notes.items():
            if name not in self.notes:
                _check_name(name, self.notes)
                # NaN up to here: the note was not taken before.
                self.notes[name] = np.full_like(self.accuracies.values, np.nan)
            entry = self.accuracies.at_of(self.notes[name], row, column)
            entry[members] = value.cpu().numpy()[members]

    def check(self, curves: dict[str, Curve], name: str, value: Any) -> None:
        """Raise for what could not be stored: it would be found at the very end only."""
        if (
            not isinstance(value, Tensor)
            or value.dim() < 1
            or value.shape[0] != len(self.diverged_at)
        ):
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise StrategyError(
                f"{name!r} was given {got}; a tensor with one row a member,"
                f" [{len(self.diverged_at)}, ...], is wanted"
            )
        known = curves.get(name)
        if known is None:
            _check_name(name, curves)
        elif known.dimensions != value.dim() - 1:
            raise StrategyError(
                f"{name!r} was given values of {value.dim() - 1} dimensions a member "
                f"after some of {known.dimensions}"
            )

    def note_cost(
        self, name: str, value: Tensor | float, add: bool, members: Sequence[int]
    ) -> None:
        """A cost of these members: instead of what was noted before, or added to it."""
        size = len(self.diverged_at)
        if name in MEASURED_COSTS or not name.isidentifier():
            why = "is measured by the engine" if name in MEASURED_COSTS else "is no plain name"
            raise StrategyError(f"cost({name!r}, ...): {name!r} {why}; choose another name")
        given = torch.as_tensor(value, dtype=torch.float64)
        if given.dim() and tuple(given.shape) != (size,):
            raise StrategyError(
                f"cost({name!r}, ...) was given {list(given.shape)}; a number, or one a member,"
                f" [{size}], is wanted"
            )
        # A single number is everybody's.
        numbers = given.expand(size).tolist()
        noted = self.cost.setdefault(name, [math.nan] * size)
        for member in members:
            # NaN is "nothing said"; adding begins at 0.
            before = noted[member] if add and not math.isnan(noted[member]) else 0.0
            noted[member] = before + numbers[member]

    def count_seconds(self, metric: str, seconds: float) -> None:
        """A probe metric measured the whole stack for so long; each member has its share."""
        size = len(self.diverged_at)
        before = self.metric_seconds.get(metric, np.zeros(size))
        # The stack is measured in one go: no member's share can be told apart.
        self.metric_seconds[metric] = before + seconds / size

    def count_cost(self, name: str, counted: Sequence[float]) -> None:
        """What the engine counted, of the members of which the method said nothing else."""
        noted = self.cost.get(name, [math.nan] * len(counted))
        both = zip(noted, counted, strict=True)
        # What a method says it costs counts more than what its tensors show.
        self.cost[name] = [own if math.isnan(said) else said for said, own in both]

    @property
    def accuracy(self) -> Array:
        """`[R, T+1, T]`, where every task is tested after every task."""
        return self.accuracies.matrix

    @property
    def growing(self) -> dict[str, dict[str, Curve]]:
        """Everything that a value is appended to."""
        return {"curves": self.curves, "probes": self.probes}

    @property
    def running(self) -> list[int]:
        """The members that have not diverged."""
        # -1: not diverged.
        return [member for member, step in enumerate(self.diverged_at) if step < 0]

    def fill(self, record: CellRecord) -> CellRecord:
        """Put the measurements into a record."""
        if self.accuracies.complete:
            record.accuracy = self.accuracies.matrix
            record.notes = {
                name: self.accuracies.matrix_of(notes) for name, notes in self.notes.items()
            }
        else:
            record.entries = self.accuracies.entries()
            # Entries that at least one member has a value of.
            kept = self.accuracies.measured
            record.notes = {name: notes[:, kept] for name, notes in self.notes.items()}
        record.accuracy_before, record.loss = self.accuracy_before, self.loss
        record.diverged_at = self.diverged_at
        record.member_status = np.array(
            ["done" if step < 0 else "diverged" for step in self.diverged_at]
        )
        record.status = "diverged" if not self.running else "done"
        record.curves = {name: curve.table() for name, curve in self.curves.items()}
        record.metrics = {name: curve.table() for name, curve in self.probes.items()}
        record.cost = {
            "train_seconds": self.train_seconds,
            **{name: np.asarray(values, dtype=np.float64) for name, values in self.cost.items()},
        }
        record.metric_seconds = dict(self.metric_seconds)
        record.faults = tuple(
            Fault(said, metric, undefined) for metric, (said, undefined) in self.faults.items()
        )
        return record


def padded(rows: list[list[Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """`[R, K, ...]` from lists of unequal lengths, of numbers
    or of arrays of unequal shapes, filled up with NaN.
    """
    longest = max((len(row) for row in rows), default=0)
    shapes = {np.shape(value) for row in rows for value in row} or {()}
    # As large as the largest in each dimension.
    table = np.full((len(rows), longest, *map(max, zip(*shapes, strict=True))), np.nan)
    for number, row in enumerate(rows):
        if len(shapes) == 1 and row:
            table[number, : len(row)] = np.asarray(row)
        elif row:
            for place, value in enumerate(row):
                table[number, place][tuple(map(slice, np.shape(value)))] = value
    return table
