"""`clbench import csv`: a table with a row for each seed and task, from whatever wrote it."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from clbench import ImportedRun, Importer, errors

from .reading import files_of, read_text

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
            runs[run][place] = _number(row["accuracy"], source)
        return runs

    def _scale(self, values: Sequence[float]) -> float:
        """What an accuracy of 1 is in this file."""
        if self.unit == "auto":
            # An accuracy of 1 % in all tasks cannot be told from one of 100 %: `unit` says it then.
            return 100.0 if max(values, default=0.0) > 1 else 1.0
        return 100.0 if self.unit == "percent" else 1.0


def _rows(file: Path) -> Iterator[tuple[Mapping[str, str], str]]:
    """Each row with where it stands."""
    rows = csv.DictReader(read_text(file).splitlines())
    _check_columns(rows.fieldnames or (), file)
    for row in rows:
        source = f"{file}, line {rows.line_num}"
        # Fields too many stand under the key None, those too few have None for a value.
        if None in row or None in row.values():
            raise errors.RecordError(f"{source}: it has not as many fields as the first line")
        if not row["strategy"]:
            raise errors.RecordError(f"{source}: there is no strategy in it")
        yield row, source


def _check_columns(columns: Sequence[str], file: Path) -> None:
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        wanted = f"{', '.join(NEEDED)}, and if there are {' and '.join(OPTIONAL)}"
        raise errors.RecordError(f"{file}: it has no column {missing[0]!r}; needed are {wanted}")


def _place(row: Mapping[str, str], source: str) -> tuple[int | None, int]:
    """After how many tasks (None: after all), and which task, from 0."""
    task = _whole(row, "task", source)
    if task < 1:
        raise errors.RecordError(f"{source}: task {task}; tasks are counted from 1")
    after = _whole(row, "after", source) if row.get("after") else None
    return after, task - 1


def _whole(row: Mapping[str, str], name: str, source: str) -> int:
    text = row[name].strip()
    if not text.isdecimal():
        raise errors.RecordError(f"{source}: {name} is {text!r}, and no whole number")
    return int(text)


def _number(text: str, source: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise errors.RecordError(f"{source}: accuracy is {text!r}, and no number") from None


def _matrix(entries: Mapping[tuple[int | None, int], float]) -> np.ndarray[Any, Any]:
    # Tasks may be in the file without having been trained (tested early).
    tasks = max(max(after or 0, task + 1) for after, task in entries)
    accuracy = np.full((tasks + 1, tasks), np.nan)
    for (after, task), value in entries.items():
        accuracy[tasks if after is None else after, task] = value
    return accuracy
