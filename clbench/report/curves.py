"""What runs look like inside, a row a seed: accuracies over tasks, accuracy matrices, what a run costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clbench.errors import UnknownName
from clbench.records import CellRecord, Results
from clbench.records.cell import Array
from clbench.stats.intervals import Interval, mean_intervals

ACCURACIES = (0.0, 1.0)


def finished(cell: CellRecord) -> list[int]:
    """The members that came to their end, with all agents of their seed."""
    members: list[int] = np.flatnonzero(cell.complete).tolist()
    return members


def averages_by_seed(results: Results, cell: CellRecord) -> Array:
    """`[seeds, T]`: A_i, the mean accuracy on the tasks so far, after each task."""
    return _by_seed(cell, [results.run(cell, k).averages for k in finished(cell)])


def ages_by_seed(results: Results, cell: CellRecord) -> Array:
    """`[seeds, T]`: the accuracy on a task so many tasks after it was learnt, over the tasks for which that was measured."""
    return _by_seed(cell, [_by_age(results.run(cell, k).accuracy) for k in finished(cell)])


def accuracy_intervals(values: Array) -> list[Interval]:
    """`[seeds, K]` to the interval of each column's mean, as far as accuracies go."""
    return [interval.cut(ACCURACIES) for interval in mean_intervals(values)]


def mean_matrix(results: Results, cell: CellRecord) -> Array:
    """`[T+1, T]`, the mean over finished runs."""
    matrix: Array = np.mean([results.run(cell, k).accuracy for k in finished(cell)], axis=0)
    return matrix


def mean_cost(results: Results, cell: CellRecord, name: str) -> float:
    """What a run of the cell costs, by a metric such as `train_seconds`; NaN where nobody measured it."""
    try:
        cost = results.metric(name, cell).summary
    except UnknownName:
        return float("nan")
    known = cost[np.isfinite(cost)]
    return float(known.mean()) if len(known) else float("nan")


def pareto(
    points: Sequence[tuple[float, float]], *, higher_is_better: bool = True
) -> list[tuple[float, float]]:
    """Those that no other beats: cheaper and as good, or better at the same cost; cheapest first."""
    sign = 1 if higher_is_better else -1
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not front or sign * value > sign * front[-1][1]:
            front.append((cost, value))
    return front


def _by_seed(cell: CellRecord, rows: Sequence[Array]) -> Array:
    """One row a seed, the mean of its agents."""
    seeds = cell.seed[finished(cell)]
    stacked = np.stack(rows)
    return np.stack([stacked[seeds == seed].mean(axis=0) for seed in np.unique(seeds)])


def _by_age(accuracy: Array) -> Array:
    """`[T+1, T]` to `[T]`: the mean of R_{j+age, j} over j."""
    ages = [np.diagonal(accuracy[1:], -age) for age in range(accuracy.shape[1])]
    return np.array(
        [
            known.mean() if len(known := diagonal[~np.isnan(diagonal)]) else np.nan
            for diagonal in ages
        ]
    )
