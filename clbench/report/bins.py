"""Means of neighbouring tasks, so that a stream of thousands of them can be looked at.

A short stream has bins of one task: its numbers are shown as they are.
"""

from __future__ import annotations

import numpy as np

from clbench.records import CellRecord
from clbench.typing import Array

MOST_POINTS = 60  # of a curve
ROUND = (1, 2, 5)  # and ten times these, and so on


def bin_size(count: int, most: int = MOST_POINTS) -> int:
    """The least round number of tasks a bin with which so many tasks make at most so many bins."""
    power = 1
    while True:
        for factor in ROUND:
            if factor * power * most >= count:
                return factor * power
        power *= 10


def bin_means(values: Array, size: int) -> Array:
    """`[..., K]` to `[..., bins]`: the mean of what is known in each bin, NaN where nothing is."""
    if size == 1:
        return values
    starts = np.arange(0, values.shape[-1], size)
    known = ~np.isnan(values)
    # `reduceat` sums from each start to the next one, the last to the end.
    total = np.add.reduceat(np.where(known, values, 0.0), starts, axis=-1)
    count = np.add.reduceat(known.astype(np.int64), starts, axis=-1)
    return _ratio(total, count)


def bin_centres(count: int, size: int) -> Array:
    """The middle of each bin, counted from 0."""
    starts = np.arange(0, count, size)
    return (starts + np.minimum(starts + size, count) - 1) / 2


def bin_names(count: int, size: int) -> list[str]:
    """The tasks of each bin, counted from 1: `7`, or `51-100`."""
    if size == 1:
        return [str(task + 1) for task in range(count)]
    starts = range(0, count, size)
    return [f"{start + 1}-{min(start + size, count)}" for start in starts]


def said_of(size: int) -> str:
    """What is to be said beside binned numbers; nothing where they are single tasks."""
    return "" if size == 1 else f"means of {size} tasks"


def with_bins(label: str, size: int) -> str:
    """A label, and what is to be said of binned numbers in brackets behind it."""
    said = said_of(size)
    return f"{label} ({said})" if said else label


def matrix_means(cell: CellRecord, members: Array, size: int) -> Array:
    """`[1 + bins, bins]`: mean accuracy over members and over blocks of tasks trained and tested.

    Row 0 is the untrained network. Of entries that were not all measured no matrix is made.
    """
    if cell.entries is not None:
        row, column = cell.entries.row, cell.entries.column
        value = mean_of_known(cell.entries.value[members])
        return _blocks(row, column, value, cell.tasks, size)
    assert cell.accuracy is not None
    matrix = mean_of_known(cell.accuracy[members])
    if size == 1:
        return matrix
    rows, columns = np.indices(matrix.shape)
    return _blocks(rows.ravel(), columns.ravel(), matrix.ravel(), cell.tasks, size)


def _blocks(row: Array, column: Array, value: Array, tasks: int, size: int) -> Array:
    """The means of the values in each block of the matrix; NaN where nothing is known."""
    bins = -(-tasks // size)
    # Row 0 stands for itself, rows 1 to `size` are the first bin.
    block_row = -(-row // size)
    block = block_row * bins + column // size
    means = means_of_groups(block, value, (bins + 1) * bins)
    return means.reshape(bins + 1, bins)


def means_of_groups(group: Array, value: Array, count: int) -> Array:
    """`[count]`: the mean of the known values of each group; NaN where nothing is known."""
    known = ~np.isnan(value)
    sizes = np.bincount(group[known], minlength=count)
    totals = np.bincount(group[known], value[known], minlength=count)
    return _ratio(totals, sizes)


def means_by_seed(values: Array, seed: Array) -> Array:
    """`[members, ...]` to `[seeds, ...]`, ascending: of the agents of a seed the mean."""
    return np.array([values[seed == one].mean(axis=0) for one in np.unique(seed)])


def mean_of_known(values: Array, axis: int = 0) -> Array:
    """The mean along an axis of what is known; NaN where nothing is.

    NumPy's `nanmean` would warn of what is empty.
    """
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return _ratio(total, known.sum(axis=axis))


def _ratio(total: Array, count: Array) -> Array:
    """A mean; NaN where nothing was counted."""
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
