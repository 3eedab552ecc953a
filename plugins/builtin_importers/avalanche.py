"""`clbench import avalanche`: the `eval_results.csv` of Avalanche's CSVLogger (Lomonaco et al.
2021).

A row is one task ("experience", from 0) tested after the training of another; a file is one run,
and says neither of which strategy nor with which seed: that is read off its folders.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from clbench import ImportedRun, Importer, errors

from .reading import files_of, read_text

FILE = "eval_results.csv"
COLUMNS = ("eval_exp", "training_exp", "eval_accuracy")
# `3`, `seed3`, `seed_3`, `run-3`: the number at the end is the seed.
SEED = re.compile(r"(?:(?P<before>.*?)[_-]?(?:seed|run|s)?[_-]?)?(?P<seed>\d+)")
UNTRAINED = "None"  # what is tested before the first training


class Avalanche(Importer):
    """CSV logs of Avalanche: STRATEGY/SEED/eval_results.csv, files or folders that hold them."""

    unsaid: ClassVar[tuple[str, ...]] = (
        "the stream",
        "how networks were trained",
        "the options of the strategies",
    )
    # For files that do not lie in STRATEGY/SEED/: what all of them are of.
    strategy: str | None = None
    seed: int | None = None
    # What the stream is called; no file says it.
    scenario: str = "avalanche"

    def read(self, paths: Sequence[Path]) -> Iterator[ImportedRun]:
        """The runs, a file each."""
        for file in files_of(paths, f"**/{FILE}"):
            strategy, seed = self._whose(file.resolve())
            yield ImportedRun(
                strategy=strategy,
                scenario=self.scenario,
                seed=seed,
                accuracy=_accuracy(file),
                source=str(file),
            )

    def _whose(self, file: Path) -> tuple[str, int]:
        """The strategy and the seed, as the folders say them: er/3/, er/seed_3/ or er_seed3/."""
        folder, above = file.parent.name, file.parent.parent.name
        # `er_seed3` is both: what stands before the number is the strategy.
        found = SEED.fullmatch(folder)
        seed = self.seed
        if seed is None:
            seed = int(found["seed"]) if found else None
        strategy = self.strategy or (found and found["before"]) or above
        if seed is None or not strategy:
            raise errors.RecordError(
                f"{file}: its folders do not say which strategy and seed it is of; move it to"
                " STRATEGY/SEED/, or say it: --set strategy=NAME --set seed=NUMBER"
            )
        return strategy, seed


def _accuracy(file: Path) -> np.ndarray[Any, Any]:
    entries = _entries(file)
    # A task may have been tested before it was trained.
    tasks = max(max(after, task + 1) for after, task in entries)
    accuracy = np.full((tasks + 1, tasks), np.nan)
    for place, value in entries.items():
        accuracy[place] = value
    return accuracy


def _entries(file: Path) -> dict[tuple[int, int], float]:
    """Accuracies by where they stand in the matrix: after so many tasks, on which task."""
    entries: dict[tuple[int, int], float] = {}
    rows = csv.DictReader(read_text(file).splitlines())
    _check_columns(rows.fieldnames or (), file)
    for row in rows:
        source = f"{file}, line {rows.line_num}"
        place = _place(row, source)
        value = _number(row["eval_accuracy"], source)
        # The same number twice is a repeated line, and harmless.
        if entries.setdefault(place, value) != value:
            raise errors.RecordError(
                f"{source}: experience {place[1]} was tested twice after the same training, with"
                " different results; which one counts cannot be told"
            )
    if not entries:
        raise errors.RecordError(f"{file}: no experience was tested")
    return entries


def _check_columns(names: Sequence[str], file: Path) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise errors.RecordError(
            f"{file}: it has no column {missing[0]}; is it Avalanche's {FILE}?"
        )


def _place(row: Mapping[str, str], source: str) -> tuple[int, int]:
    trained = row["training_exp"]
    # Experience i, from 0, is task i + 1.
    after = 0 if trained == UNTRAINED else 1 + _index(trained, "training_exp", source)
    return after, _index(row["eval_exp"], "eval_exp", source)


def _index(text: str | None, name: str, source: str) -> int:
    if text is None or not text.isdecimal():
        raise errors.RecordError(f"{source}: {name} is {text!r}, and no whole number")
    return int(text)


def _number(text: str | None, source: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise errors.RecordError(f"{source}: eval_accuracy is {text!r}, and no number") from None
