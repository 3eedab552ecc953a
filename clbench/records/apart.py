"""What a record keeps beside what its suite asks for.

These are cells of an older state of the suite, and seeds that were taken away. Nothing measured is
lost by an edit of the suite, and nothing of it is shown, compared or published unless somebody
asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clbench.errors import UserError, shown, suggest
from clbench.records.cell import CellRecord, select
from clbench.records.file import RecordFile
from clbench.records.status import status_of
from clbench.typing import Array
from clbench.words import counted

SEEDS = "the suite no longer asks for these seeds"
CELL = "the suite no longer asks for it"
KEY_LETTERS = 8  # of a key, where a label alone does not tell cells apart

Labelled = tuple[str, CellRecord]


def divided(
    cell: CellRecord, seeds: Collection[int], why: str = SEEDS
) -> tuple[CellRecord | None, CellRecord | None]:
    """A cell's part with these seeds, and the rest, which is kept apart.

    None where a part is empty.
    """
    asked = np.isin(cell.seed, list(seeds))
    return _part(cell, asked, ""), _part(cell, ~asked, why)


def _part(cell: CellRecord, rows: Array, apart: str) -> CellRecord | None:
    if rows.all():
        return replace(cell, apart=apart)
    if not rows.any():
        return None
    part = replace(select(cell, rows), apart=apart)
    part.status = status_of(part.member_status)
    return part


def labels_apart(record: RecordFile) -> list[Labelled]:
    """The cells kept apart, each with a label that is no other cell's of its scenario."""
    names = Counter((cell.scenario, cell.label) for cell in [*record.cells, *record.apart])
    found = []
    for cell in record.apart:
        # Two states of a cell go by one label; the letters of their keys tell them apart.
        alone = names[cell.scenario, cell.label] == 1
        found.append((cell.label if alone else f"{cell.label} [{cell.key[:KEY_LETTERS]}]", cell))
    return found


def apart_line(record: RecordFile) -> str | None:
    """In one line what is kept apart, how to see it, and how to be rid of it."""
    if not record.apart:
        return None
    asked = {cell.key for cell in record.cells}
    cells = sum(cell.key not in asked for cell in record.apart)
    # Of a cell that the suite still asks for, only some seeds are kept apart.
    seeds = sum(_seeds(cell) for cell in record.apart if cell.key in asked)
    counts = []
    if cells:
        counts.append(counted(cells, "cell"))
    if seeds:
        of_others = " of other cells" if cells else ""
        counts.append(f"{counted(seeds, 'seed')}{of_others}")
    verb, it = ("is", "it") if cells + seeds == 1 else ("are", "them")
    return (
        f"{' and '.join(counts)} that the suite no longer asks for {verb} kept apart:"
        f" `clbench show RECORD --all` shows {it}, `clbench drop` removes {it}"
    )


def _seeds(cell: CellRecord) -> int:
    return len(np.unique(cell.seed))


# ---------------------------------------------------------------------- dropping


@dataclass(frozen=True)
class Dropped:
    """What is left of a record, and a line for each cell that went."""

    record: RecordFile
    lines: tuple[str, ...]


def drop(record: RecordFile, names: Sequence[str], *, force: bool = False) -> Dropped:
    """The record without the cells of these labels or keys.

    Of a cell that the suite asks for only seeds that are kept apart can go, unless `force` is
    given.
    """
    labels_asked = [(cell.label, cell) for cell in record.cells]
    labels = labels_apart(record)
    gone: list[Labelled] = []
    for name in names:
        apart, asked = _named(name, labels), _named(name, labels_asked)
        if not (apart or asked):
            known = {label for label, _ in (*labels, *labels_asked)}
            raise UserError(f"the record has no cell {shown(name)}{suggest(name, known)}")
        if not (apart or force):
            raise UserError(
                f"the suite asks for {shown(name)}, so it is not dropped; take it out of the suite"
                " and run that, or insist with --force"
            )
        gone += [*apart, *asked] if force else apart
    return _without(record, gone)


def _named(name: str, cells: Iterable[Labelled]) -> list[Labelled]:
    """Those of this label, or this key."""
    return [(label, cell) for label, cell in cells if name in (label, cell.key)]


def drop_apart(record: RecordFile) -> Dropped:
    """The record with nothing kept apart."""
    return _without(record, labels_apart(record))


def _without(record: RecordFile, gone: Iterable[Labelled]) -> Dropped:
    # A cell that was named twice, by its label and by its key, goes once.
    once = {id(cell): (label, cell) for label, cell in gone}
    cells = [cell for cell in record.cells if id(cell) not in once]
    apart = [cell for cell in record.apart if id(cell) not in once]
    left = replace(record, cells=cells, apart=apart)
    return Dropped(left, tuple(_told(label, cell) for label, cell in once.values()))


def _told(label: str, cell: CellRecord) -> str:
    return f"{cell.scenario}, {label}: {counted(_seeds(cell), 'seed')}"
