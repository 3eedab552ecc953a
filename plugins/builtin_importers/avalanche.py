"""`clbench import avalanche`: `eval_results.csv` of Avalanche's CSVLogger (Lomonaco et al. 2021).

A row is one task ("experience", from 0) tested after the training of another; a file is one run,
and says neither of which strategy nor with which seed: that is read off its folders.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from clbench import ImportedRun, Importer, errors

from .reading import files_of, matrix_of, missing, number, read_text, whole_number

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
                accuracy=matrix_of(_entries(file)),
                source=str(file),
            )

    def _whose(self, file: Path) -> tuple[str, int]:
        """The strategy and the seed, as the folders say them: er/3/, er/seed_3/ or er_seed3/."""
        named, seed = _named_by(file.parent.name)
        strategy = self.strategy or named or file.parent.parent.name
        if self.seed is not None:
            seed = self.seed
        if seed is None or not strategy:
            raise errors.RecordError(
                f"{file}: its folders do not say which strategy and seed it is of; move it to"
                " STRATEGY/SEED/, or say it: --set strategy=NAME --set seed=NUMBER"
            )
        return strategy, seed


def _named_by(folder: str) -> tuple[str | None, int | None]:
    """The strategy and the seed in the name of a folder, where they are in it."""
    found = SEED.fullmatch(folder)
    if found is None:
        return None, None
    # `er_seed3` is both: what stands before the number is the strategy.
    return found["before"], int(found["seed"])


def _entries(file: Path) -> dict[tuple[int, int], float]:
    """Accuracies by where they stand in the matrix: after so many tasks, on which task."""
    entries: dict[tuple[int, int], float] = {}
    rows = csv.DictReader(read_text(file).splitlines())
    _check_columns(rows.fieldnames or (), file)
    for row in rows:
        source = f"{file}, line {rows.line_num}"
        value = number(row["eval_accuracy"], "eval_accuracy", source)
        _add(entries, _place(row, source), value, source)
    if not entries:
        raise errors.RecordError(f"{file}: no experience was tested")
    return entries


def _add(
    entries: dict[tuple[int, int], float], place: tuple[int, int], value: float, source: str
) -> None:
    # The same number twice is a repeated line, and harmless.
    if entries.setdefault(place, value) != value:
        raise errors.RecordError(
            f"{source}: experience {place[1]} was tested twice after the same training, with"
            " different results; which one counts cannot be told"
        )


def _check_columns(names: Sequence[str], file: Path) -> None:
    lacking = missing(COLUMNS, names)
    if lacking:
        raise errors.RecordError(f"{file}: it has no column {lacking}; is it Avalanche's {FILE}?")


def _place(row: Mapping[str, str], source: str) -> tuple[int, int]:
    after, trained = 0, row["training_exp"]
    if trained != UNTRAINED:
        # Experience i, from 0, is task i + 1.
        after = 1 + whole_number(trained, "training_exp", source)
    return after, whole_number(row["eval_exp"], "eval_exp", source)
