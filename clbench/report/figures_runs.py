"""Figures that look into the runs: over tasks, task by task, and against what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import UserError
from clbench.records import CellRecord, Results
from clbench.report.bins import bin_size, with_bins
from clbench.report.compared import Comparison, SummaryRow
from clbench.report.curves import (
    ACCURACIES,
    AVERAGE,
    LEARNT,
    ONLINE,
    Course,
    ages_by_seed,
    binned_course,
    course_by_seed,
    finished,
    is_measured,
    mean_cost,
    mean_matrix,
    pareto,
    percent_bounds,
)
from clbench.report.drawing import (
    axis_label,
    headed,
    heading,
    look,
    panels,
    shown,
    within,
    write_percentages,
)
from clbench.report.marks import bound_labels
from clbench.report.numbers import spread_out
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

MAX_MATRICES = 24
MATRICES_IN_A_ROW = 4
MAX_FIELDS = 100  # of a matrix, in each direction
MAX_NUMBERED = 6  # tasks of a matrix whose numbers are written into it
MAX_TICKS = 10
MARKERS_OF_A_LINE = 12
MAX_BLOCK_TICKS = 5  # whose numbers are long


def _cells(comparison: Comparison) -> dict[str, dict[str, CellRecord]]:
    """By scenario and strategy, those with something to draw."""
    found: dict[str, dict[str, CellRecord]] = {}
    for cell in comparison.results.cells:
        if cell.tasks and finished(cell):
            found.setdefault(cell.scenario, {})[cell.label] = cell
    if not found:
        raise UserError("no run has accuracies to draw")
    return found


def _looks(comparison: Comparison) -> Mapping[str, dict[str, str]]:
    return look(list(dict.fromkeys(cell.label for cell in comparison.results.cells)))


def _legend(figure: Figure, axes: Sequence[Axes], order: Iterable[str]) -> None:
    """One for all panels, to their right, in the suite's order.

    The figure grows by what it needs.
    """
    drawn = _handles(axes)
    found = {name: drawn[name] for name in order if name in drawn}
    if not found:
        return
    width, height = figure.get_size_inches()
    beside = 0.6 + 0.075 * max(map(len, found))
    figure.set_size_inches(width + beside, max(height, 0.4 + 0.19 * len(found)))
    figure.legend(list(found.values()), list(found), loc="outside right upper")


def _handles(axes: Sequence[Axes]) -> dict[str, Artist]:
    """By strategy, how it is drawn."""
    drawn: dict[str, Artist] = {}
    for ax in axes:
        handles, names = ax.get_legend_handles_labels()
        drawn |= zip(names, handles, strict=True)
    return drawn


# ---------------------------------------------------------------------- curves


def accuracy_over_tasks(comparison: Comparison) -> Figure:
    """A_i, the mean accuracy on the tasks so far, after each task, and the mean's interval."""
    return _course(comparison, AVERAGE, "use the figure `learnt`, or `evaluate: seen`")


def learnt_over_tasks(comparison: Comparison) -> Figure:
    """R_ii, the accuracy on each task when it was learnt: what a loss of plasticity lowers."""
    return _course(comparison, LEARNT, "use the figure `accuracy` or `online`")


def online_over_tasks(comparison: Comparison) -> Figure:
    """Online accuracy by task: predictions on training batches before the update with them."""
    return _course(
        comparison, ONLINE, "add online_accuracy to the suite's metrics and run the suite again"
    )


def _course(comparison: Comparison, course: Course, instead: str) -> Figure:
    """A course over the stream. `instead` is what to do where nobody measured it."""
    curves = _by_scenario(comparison, lambda results, cell: course_by_seed(results, cell, course))
    _check_measured(course, curves, instead)
    return _curves(comparison, curves, course.axis, f"{course.words} (%)", first=1)


def _check_measured(
    course: Course, curves: Mapping[str, Mapping[str, Array]], instead: str
) -> None:
    """An empty figure says nothing."""
    every = (values for found in curves.values() for values in found.values())
    if not any(map(is_measured, every)):
        raise UserError(f"no run has the {course.words}; {instead}")


def forgetting_curves(comparison: Comparison) -> Figure:
    """The accuracy on a task so many tasks after it was learnt, averaged over measured tasks."""
    by_scenario = _by_scenario(comparison, ages_by_seed)
    curves = {name: _as_far_as_measured(found) for name, found in by_scenario.items()}
    longest = max(map(_length, curves.values()))
    if longest < 2 and any(cell.tasks > 1 for cell in comparison.results.cells):
        raise UserError(
            "no task was tested again once others were learnt; `evaluate: {last: n}` does that"
        )
    return _curves(comparison, curves, "tasks learnt since", "accuracy on a task (%)", first=0)


def _as_far_as_measured(found: Mapping[str, Array]) -> dict[str, Array]:
    """Without the ages that no task was tested at: few, where the last tasks alone are tested."""
    # The ages of all strategies, so that lines end together.
    oldest = max(map(_oldest, found.values()))
    return {name: values[:, : oldest + 1] for name, values in found.items()}


def _oldest(values: Array) -> int:
    """The last age that any seed was tested at."""
    tested = np.flatnonzero(~np.isnan(values).all(axis=0))
    return int(tested.max(initial=0))


def _length(found: Mapping[str, Array]) -> int:
    return max(int(values.shape[1]) for values in found.values())


def _by_scenario(
    comparison: Comparison, rows: Callable[[Results, CellRecord], Array]
) -> dict[str, dict[str, Array]]:
    """By scenario and strategy, what `rows` gives of each cell."""
    found: dict[str, dict[str, Array]] = {}
    for scenario, cells in _cells(comparison).items():
        found[scenario] = {name: rows(comparison.results, cell) for name, cell in cells.items()}
    return found


def _curves(
    comparison: Comparison,
    curves: Mapping[str, Mapping[str, Array]],
    below: str,
    beside: str,
    first: int,
) -> Figure:
    """A panel a scenario, a line a strategy; `first` is where the first of the values stands."""
    looks = _looks(comparison)
    figure, axes = panels(len(curves), 4.2, 3.2)
    for ax, (scenario, found) in zip(axes, curves.items(), strict=True):
        length = _length(found)
        size = bin_size(length)
        for name, values in found.items():
            centres, measured = binned_course(values, size)
            if len(centres):
                how = {"label": name, **looks[name]}
                _curve(ax, first + centres, measured, how, comparison.level)
        ax.set_xticks(_ticks(length, size, first))
        ax.set(xlabel=with_bins(below, size), ylabel=beside)
        within(ax, "y", ACCURACIES, "fraction")
        headed(ax, scenario, 3.4)
        ax.grid(color="0.92")
    _legend(figure, axes, looks)
    return figure


def _ticks(length: int, size: int, first: int) -> list[int]:
    """Every task of a short stream, some of a longer one; round numbers where tasks are binned."""
    if size == 1:
        return [first + place for place in spread_out(length, MAX_TICKS)]
    step = bin_size(length, MAX_TICKS)
    return [first, *range(step, length + 1, step)]


def _curve(ax: Axes, at: Array, measured: Array, how: Mapping[str, str], level: float) -> None:
    """A line with its interval; where only a single point was measured, that."""
    low, high = percent_bounds(measured, level)
    every = max(1, len(at) // MARKERS_OF_A_LINE)
    style: dict[str, Any] = {"linewidth": 1.5, "markersize": 4.0, "markevery": every, **how}
    ax.plot(at, 100 * measured.mean(axis=0), **style)
    if len(at) > 1:
        ax.fill_between(at, low, high, color=how["color"], alpha=0.12, linewidth=0)
    elif np.isfinite(low).all():
        ax.plot([at[0]] * 2, [low[0], high[0]], color=how["color"], linewidth=1.0)


# ---------------------------------------------------------------------- matrices


def accuracy_matrices(comparison: Comparison) -> Figure:
    """The mean accuracy matrix of every strategy: rows are tasks learnt, columns tasks tested;
    empty where nothing was measured.

    In a long stream a field is the mean of what was measured in a block of tasks.
    """
    cells = [cell for here in _cells(comparison).values() for cell in here.values()]
    several = len(comparison.scenarios) > 1
    shown_cells = cells[:MAX_MATRICES]
    figure, axes = panels(len(shown_cells), 2.5, 2.5, columns=MATRICES_IN_A_ROW)
    for ax, cell in zip(axes, shown_cells, strict=True):
        image = _matrix(ax, cell)
        headed(ax, heading(cell, several=several), 2.0)
    _colour_bar(figure, axes, image)
    if len(cells) > MAX_MATRICES:
        figure.suptitle(f"the first {MAX_MATRICES} of {len(cells)} matrices")
    return figure


def _matrix(ax: Axes, cell: CellRecord) -> AxesImage:
    size = bin_size(cell.tasks, MAX_FIELDS)
    matrix = mean_matrix(cell, size) * 100
    image = ax.imshow(matrix, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    _matrix_axis(ax, matrix, size)
    return image


def _colour_bar(figure: Figure, axes: list[Axes], image: AxesImage) -> None:
    """One for all matrices, about as high as a row of them."""
    rows = -(-len(axes) // MATRICES_IN_A_ROW)
    shrink = 0.8 if rows == 1 else 1.2 / rows
    figure.colorbar(
        image, ax=axes, label="accuracy (%)", shrink=shrink, anchor=(0.0, 1.0), pad=0.02
    )


def _matrix_axis(ax: Axes, matrix: Array, size: int) -> None:
    """Fields are named by their last task."""
    fields = matrix.shape[1]
    ticks = _named_fields(fields, size)
    names = [str((tick + 1) * size) for tick in ticks]
    ax.set_xticks(ticks, names)
    rows = [tick + 1 for tick in ticks]
    if size == 1:  # row 0 is the untrained network
        rows, names = [0, *rows], ["none", *names]
    ax.set_yticks(rows, names)
    ax.set(xlabel=with_bins("task tested", size), ylabel="tasks learnt")
    ax.spines[:].set_visible(False)
    if fields <= MAX_NUMBERED:
        write_percentages(ax, matrix)


def _named_fields(fields: int, size: int) -> range:
    """From the first on; of blocks those that end with a round number."""
    if size == 1:
        return range(0, fields, -(-fields // MAX_TICKS))
    step = bin_size(fields, MAX_BLOCK_TICKS)
    return range(step - 1, fields, step)


# ---------------------------------------------------------------------- cost


def cost_against_accuracy(comparison: Comparison) -> Figure:
    """What a strategy costs in seconds of training against what it reaches.

    A line joins those that no other beats in both (Pareto), bounds left aside.
    """
    points = _points_by_scenario(comparison)
    looks = _looks(comparison)
    figure, axes = panels(len(points), 4.2, 3.4)
    for ax, (scenario, here) in zip(axes, points.items(), strict=True):
        for point in here:
            _draw_point(ax, point, looks[point.row.strategy], comparison.unit)
        _draw_front(ax, here, comparison)
        _cost_axis(ax, comparison)
        headed(ax, scenario, 3.4)
    _legend(figure, axes, looks)
    return figure


@dataclass(frozen=True)
class _Point:
    """A strategy: what it reaches, and what it costs."""

    row: SummaryRow
    seconds: float


def _points_by_scenario(comparison: Comparison) -> dict[str, list[_Point]]:
    """Those scenarios that have a point."""
    points = {scenario: _points(comparison, scenario) for scenario in comparison.scenarios}
    if not any(points.values()):
        raise UserError(
            "no run says how long its training took (train_seconds), so there is no cost to draw"
        )
    return {scenario: found for scenario, found in points.items() if found}


def _draw_point(ax: Axes, point: _Point, how: Mapping[str, str], unit: str) -> None:
    """A marker with the interval of its mean."""
    row, seconds = point.row, point.seconds
    style: dict[str, Any] = {**how, "linestyle": "none", "markersize": 7.0, "zorder": 3}
    ax.plot(seconds, float(shown(row.mean, unit)), label=row.strategy, **style)
    ends = shown(np.array([row.ci_low, row.ci_high]), unit)
    if np.isfinite(ends).all():
        ax.plot([seconds, seconds], ends, color=how["color"], linewidth=1.0)


def _draw_front(ax: Axes, points: Sequence[_Point], comparison: Comparison) -> None:
    bounds = bound_labels(comparison.results.cells)
    costs = [(one.seconds, one.row.mean) for one in points if one.row.strategy not in bounds]
    front = pareto(costs, higher_is_better=comparison.higher_is_better)
    seconds, means = np.reshape(front, (-1, 2)).T
    ax.plot(seconds, shown(means, comparison.unit), color="0.6", linewidth=1.0, zorder=1)


def _cost_axis(ax: Axes, comparison: Comparison) -> None:
    """Seconds on a logarithmic axis, with round numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set(xlabel="training, seconds a run", ylabel=axis_label(comparison), xscale="log")
    within(ax, "y", comparison.limits, comparison.unit)
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(color="0.92")


def _points(comparison: Comparison, scenario: str) -> list[_Point]:
    """The strategies that have a mean and a cost."""
    results = comparison.results
    cells = {cell.label: cell for cell in results.cells if cell.scenario == scenario}
    points = []
    for row in comparison.summary:
        if row.scenario == scenario and np.isfinite(row.mean):
            seconds = mean_cost(results, cells[row.strategy], "train_seconds")
            if np.isfinite(seconds) and seconds > 0:
                points.append(_Point(row, seconds))
    return points
