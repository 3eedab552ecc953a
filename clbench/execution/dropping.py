"""`clbench drop`: cells leave a record while nobody else writes to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clbench.errors import RecordError
from clbench.execution.store import Store
from clbench.records import read_record, write_file
from clbench.records.apart import drop, drop_apart


def drop_from(path: Path, names: Sequence[str], *, force: bool = False) -> tuple[str, ...]:
    """Drop cells by label or key, or without names everything kept apart;
    a line for each cell that went.
    """
    if not path.exists():
        raise RecordError(f"{path}: there is no such file")
    # A run that goes on would write back what it has read.
    with Store(path.resolve().parent, path.stem).hold():
        record = read_record(path)
        dropped = drop(record, names, force=force) if names else drop_apart(record)
        if dropped.lines:
            write_file(path, dropped.record)
    return dropped.lines
