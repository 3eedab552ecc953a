"""The entries of the leaderboard's page: how each cell was made, its cost, how its runs went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from clbench.records import CellRecord, Results
from clbench.records.cell import DECLARATIONS
from clbench.records.provenance import runs_of
from clbench.report.bins import bin_names, bin_size
from clbench.report.curves import (
    COURSES,
    accuracy_intervals,
    binned_course,
    course_by_seed,
    finished,
    is_measured,
    mean_cost,
    mean_matrix,
)
from clbench.report.repeat_words import repeat_mark, repeat_sentence
from clbench.report.reproduction import Repeat
from clbench.report.sections import Section
from clbench.typing import Array

MAX_TASKS = 20  # of a matrix, or blocks of them
MAX_ERROR = 2_000  # letters of a traceback, from its end
COSTS = {
    "train_seconds": "seconds",
    "peak_memory": "bytes",
    "parameters": "count",
    "state_bytes": "bytes",
    "bytes_sent": "bytes",
}
ENTRY_KEYS = (
    "label",
    "scenario",
    "strategy",
    "key",
    "options",
    "protocol",
    "form",
    "status",
    "about",
    "papers",
    "defaults",
    "agents",
)


def entry(section: Section, cell: CellRecord) -> dict[str, Any]:
    """One cell: how it was made, what it cost, and what its runs look like inside."""
    results = section.results
    repeats = section.repeats_of(cell)
    made = {name: getattr(cell, name) for name in ENTRY_KEYS}
    declared = {name: DECLARATIONS[name] for name in cell.declared}
    return {
        **made,
        "code": _code(results, cell),
        "declared": declared,
        "seeds": sorted(set(cell.seed.tolist())),
        "runs": _seeds_of_runs(results, cell),
        "ended": _ended(cell),
        "errors": [error[-MAX_ERROR:] for error in cell.errors],
        "costs": _costs(results, cell),
        "again": repeat_mark(repeats),
        "repeats": list(map(_repeat, repeats)),
        **_inside(results, cell),
    }


def _costs(results: Results, cell: CellRecord) -> dict[str, float]:
    return {name: mean_cost(results, cell, name) for name in COSTS}


def _repeat(one: Repeat) -> dict[str, Any]:
    return {**asdict(one), "words": repeat_sentence(one)}


def _code(results: Results, cell: CellRecord) -> list[dict[str, str]]:
    """What made the cell's numbers, in which version, and which plugin it came with."""
    plugins = _plugins_by_code(results, cell)
    found = []
    for what, version in _texts(cell.content.get("versions")).items():
        found.append({"what": what, "plugin": plugins.get(version, ""), "version": version})
    return found


def _plugins_by_code(results: Results, cell: CellRecord) -> dict[str, str]:
    """The plugins that the cell's runs had, by the hash of what came with them."""
    plugins = {}
    for run, _ in runs_of(results.record, cell):
        for name, version in _texts(run.get("plugins")).items():
            # `clbench 0.2.0 sha256:...`
            package, _, code = version.rpartition(" ")
            plugins[code] = f"{name}, {package}" if package else name
    return plugins


def _texts(told: Any) -> dict[str, str]:
    """What a record may hold by name; nothing where a stranger's holds something else."""
    if not isinstance(told, Mapping):
        return {}
    return {str(name): str(value) for name, value in told.items()}


def _seeds_of_runs(results: Results, cell: CellRecord) -> list[list[Any]]:
    """Which of the cell's seeds each run made."""
    runs = runs_of(results.record, cell)
    return [[run["id"], seeds] for run, seeds in runs if run.get("id")]


def _ended(cell: CellRecord) -> list[tuple[str, int, int, int]]:
    """The runs that did not finish: how they ended, with which seed and agent, in which step."""
    rows = ~cell.done
    columns = (cell.member_status, cell.seed, cell.agent, cell.diverged_at)
    return list(zip(*(column[rows].tolist() for column in columns), strict=True))


def _inside(results: Results, cell: CellRecord) -> dict[str, Any]:
    """What the cell's runs look like: courses over tasks, and the matrix."""
    if not cell.tasks or not finished(cell):  # there is nothing to draw
        return {"curves": {}, "matrix": None}
    return {"curves": _courses(results, cell), "matrix": _matrix(cell)}


def _matrix(cell: CellRecord) -> dict[str, Any]:
    """In blocks if need be, which are named by their tasks, and found by the last of them."""
    size = bin_size(cell.tasks, MAX_TASKS)
    names = bin_names(cell.tasks, size)
    ends = [min((block + 1) * size, cell.tasks) for block in range(len(names))]
    return {"size": size, "tasks": names, "ends": ends, "values": mean_matrix(cell, size)}


def _courses(results: Results, cell: CellRecord) -> dict[str, Any]:
    """By name, those that were measured."""
    values = {course.name: course_by_seed(results, cell, course) for course in COURSES}
    return {name: _curve(found) for name, found in values.items() if is_measured(found)}


def _curve(values: Array) -> dict[str, Any]:
    """How many tasks a point is the mean of; and of each its last task, the mean, its interval."""
    tasks = values.shape[1]
    size = bin_size(tasks)
    centres, means = binned_course(values, size)
    ends = np.minimum((centres // size + 1) * size, tasks).astype(int)
    return {"size": size, "points": _points(ends, means)}


def _points(ends: Array, means: Array) -> list[list[Any]]:
    """Of each of `means [seeds, K]` where it ends, the mean over seeds, and its interval."""
    points = []
    found = zip(ends.tolist(), means.mean(axis=0), accuracy_intervals(means), strict=True)
    for end, mean, interval in found:
        points.append([end, mean, interval.low, interval.high])
    return points
