"""Looks are noted in the records that were looked at, wherever that can be done safely."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clbench.errors import ClbenchError
from clbench.records.cell import CellRecord
from clbench.records.file import RecordFile
from clbench.records.holding import hold
from clbench.records.looks import Look, append_looks, seeds_of
from clbench.records.reading import looks_in


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


def note_looks(path: Path, record: RecordFile, looks: Sequence[Look]) -> str | None:
    """Note looks in the record that was read from `path`; a line where they could not be."""
    known = {look.content for look in record.looks}
    if all(look.content in known for look in looks):
        return None
    try:
        # What a run, or `import`, writes says where it was made.
        why = _why_left_alone(path, is_ours=bool(record.environment))
        if why is None:
            # A run that goes on would write back what it has read.
            with hold(path.resolve().parent):
                # Somebody may have looked since the record was read.
                append_looks(path, looks_in(path), looks)
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
