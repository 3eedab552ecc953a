"""What the importers share: which files are meant, their text, and whether numbers agree."""

from __future__ import annotations

from collections.abc import Sequence
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
        if path.is_dir():
            found = sorted(path.glob(pattern))
            if not found:
                raise errors.RecordError(
                    f"{path}: there is no {pattern.removeprefix('**/')} in this folder"
                )
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise errors.RecordError(f"{path}: there is no such file")
    return files


def read_text(path: Path) -> str:
    """The file as text; `RecordError` where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise errors.RecordError(f"{path} is no text file") from None
    except OSError as error:
        raise errors.RecordError(f"{path} cannot be read: {error.strerror}") from None


def check_mean(values: np.ndarray[Any, Any], stated: float, name: str, source: str) -> None:
    """Refuse a file whose mean is not that of its own values: one of the two is not what it
    seems.
    """
    mean = float(values.mean())
    # Fractions: 0.1 of a per cent point.
    if abs(mean - stated) > AGREE_WITHIN:
        raise errors.RecordError(
            f"{source}: {name} is {100 * stated:.2f}, and the mean of its accuracies "
            f"{100 * mean:.2f}"
        )
