"""Ranks with ties.

scipy has them too; a comparison of a hundred strategies needs them five thousand times, and without
its import.

Numbers that are equal on paper often differ in their last bits (0.3 - 0.2 and 0.1, or one mean
summed in two orders). Everything that ranks or compares runs takes its ties from here, so that all
of it sees the same ones.
"""

from __future__ import annotations

import numpy as np

from clbench.typing import Array

# Of the largest number: far above rounding errors, far below what a metric resolves.
TOLERANCE = 1e-12


def ranks(values: Array) -> Array:
    """1 for the smallest; what is equal shares the mean of its ranks."""
    group = tie_groups(values)
    count = np.bincount(group)
    highest = np.cumsum(count)
    shared: Array = (highest - (count - 1) / 2)[group]
    return shared


def ranks_in_rows(values: Array) -> Array:
    """`ranks` of every row of a matrix."""
    return np.stack([ranks(row) for row in values])


def tie_groups(values: Array, like: Array | None = None) -> Array:
    """The number of each value's group of equal ones, 0 for the smallest.

    Neighbours in order are equal where they lie within `TOLERANCE` of the largest finite number of
    `like` (of the values themselves unless given). Rounding to so many digits would not do: it
    parts equal numbers that straddle a step.
    """
    values = np.asarray(values, dtype=np.float64)
    order, group = _sorted_groups(values, like)
    return unsorted(group, order)


def settle_ties(values: Array, like: Array | None = None) -> Array:
    """The values, of any shape, with every group of equal ones replaced by its smallest."""
    values = np.asarray(values, dtype=np.float64)
    flat = values.ravel()
    order, group = _sorted_groups(flat, like)
    # In order, each group begins where its number is first found.
    first = np.searchsorted(group, np.arange(group.max(initial=-1) + 1))
    settled = flat[order][first][group]
    return unsorted(settled, order).reshape(values.shape)


def unsorted(ascending: Array, order: Array) -> Array:
    """What was sorted by `order`, back in the order it came in."""
    values = np.empty_like(ascending)
    values[order] = ascending
    return values


def _sorted_groups(values: Array, like: Array | None) -> tuple[Array, Array]:
    """The order of the values, and in that order the number of each one's group."""
    order = np.argsort(values, kind="stable")
    equal = _equal_to_next(values[order], _tolerance(values if like is None else like))
    group = np.zeros(len(values), dtype=np.int64)
    group[1:] = np.cumsum(~equal)
    return order, group


def _equal_to_next(ascending: Array, tolerance: float) -> Array:
    below, above = ascending[:-1], ascending[1:]
    with np.errstate(invalid="ignore"):  # two failed runs: -inf and -inf
        equal: Array = (above == below) | (above - below <= tolerance)
    return equal


def _tolerance(like: Array) -> float:
    """How far apart equal numbers of this size may be; those of failed runs are not finite."""
    finite = like[np.isfinite(like)]
    return float(TOLERANCE * np.abs(finite).max(initial=0.0))
