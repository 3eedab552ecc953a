"""A cell checked, whoever wrote it: types, shapes, and values that make sense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from clbench.records.cell import CellRecord, Entries, select
from clbench.records.fields import FOLDERS
from clbench.records.status import FAILED, MEMBER_STATUS
from clbench.typing import Array

MAX_TASKS = 100_000
TOLERANCE = 1e-6  # of accuracies at 0 and 1, which may come from single precision


def validated(cell: CellRecord) -> CellRecord:
    """The cell checked, its members sorted; `ValueError` says what does not fit."""
    checked = _with_members(cell)
    size = checked.members
    checked.accuracy = None if cell.accuracy is None else _matrix(cell.accuracy, size)
    checked.entries = None if cell.entries is None else _entries(cell.entries, size)
    _check_tasks(checked)
    shape = (size, checked.tasks)
    checked.accuracy_before = _by_task("accuracy_before", cell.accuracy_before, shape)
    checked.loss = _by_task("loss", cell.loss, shape)
    for folder in FOLDERS:
        setattr(checked, folder, _by_member(folder, getattr(cell, folder), size))
    _check_notes(checked)
    return _sorted(checked)


def _with_members(cell: CellRecord) -> CellRecord:
    """The cell, of which it is checked who was run, and how that ended."""
    seed = _integers("seed", cell.seed, None)
    if seed.ndim != 1:
        raise ValueError(f"seed has {seed.ndim} dimensions instead of one")
    size = len(seed)
    return replace(
        cell,
        seed=seed,
        agent=_integers("agent", cell.agent, size),
        member_status=_statuses(cell.member_status, size),
        diverged_at=_integers("diverged_at", cell.diverged_at, size),
        run=_texts("run", cell.run, size),
    )


def _check_tasks(cell: CellRecord) -> None:
    if cell.accuracy is None and cell.entries is None and cell.status != FAILED:
        raise ValueError("there is neither accuracy nor entries")
    if cell.tasks and not 1 <= cell.trained_together <= cell.tasks:
        raise ValueError(
            f"trained_together is {cell.trained_together}; of {cell.tasks} tasks, 1 to {cell.tasks}"
            " can be trained together"
        )


def _check_notes(cell: CellRecord) -> None:
    measured = cell.accuracy if cell.entries is None else cell.entries.value
    for name, value in cell.notes.items():
        if measured is None or value.shape != measured.shape:
            raise ValueError(f"notes/{name} has not the shape of the accuracies")


def _sorted(cell: CellRecord) -> CellRecord:
    """By seed, then agent."""
    # The last key is the first one to sort by.
    order = np.lexsort((cell.agent, cell.seed))
    seed, agent = cell.seed[order], cell.agent[order]
    twice = (np.diff(seed) == 0) & (np.diff(agent) == 0)
    if twice.any():
        first = np.flatnonzero(twice)[0]
        raise ValueError(f"seed {seed[first]} (agent {agent[first]}) is there twice")
    is_sorted = (np.diff(order) == 1).all()
    return cell if is_sorted else select(cell, order)


# ---------------------------------------------------------------------- one array


def _shaped(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    if value.shape != shape:
        raise ValueError(f"{name} has shape {_shown(value.shape)} instead of {_shown(shape)}")
    return value


def _shown(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _numbers(name: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} does not hold numbers")
    return array


def _floats(name: str, value: Any) -> Array:
    return _numbers(name, value).astype(np.float64, copy=False)


def _integers(name: str, value: Any, size: int | None) -> Array:
    array = _numbers(name, value)
    with np.errstate(invalid="ignore"):  # a NaN is not whole, and is said below
        whole: Array = array.astype(np.int64, copy=False)
    if (whole != array).any():
        raise ValueError(f"{name} holds numbers that are not whole")
    return whole if size is None else _shaped(name, whole, (size,))


def _texts(name: str, value: Any, size: int) -> Array:
    array = _shaped(name, np.asarray(value, dtype=object), (size,))
    for text in set(array.tolist()):
        if not isinstance(text, str) or not text.isprintable():
            raise ValueError(f"{name} holds something else than plain text")
    return array


def _statuses(value: Any, size: int) -> Array:
    array = _shaped("member_status", np.asarray(value, dtype=object), (size,))
    for status in set(array.tolist()):
        if status not in MEMBER_STATUS:
            raise ValueError(f"member_status holds {status!r}; known: {', '.join(MEMBER_STATUS)}")
    return array


def _by_task(name: str, value: Any, shape: tuple[int, int]) -> Array | None:
    return None if value is None else _shaped(name, _floats(name, value), shape)


def _by_member(folder: str, arrays: dict[str, Array], size: int) -> dict[str, Array]:
    """The arrays of a folder, each with a row a member."""
    checked = {}
    for name, value in arrays.items():
        array = _numbers(f"{folder}/{name}", value)
        if array.ndim < 1 or len(array) != size:
            raise ValueError(
                f"{folder}/{name} has shape {_shown(array.shape)}, and its first dimension should"
                f" be the {size} members"
            )
        checked[name] = array
    return checked


# ---------------------------------------------------------------------- accuracies


def _fractions(name: str, array: Array) -> Array:
    if (array > 1 + TOLERANCE).any() or (array < -TOLERANCE).any():
        raise ValueError(f"{name} holds values outside 0..1: accuracies are fractions, not percent")
    return array


def _matrix(value: Any, size: int) -> Array:
    array = _floats("accuracy", value)
    if array.ndim != 3 or array.shape[0] != size or array.shape[1] != array.shape[2] + 1:
        raise ValueError(
            f"accuracy has shape {_shown(array.shape)} instead of [{size}, tasks + 1, tasks]"
        )
    return _fractions("accuracy", array)


def _entries(entries: Entries, size: int) -> Entries:
    row = _integers("entries/row", entries.row, None)
    column = _integers("entries/column", entries.column, len(row))
    _check_task_numbers(row, column)
    value = _fractions("entries/value", _floats("entries/value", entries.value))
    checked = Entries(row, column, _shaped("entries/value", value, (size, len(row))))
    _check_each_once(checked)
    return checked


def _check_task_numbers(row: Array, column: Array) -> None:
    numbers = np.concatenate([row, column])
    if (numbers < 0).any():
        raise ValueError("entries/row and entries/column hold numbers below 0")
    if numbers.max(initial=0) > MAX_TASKS:
        raise ValueError(f"entries/row and entries/column name more than {MAX_TASKS} tasks")


def _check_each_once(entries: Entries) -> None:
    row, column = entries.row, entries.column
    # An entry that is named twice is found once: where the second one stands, it finds the first.
    twice = np.flatnonzero(entries.find(row, column) != np.arange(len(row)))
    if len(twice):
        first = twice[0]
        raise ValueError(f"entries name task {column[first] + 1} after {row[first]} tasks twice")
