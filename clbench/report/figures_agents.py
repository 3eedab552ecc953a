"""Figures of agents: what each of them reaches beside the others of its seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import UserError
from clbench.records import CellRecord, Results
from clbench.report.bins import bin_means, bin_names, bin_size, with_bins
from clbench.report.compared import Comparison
from clbench.report.curves import (
    ACCURACIES,
    AVERAGE,
    FINAL,
    LEARNT,
    Course,
    binned_course,
    course_by_seed,
    finished,
    is_measured,
    known_to_all,
    percent_bounds,
)
from clbench.report.drawing import (
    COLOURS,
    headed,
    heading,
    lines_key,
    panels,
    within,
    write_percentages,
)
from clbench.report.numbers import spread_out
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS = 24
MAX_TICKS = 8
MAX_FIELDS = 50  # tasks of a matrix, or blocks of them
AGENT_LINE: dict[str, Any] = {"color": "0.55", "linewidth": 0.7}
MEAN_LINE: dict[str, Any] = {"color": COLOURS[0], "linewidth": 2.2}
LOOKS = {
    "an agent, mean over seeds": AGENT_LINE,
    "mean over seeds and agents, with its interval": MEAN_LINE,
}
MAX_NUMBERED = 10  # agents and tasks of a matrix whose numbers are written into it


def agents_over_tasks(comparison: Comparison) -> Figure:
    """A_i, the mean accuracy on the tasks so far: a thin line an agent, the mean of the seeds
    thick, with its interval.

    Where old tasks are not tested again, the accuracy on each task when it was learnt.
    """
    cells = _cells(comparison)
    course = _measured(comparison.results, cells)
    figure, axes = panels(len(cells), 3.2, 2.6, columns=3)
    lowest = 1.0
    for ax, cell in zip(axes, cells, strict=True):
        headed(ax, _heading(comparison, cell), 2.6)
        lowest = min(lowest, _lines(ax, comparison, cell, course))
        ax.grid(color="0.92")
    for ax in axes:
        ax.set_ylim(100 * lowest - 2, 102)
        within(ax, "y", ACCURACIES, "fraction")
    figure.supylabel(f"{course.words} (%)", fontsize="medium")
    lines_key(figure, LOOKS)
    return figure


def agent_matrices(comparison: Comparison) -> Figure:
    """R_Tj: a row an agent, a column a task of its own, the mean over seeds."""
    cells = _cells(comparison)
    found = _measured_at_the_end(comparison.results, cells)
    agents = max(map(len, found))
    figure, axes = panels(len(cells), 3.0, 1.1 + 0.2 * agents, columns=3)
    image = None
    for ax, cell, values in zip(axes, cells, found, strict=True):
        image = ax.imshow(100 * values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        headed(ax, _heading(comparison, cell), 2.6)
        _matrix_axis(ax, cell, 100 * values)
    label = "accuracy after all tasks (%)"
    figure.colorbar(image, ax=axes, label=label, pad=0.02)  # type: ignore[arg-type]
    return figure


# ---------------------------------------------------------------------- what is drawn


def _cells(comparison: Comparison) -> list[CellRecord]:
    """Those with agents and with something to draw."""
    cells = [cell for cell in comparison.results.cells if cell.agents > 1]
    if not cells:
        raise UserError("no cell of this record has agents, so there are none to draw")
    cells = [cell for cell in cells if cell.tasks and finished(cell)]
    if not cells:
        raise UserError("no seed came to its end with all its agents, so there is nothing to draw")
    return cells[:MAX_PANELS]


def _heading(comparison: Comparison, cell: CellRecord) -> str:
    several = len({one.scenario for one in comparison.results.cells}) > 1
    return heading(cell, several=several)


def _measured(results: Results, cells: Sequence[CellRecord]) -> Course:
    """The course to draw, of those that were measured."""
    for course in (AVERAGE, LEARNT):
        if any(is_measured(course_by_seed(results, cell, course)) for cell in cells):
            return course
    raise UserError("no run was tested on the tasks that it learnt")


def _by_agent(results: Results, cell: CellRecord, course: Course) -> Mapping[int, Array]:
    """`[seeds, T]` of each agent, of the seeds whose agents all came to their end."""
    members = finished(cell)
    rows = np.stack([course.of(results.run(cell, member)) for member in members])
    agents = cell.agent[members]
    return {agent: rows[agents == agent] for agent in np.unique(agents).tolist()}


# ---------------------------------------------------------------------- lines


def _lines(ax: Axes, comparison: Comparison, cell: CellRecord, course: Course) -> float:
    """A line an agent, and their mean with its interval; gives the lowest point."""
    size = bin_size(cell.tasks)
    lowest = 1.0
    results = comparison.results
    for values in _by_agent(results, cell, course).values():
        centres, means = binned_course(values, size)
        line = means.mean(axis=0)
        # All panels share an axis, which ends below the lowest line.
        lowest = min(lowest, float(line.min(initial=1.0)))
        ax.plot(centres + 1, 100 * line, **AGENT_LINE)
    by_seed = course_by_seed(results, cell, course)
    lowest = min(lowest, _mean_line(ax, by_seed, size, comparison.level))
    _tasks_axis(ax, cell.tasks)
    ax.set_xlabel(with_bins(course.axis, size))
    return lowest


def _tasks_axis(ax: Axes, tasks: int) -> None:
    ax.set_xticks([1 + task for task in spread_out(tasks, MAX_TICKS)])
    margin = 0.04 * tasks
    ax.set_xlim(1 - margin, tasks + margin)  # also where the first tasks have no average


def _mean_line(ax: Axes, values: Array, size: int, level: float) -> float:
    """The mean over seeds and agents with its interval, whose lowest point is given."""
    centres, means = binned_course(values, size)
    low, high = percent_bounds(means, level)
    ax.plot(centres + 1, 100 * means.mean(axis=0), **MEAN_LINE)
    ax.fill_between(centres + 1, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
    return float(low.min(initial=100.0)) / 100


# ---------------------------------------------------------------------- matrices


def _measured_at_the_end(results: Results, cells: Sequence[CellRecord]) -> list[Array]:
    """The matrix of each cell; some of them must hold something."""
    found = [_final_by_agent(results, cell) for cell in cells]
    if not any(np.isfinite(values).any() for values in found):
        raise UserError(
            "no run was tested on all tasks after the last one; `evaluate: seen` does it"
        )
    return found


def _final_by_agent(results: Results, cell: CellRecord) -> Array:
    """`[agents, tasks or blocks]`, means over seeds."""
    size = bin_size(cell.tasks, MAX_FIELDS)
    rows = []
    for values in _by_agent(results, cell, FINAL).values():
        rows.append(bin_means(known_to_all(values).mean(axis=0), size))
    return np.stack(rows)


def _matrix_axis(ax: Axes, cell: CellRecord, values: Array) -> None:
    names = bin_names(cell.tasks, bin_size(cell.tasks, MAX_FIELDS))
    columns = spread_out(len(names), MAX_TICKS)
    ax.set_xticks(columns, [names[column] for column in columns])
    numbers = np.unique(cell.agent)
    rows = spread_out(len(numbers), MAX_NUMBERED)
    ax.set_yticks(rows, [str(numbers[row]) for row in rows])
    ax.set(xlabel="task", ylabel="agent")
    ax.spines[:].set_visible(False)
    if max(values.shape) <= MAX_NUMBERED:
        write_percentages(ax, values)
