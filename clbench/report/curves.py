"""What runs look like inside, a row a seed: accuracies over tasks, accuracy matrices, costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.errors import UnknownName
from clbench.metrics import RunView, Undefined
from clbench.records import CellRecord, Entries, Results
from clbench.report.bins import (
    bin_centres,
    bin_means,
    matrix_means,
    means_by_seed,
    means_of_groups,
)
from clbench.stats.intervals import Interval, mean_intervals
from clbench.typing import Array

ACCURACIES = (0.0, 1.0)


def finished(cell: CellRecord) -> list[int]:
    """The members that came to their end, with all agents of their seed."""
    members: list[int] = np.flatnonzero(cell.complete).tolist()
    return members


@dataclass(frozen=True)
class Course:
    """A number for every task of a run, over the stream."""

    name: str
    of: Callable[[RunView], Array]
    words: str  # what it is
    axis: str  # what it stands against


AVERAGE = Course(
    "average", lambda run: run.averages, "average accuracy on the tasks so far", "tasks learnt"
)
LEARNT = Course(
    "learnt", lambda run: run.learnt, "accuracy on each task when it was learnt", "task"
)
ONLINE = Course("online", lambda run: run.online, "online accuracy on each task", "task")
FINAL = Course(
    "final", lambda run: after_all_tasks(run), "accuracy on each task after all tasks", "task"
)
COURSES = (AVERAGE, LEARNT, ONLINE)


def after_all_tasks(run: RunView) -> Array:
    """`[T]`: R_Tj; NaN for everything where a task was not tested at the end."""
    try:
        return run.at(run.tasks, np.arange(1, run.tasks + 1))
    except Undefined:
        return np.full(run.tasks, np.nan)


def course_by_seed(results: Results, cell: CellRecord, course: Course) -> Array:
    """`[seeds, T]`: a row a seed, over the finished runs."""
    return _by_seed(cell, [course.of(results.run(cell, k)) for k in finished(cell)])


def ages_by_seed(results: Results, cell: CellRecord) -> Array:
    """`[seeds, T]`: the accuracy on a task so many tasks after it was learnt, over the tasks for
    which that was measured.
    """
    if cell.entries is None:
        return _by_seed(cell, [_by_age(results.run(cell, k)) for k in finished(cell)])
    return _by_seed(cell, _entries_by_age(results, cell, cell.entries))


def known_to_all(values: Array) -> Array:
    """`[seeds, K]` with NaN for everybody where one seed has no value."""
    return np.where(_known_columns(values), values, np.nan)


def _known_columns(values: Array) -> Array:
    """`[seeds, K]` to `[K]`: whether every seed has a value."""
    return np.asarray(~np.isnan(values).any(axis=0))


def is_measured(values: Array) -> bool:
    """Whether `[seeds, K]` is a course, and not its first point alone."""
    points = int(values.shape[1])
    known = int(_known_columns(values).sum())
    return known > min(1, points - 1)


def binned_course(values: Array, size: int) -> tuple[Array, Array]:
    """Where the points of a course `[seeds, K]` lie, from 0, and their values `[seeds, points]`."""
    means = bin_means(known_to_all(values), size)
    there = _known_columns(means)
    centres = bin_centres(values.shape[1], size)
    return centres[there], means[:, there]


def accuracy_intervals(values: Array, level: float = 0.95) -> list[Interval]:
    """`[seeds, K]` to the interval of each column's mean, as far as accuracies go."""
    return [interval.cut(ACCURACIES) for interval in mean_intervals(values, level)]


def percent_bounds(values: Array, level: float) -> tuple[Array, Array]:
    """The lower and the upper ends of those intervals, in percent."""
    intervals = accuracy_intervals(values, level)
    low = np.array([interval.low for interval in intervals])
    high = np.array([interval.high for interval in intervals])
    return 100 * low, 100 * high


def mean_matrix(cell: CellRecord, size: int = 1) -> Array:
    """`[1 + bins, bins]`, the mean over finished runs, and over blocks of so many tasks."""
    return matrix_means(cell, np.array(finished(cell)), size)


def mean_cost(results: Results, cell: CellRecord, name: str) -> float:
    """What a run of the cell costs, by a metric such as `train_seconds`.

    NaN where nobody measured it.
    """
    try:
        cost = results.metric(name, cell).summary
    except UnknownName:
        return float("nan")
    known = cost[np.isfinite(cost)]
    return float(known.mean()) if len(known) else float("nan")


def pareto(
    points: Sequence[tuple[float, float]], *, higher_is_better: bool = True
) -> list[tuple[float, float]]:
    """Those that no other beats, cheapest first: cheaper and as good, or better at that cost."""
    sign = 1 if higher_is_better else -1
    best = -np.inf
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if sign * value > best:
            best = sign * value
            front.append((cost, value))
    return front


def _by_seed(cell: CellRecord, rows: Sequence[Array]) -> Array:
    """One row a seed, the mean of its agents."""
    return means_by_seed(np.stack(rows), cell.seed[finished(cell)])


def _by_age(run: RunView) -> Array:
    """`[T]`: the mean over tasks of the accuracy so many tasks after each was learnt."""
    row, column = np.indices(run.accuracy.shape)
    return _means_by_age(run.learnt_after, row.ravel(), column.ravel(), run.accuracy.ravel())


def _entries_by_age(results: Results, cell: CellRecord, entries: Entries) -> list[Array]:
    """The same of entries, a row a finished run; no matrix is made."""
    rows = []
    for member in finished(cell):
        learnt_after = results.run(cell, member).learnt_after
        value = entries.value[member]
        rows.append(_means_by_age(learnt_after, entries.row, entries.column, value))
    return rows


def _means_by_age(learnt_after: Array, row: Array, column: Array, value: Array) -> Array:
    """By how many tasks were learnt since, the mean of what was measured; NaN where nothing was."""
    age = row - learnt_after[column]
    learnt = age >= 0
    return means_of_groups(age[learnt], value[learnt], len(learnt_after))
