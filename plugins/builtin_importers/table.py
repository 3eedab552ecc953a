"""`clbench import csv`: a table with a row for each seed and task, from whatever wrote it."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from numpy import ndarray

from clbench import ImportedRun, Importer, errors

from .reading import files_of, matrix_of, missing, number, read_text, whole_number

NEEDED = ("strategy", "seed", "task", "accuracy")
OPTIONAL = ("scenario", "after")
Run = tuple[str, str, int]  # scenario, strategy, seed
Place = tuple[int | None, int]  # after how many tasks (None: after all), and which task, from 0


class CSV(Importer):
    """Tables with the columns strategy, seed, task and accuracy; scenario, and after, if there are.

    A row is the accuracy on one task, counted from 1, after so many tasks (`after`: 0 before
    training; without that column, after the last). Other columns are left alone.
    """

    name = "csv"
    unsaid: ClassVar[tuple[str, ...]] = ("the stream", "how networks were trained")
    # What accuracies are; `auto`: per cent where one of a file is above 1.
    unit: Literal["auto", "fraction", "percent"] = "auto"
    # What the stream is called where there is no column for it.
    scenario: str = "csv"

    def read(self, paths: Sequence[Path]) -> Iterator[ImportedRun]:
        """The runs of every table."""
        for file in files_of(paths, "*.csv"):
            runs = self._runs(file)
            scale = self._scale([value for run in runs.values() for value in run.values()])
            for (scenario, strategy, seed), entries in runs.items():
                yield ImportedRun(
                    strategy=strategy,
                    scenario=scenario,
                    seed=seed,
                    accuracy=_matrix(entries) / scale,
                    source=f"{file}, {strategy}, seed {seed}",
                )

    def _runs(self, file: Path) -> dict[Run, dict[Place, float]]:
        """The accuracies of each run, by where they stand."""
        runs: dict[Run, dict[Place, float]] = defaultdict(dict)
        for row, source in _rows(file):
            scenario = row.get("scenario") or self.scenario
            run = scenario, row["strategy"], _whole(row, "seed", source)
            place = _place(row, source)
            if place in runs[run]:
                raise errors.RecordError(f"{source}: this task of this run is in the file twice")
            runs[run][place] = number(row["accuracy"], "accuracy", source)
        return runs

    def _scale(self, values: Sequence[float]) -> float:
        """What an accuracy of 1 is in this file."""
        if self.unit == "fraction":
            return 1.0
        # An accuracy of 1 % in all tasks cannot be told from one of 100 %: `unit` says it then.
        if self.unit == "auto" and max(values, default=0.0) <= 1:
            return 1.0
        return 100.0


def _rows(file: Path) -> Iterator[tuple[Mapping[str, str], str]]:
    """Each row with where it stands."""
    rows = csv.DictReader(read_text(file).splitlines())
    _check_columns(rows.fieldnames or (), file)
    for row in rows:
        source = f"{file}, line {rows.line_num}"
        _check_row(row, source)
        yield row, source


def _check_row(row: Mapping[str | None, Any], source: str) -> None:
    # Fields too many stand under the key None, those too few have None for a value.
    if None in row or None in row.values():
        raise errors.RecordError(f"{source}: it has not as many fields as the first line")
    if not row["strategy"]:
        raise errors.RecordError(f"{source}: there is no strategy in it")


def _check_columns(columns: Sequence[str], file: Path) -> None:
    lacking = missing(NEEDED, columns)
    if lacking:
        wanted = f"{', '.join(NEEDED)}, and if there are {' and '.join(OPTIONAL)}"
        raise errors.RecordError(f"{file}: it has no column {lacking!r}; needed are {wanted}")


def _place(row: Mapping[str, str], source: str) -> tuple[int | None, int]:
    """After how many tasks (None: after all), and which task, from 0."""
    task = _whole(row, "task", source)
    if task < 1:
        raise errors.RecordError(f"{source}: task {task}; tasks are counted from 1")
    after = _whole(row, "after", source) if row.get("after") else None
    return after, task - 1


def _whole(row: Mapping[str, str], name: str, source: str) -> int:
    return whole_number(row[name].strip(), name, source)


def _matrix(entries: Mapping[Place, float]) -> ndarray[Any, Any]:
    """What was tested after all tasks stands after the last one."""
    tasks = max(max(after or 0, task + 1) for after, task in entries)
    placed = {}
    for (after, task), value in entries.items():
        placed[tasks if after is None else after, task] = value
    return matrix_of(placed)
