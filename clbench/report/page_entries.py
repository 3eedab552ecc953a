"""The entries of the leaderboard's page: how each cell was made, what it cost, and what its runs
look like inside.
"""

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
    # Of a cell without a finished seed there is nothing to draw.
    inside: dict[str, Any] = {"curves": {}, "matrix": None}
    if cell.tasks and finished(cell):
        inside = _inside(section, cell)
    errors = [error[-MAX_ERROR:] for error in cell.errors]
    costs = {name: mean_cost(results, cell, name) for name in COSTS}
    repeats = section.repeats.get(cell.key, ())
    told = [{**asdict(one), "words": repeat_sentence(one)} for one in repeats]
    declared = {name: DECLARATIONS[name] for name in cell.declared}
    return {
        **{name: getattr(cell, name) for name in ENTRY_KEYS},
        "code": _code(results, cell),
        "declared": declared,
        "seeds": sorted(set(cell.seed.tolist())),
        "runs": _seeds_of_runs(results, cell),
        "ended": _ended(cell),
        "errors": errors,
        "costs": costs,
        "again": repeat_mark(repeats),
        "repeats": told,
        **inside,
    }


def _code(results: Results, cell: CellRecord) -> list[dict[str, str]]:
    """What made the cell's numbers, in which version, and which plugin it came with."""
    plugins: dict[str, str] = {}
    for run, _ in runs_of(results.record, cell):
        for name, version in _texts(run.get("plugins")).items():
            # `clbench 0.2.0 sha256:...`: the hash is that of what came with the plugin.
            package, _, code = version.rpartition(" ")
            plugins[code] = f"{name}, {package}" if package else name
    versions = _texts(cell.content.get("versions"))
    found = []
    for what, version in versions.items():
        found.append({"what": what, "plugin": plugins.get(version, ""), "version": version})
    return found


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
    found = []
    for row in np.flatnonzero(~cell.done):
        where = int(cell.seed[row]), int(cell.agent[row]), int(cell.diverged_at[row])
        found.append((str(cell.member_status[row]), *where))
    return found


def _inside(section: Section, cell: CellRecord) -> dict[str, Any]:
    """What the cell's runs look like: courses over tasks, and the matrix, in blocks if need be."""
    size = bin_size(cell.tasks, MAX_TASKS)
    names = bin_names(cell.tasks, size)
    ends = [min((block + 1) * size, cell.tasks) for block in range(len(names))]
    values = mean_matrix(cell, size)
    # Blocks are named by their tasks, and found by the last of them.
    matrix = {"size": size, "tasks": names, "ends": ends, "values": values}
    return {"curves": _courses(section.results, cell), "matrix": matrix}


def _courses(results: Results, cell: CellRecord) -> dict[str, Any]:
    """By name, those that were measured."""
    values = {course.name: course_by_seed(results, cell, course) for course in COURSES}
    return {name: _curve(found) for name, found in values.items() if is_measured(found)}


def _curve(values: Array) -> dict[str, Any]:
    """How many tasks a point is the mean of; and of each its last task, the mean, its interval."""
    tasks = values.shape[1]
    size = bin_size(tasks)
    centres, means = binned_course(values, size)
    last = np.minimum((centres // size + 1) * size, tasks).astype(int)
    points = []
    found = zip(last, means.mean(axis=0), accuracy_intervals(means), strict=True)
    for end, mean, interval in found:
        points.append([int(end), mean, interval.low, interval.high])
    return {"size": size, "points": points}
