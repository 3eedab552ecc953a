"""The arithmetic of accuracy matrices: `accuracy[i, j-1]` is task j after i tasks, row 0 untrained.

NaN is what nobody measured. It is never averaged away: whoever asks for it is told which task was
not evaluated when.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clbench.metrics.base import Summary, Undefined
from clbench.typing import Array


def demanded(
    find: Callable[[Array, Array], Array], after: Any, task: Any, enough: int | None = None
) -> Array:
    """Accuracies on tasks (from 1) after so many trained ones, arrays as numpy broadcasts them;
    `Undefined` where one is missing.

    `find(row, column)` gives them, NaN where nothing was measured. Where no more than `enough` were
    measured at all, a demand for a million more is answered after as many.
    """
    # Only some of the demanded entries can exist: looking at one more than there are finds a
    # missing one without building a table of all.
    if enough is not None and np.broadcast(after, task).size > enough:
        rows, tasks = (places.flat[: enough + 1] for places in np.broadcast_arrays(after, task))
        _complete(find(rows, tasks - 1), rows, tasks)
    values = find(np.asarray(after), np.asarray(task) - 1)
    _complete(values, after, task)
    return values


def _complete(values: Array, after: Any, task: Any) -> None:
    missing = np.isnan(values)
    if missing.any():
        rows, tasks = np.broadcast_arrays(after, task)
        when = int(rows[missing][0])
        raise Undefined(
            f"task {int(tasks[missing][0])} was not evaluated "
            + (f"after task {when}" if when else "before training")
        )


def average_over_time(accuracy: Array) -> Array:
    """A_1..A_T: A_i is the mean over tasks 1..i after task i; NaN where one was not evaluated."""
    tasks = accuracy.shape[1]
    # Row i - 1 of the matrix without row 0: true for the tasks 1..i.
    seen = np.tri(tasks, dtype=bool)
    # NaN within the triangle stays NaN; beyond it zeros are added.
    averages: Array = np.where(seen, accuracy[1:], 0.0).sum(axis=1) / np.arange(1, tasks + 1)
    return averages


def average_over_entries(row: Array, column: Array, value: Array, tasks: int) -> Array:
    """The same from the entries measured."""
    # Tasks trained by then: column j - 1 < i.
    seen = column < row
    total, count = (
        # Sums and counts by row.
        np.bincount(row[seen], weights, tasks + 1)[1:]
        for weights in (value[seen], np.ones(int(seen.sum())))
    )
    wanted = np.arange(1, tasks + 1)
    # Only where all i tasks were measured is the mean that of tasks 1..i.
    averages: Array = np.where(count == wanted, total / wanted, np.nan)
    return averages


def matrix_of(row: Array, column: Array, value: Array, tasks: int) -> Array:
    """The matrices `[..., T+1, T]` in which only these entries were measured."""
    matrix = np.full((*value.shape[:-1], tasks + 1, tasks), np.nan)
    matrix[..., row, column] = value
    return matrix


def summarise(values: Array, how: Summary) -> Array:
    """`[S, K]` to `[S]`, as a metric's `summary` says; NaN where it depends on a missing value."""
    if values.shape[1] == 0 or how == "none":
        return np.full(len(values), np.nan)
    if how == "last":
        return values[:, -1]
    reductions: dict[str, Callable[..., Array]] = {
        "mean": np.mean,
        "min": np.min,
        "max": np.max,
        "sum": np.sum,
    }
    return reductions[how](values, axis=1)
