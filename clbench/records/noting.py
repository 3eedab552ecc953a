"""Looks are noted in the records that were looked at, wherever that can be done safely."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clbench.errors import ClbenchError
from clbench.records.cell import CellRecord
from clbench.records.holding import hold
from clbench.records.looks import Look, append_looks, seeds_of
from clbench.records.reading import read_record


def look_at(
    cells: Iterable[CellRecord],
    metric: str,
    alpha: float,
    test: str,
    rule: Mapping[str, Any] | None = None,
) -> Look:
    """A look at these cells, taken now."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Look(when, seeds_of(cells), metric, alpha, test, rule or {})


def note_looks(looks: Mapping[Path, Sequence[Look]]) -> list[str]:
    """Note what was looked at in each of these records; a line for each where it could not be."""
    found = (_noted(path, mine) for path, mine in looks.items())
    return [line for line in found if line is not None]


def _noted(path: Path, looks: Sequence[Look]) -> str | None:
    """Note looks in one record; where they are not noted, why."""
    try:
        record = read_record(path)
        known = {look.content for look in record.looks}
        if all(look.content in known for look in looks):
            return None
        # What a run, or `import`, writes says where it was made.
        why = _why_left_alone(path, is_ours=bool(record.environment))
        if why is None:
            # A run that goes on would write back what it has read.
            with hold(path.resolve().parent):
                append_looks(path, read_record(path).looks, looks)
            return None
    except (ClbenchError, OSError) as error:
        why = str(error).partition(";")[0]
    return (
        f"{path}: this look at its seeds is not noted in it ({why}),"
        " so a comparison of more seeds will not know of it"
    )


def _why_left_alone(path: Path, *, is_ours: bool) -> str | None:
    """Why nothing is written to a record that could perhaps be written to."""
    # By its mode: root may write to every file, and means no more by it.
    if not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        return "it is read-only"
    return None if is_ours else "clbench did not write it"
