"""What the importers share: which files are meant, their text, and whether numbers agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clbench import errors

# A printed per cent has four digits at least; a mean of fractions is no farther from them.
AGREE_WITHIN = 1e-3


def files_of(paths: Sequence[Path], pattern: str) -> list[Path]:
    """Files as they are named, and for a folder what fits the pattern in it, sorted."""
    files: list[Path] = []
    for path in paths:
        files += _files_in(path, pattern) if path.is_dir() else [_existing(path)]
    return files


def _files_in(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        raise errors.RecordError(
            f"{folder}: there is no {pattern.removeprefix('**/')} in this folder"
        )
    return found


def _existing(file: Path) -> Path:
    if not file.exists():
        raise errors.RecordError(f"{file}: there is no such file")
    return file


def read_text(path: Path) -> str:
    """The file as text; `RecordError` where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise errors.RecordError(f"{path} is no text file") from None
    except OSError as error:
        raise errors.RecordError(f"{path} cannot be read: {error.strerror}") from None


def missing(needed: Sequence[str], columns: Sequence[str]) -> str | None:
    """The first of the columns that a table has to have, and has not."""
    return next((name for name in needed if name not in columns), None)


def whole_number(text: str | None, name: str, source: str) -> int:
    """A field of a table, in digits alone."""
    if text is None or not text.isdecimal():
        raise errors.RecordError(f"{source}: {name} is {text!r}, and no whole number")
    return int(text)


def number(text: str | None, name: str, source: str) -> float:
    """A field of a table."""
    try:
        return float(text or "")
    except ValueError:
        raise errors.RecordError(f"{source}: {name} is {text!r}, and no number") from None


def matrix_of(entries: Mapping[tuple[int, int], float]) -> np.ndarray[Any, Any]:
    """`[T+1, T]` of accuracies by (after so many tasks, on which task from 0); NaN elsewhere."""
    # A task may have been tested before it was trained.
    tasks = max(max(after, task + 1) for after, task in entries)
    accuracy = np.full((tasks + 1, tasks), np.nan)
    for place, value in entries.items():
        accuracy[place] = value
    return accuracy


def check_mean(values: np.ndarray[Any, Any], stated: float, name: str, source: str) -> None:
    """Refuse a file whose mean is not that of its own values: one of the two is wrong."""
    mean = float(values.mean())
    # Fractions: 0.1 of a per cent point.
    if abs(mean - stated) > AGREE_WITHIN:
        raise errors.RecordError(
            f"{source}: {name} is {100 * stated:.2f}, and the mean of its accuracies "
            f"{100 * mean:.2f}"
        )
