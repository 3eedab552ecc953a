"""One member of a record, as record metrics see it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.metrics.arithmetic import average_over_entries, average_over_time, demanded, matrix_of
from clbench.metrics.base import Undefined
from clbench.typing import Array

if TYPE_CHECKING:
    from clbench.records.cell import CellRecord

Reference = Callable[[str, "RunView"], "RunView | None"]


class RunView:
    """What was stored of one network: no members' dimension, NaN where nothing was measured."""

    def __init__(self, cell: CellRecord, member: int, reference: Reference | None = None) -> None:
        self._cell, self._member, self._reference = cell, member, reference

    # ------------------------------------------------------------------ who

    @property
    def scenario(self) -> str:
        """The scenario's label."""
        return self._cell.scenario

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self._cell.strategy

    @property
    def label(self) -> str:
        """The strategy's name in tables."""
        return self._cell.label

    @property
    def seed(self) -> int:
        """The member's seed."""
        return int(self._cell.seed[self._member])

    @property
    def agent(self) -> int:
        """The member's agent, 0 where there are none."""
        return int(self._cell.agent[self._member])

    @property
    def status(self) -> str:
        """`done`, `diverged`, `failed` or `timeout`."""
        return str(self._cell.member_status[self._member])

    @property
    def diverged_at(self) -> int:
        """The step in which the loss became NaN, -1 where it did not."""
        return int(self._cell.diverged_at[self._member])

    @property
    def options(self) -> Mapping[str, Any]:
        """The strategy's resolved options."""
        return self._cell.options

    @property
    def protocol(self) -> Mapping[str, Any]:
        """The resolved protocol."""
        return self._cell.protocol

    @property
    def setting(self) -> str | None:
        """`class`, `task` or `domain`, where the record says so."""
        # Name and options as the record keeps them; imported records may have neither.
        scenario = self._cell.content.get("scenario", ())
        options = scenario[1] if len(scenario) > 1 else {}
        return options.get("setting") if isinstance(options, Mapping) else None

    # ------------------------------------------------------------------ what

    @property
    def tasks(self) -> int:
        """T."""
        return self._cell.tasks

    @property
    def accuracy(self) -> Array:
        """`[T+1, T]`: task j (column j - 1) after i tasks (row i), row 0 the untrained network.

        Thousands of tasks make this a large one, with few measured; `at` and `averages` do without.
        """
        if self._cell.accuracy is not None:
            return _frozen(self._cell.accuracy[self._member])
        entries = self._cell.entries
        if entries is None:
            return np.full((self.tasks + 1, self.tasks), np.nan)
        return _frozen(
            matrix_of(entries.row, entries.column, entries.value[self._member], self.tasks)
        )

    @cached_property
    def averages(self) -> Array:
        """`[T]`: A_i, the unweighted mean over tasks 1..i after task i."""
        entries = self._cell.entries
        if entries is None:
            return average_over_time(self.accuracy)
        return average_over_entries(
            entries.row, entries.column, entries.value[self._member], self.tasks
        )

    @property
    def trained_together(self) -> int:
        """k: how many first tasks were trained together, as a rule 1; rows 1..k-1 are empty."""
        return self._cell.trained_together

    @property
    def learnt_after(self) -> Array:
        """`[T]`: after how many tasks each one is learnt: its own number, or that of the last one
        trained together with it.
        """
        # Tasks 1..k were learnt together, after task k.
        return np.maximum(np.arange(1, self.tasks + 1), self.trained_together)

    @cached_property
    def learnt(self) -> Array:
        """`[T]`: R_ii, the accuracy on each task just after it was learnt."""
        # Columns count from 0, rows are the number of tasks trained.
        return self._accuracies(self.learnt_after, np.arange(self.tasks))

    @property
    def online(self) -> Array:
        """`[T]`: the share of right predictions on each task's training batches, before updates."""
        curve = self.curves.get("online_accuracy")
        # One that was not trained in every task has fewer values, and nobody knows of which.
        if curve is None or len(curve) != self.tasks:
            return np.full(self.tasks, np.nan)
        return np.asarray(curve)

    @property
    def accuracy_before(self) -> Array:
        """`[T]`: a task's accuracy when its head exists and before it is trained."""
        return self._by_task(self._cell.accuracy_before)

    @property
    def loss(self) -> Array:
        """`[T]`: the mean training loss of each task."""
        return self._by_task(self._cell.loss)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """What probe metrics measured, by name."""
        return self._of(self._cell.metrics)

    @property
    def notes(self) -> Mapping[str, Any]:
        """What was noted of each test set, by name: `[T+1, T]`, laid out as `accuracy`."""
        entries = self._cell.entries
        if entries is None:
            return self._of(self._cell.notes)
        return {
            name: _frozen(matrix_of(entries.row, entries.column, values, self.tasks))
            for name, values in self._of(self._cell.notes).items()
        }

    def last_note(self, name: str) -> Array:
        """`[T]`: what was noted of each test set after the last task; NaN where nothing was."""
        if name not in self._cell.notes:
            return np.full(self.tasks, np.nan)
        values = self._cell.notes[name]
        return self._look_up(values, np.array(self.tasks), np.arange(self.tasks))

    @property
    def note_names(self) -> tuple[str, ...]:
        """What the strategy or the engine noted of test sets; `note_at` looks it up."""
        return tuple(self._cell.notes)

    @property
    def curves(self) -> Mapping[str, Any]:
        """What the strategy and the engine logged, by name; NaN fills up shorter members."""
        return self._of(self._cell.curves)

    def by_layer(self, name: str) -> Mapping[str, Any]:
        """What the strategy logged of each layer, `<name>_<layer>`, by the layer's name."""
        return curves_by_layer(self.curves, name)

    @property
    def cost(self) -> Mapping[str, Any]:
        """Seconds, bytes and numbers of parameters by name."""
        return self._of(self._cell.cost)

    def at(self, after: Any, task: Any) -> Array:
        """Accuracies on tasks (from 1) after so many trained ones, arrays as numpy broadcasts them.

        Raises `Undefined`, naming the task, where one of them was not evaluated: `run.at(run.tasks,
        [1, 2])`.
        """
        return demanded(self._accuracies, after, task, self._entries_measured)

    def note_at(self, name: str, after: Any, task: Any) -> Array:
        """The same of what was noted under this name."""
        if name not in self._cell.notes:
            raise Undefined(f"{name} was not noted in the run of {self.label}")
        find = partial(self._look_up, self._cell.notes[name])
        return demanded(find, after, task, self._entries_measured)

    @property
    def _entries_measured(self) -> int | None:
        """How many entries there are where the matrix was not kept."""
        entries = self._cell.entries
        return None if entries is None else len(entries.row)

    def _accuracies(self, row: Array, column: Array) -> Array:
        entries = self._cell.entries
        values = self._cell.accuracy if entries is None else entries.value
        if values is None:
            return np.full(np.broadcast(row, column).shape, np.nan)
        return self._look_up(values, row, column)

    def _look_up(self, values: Array, row: Array, column: Array) -> Array:
        """Of values laid out as the accuracies are: `[S, T+1, T]`, or `[S, K]` beside entries."""
        mine, entries = values[self._member], self._cell.entries
        if entries is None:
            found: Array = mine[row, column]
            return found
        if not len(entries.row):
            return np.full(np.broadcast(row, column).shape, np.nan)
        # -1 where the entry was not measured.
        place = entries.find(row, column)
        return np.where(place >= 0, mine[place], np.nan)

    def reference(self, strategy: str) -> RunView | None:
        """The run of another strategy on the same stream (scenario, seed, agent), if recorded."""
        return self._reference(strategy, self) if self._reference else None

    def _by_task(self, array: Array | None) -> Array:
        if array is None:
            return np.full(self.tasks, np.nan)
        return _frozen(array[self._member])

    def _of(self, arrays: Mapping[str, Array]) -> dict[str, Any]:
        return {name: _frozen(array[self._member]) for name, array in arrays.items()}


def curves_by_layer(curves: Mapping[str, Array], name: str) -> dict[str, Array]:
    """The curves `<name>_<layer>` by the layer's name, `block2` before `block10`."""
    start = f"{name}_"
    layers = [curve.removeprefix(start) for curve in curves if curve.startswith(start)]
    return {layer: curves[start + layer] for layer in sorted(layers, key=_numbers_in_order)}


def _numbers_in_order(name: str) -> list[tuple[int, str]]:
    """Compares numbers within names as numbers."""
    # Even pieces are text, odd ones digits: tuples of one kind are compared.
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]


def _frozen(array: Array) -> Array:
    """A view that cannot be written to: no metric may change what the next one sees."""
    # A view: the record's array itself stays writable for its owner.
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
