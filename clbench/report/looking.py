"""A comparison is a look at a record's seeds, and the record is told."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from clbench.records import CellRecord, RecordFile, Results, read_record
from clbench.records.looks import Look
from clbench.records.noting import look_at, note_looks
from clbench.report.compared import Comparison
from clbench.report.pool import Source
from clbench.report.stated import stated_rule


def note(comparisons: Iterable[Comparison], records: Mapping[Path, RecordFile]) -> list[str]:
    """Note in each of these records that its seeds were compared; a line where that cannot be."""
    tested = list(filter(_tests, comparisons))
    lines = []
    for path, record in records.items():
        cells = _looked_at(record, records.values())
        looks = [_look(comparison, record, cells) for comparison in tested]
        lines.append(note_looks(path, record, looks))
    return list(filter(None, lines))


def note_files(comparison: Comparison, sources: Source | Sequence[Source]) -> None:
    """Note it in those of the sources that are files; warnings where that cannot be."""
    given = [sources] if isinstance(sources, Results | Path | str) else sources
    for line in note([comparison], _read(given)):
        warnings.warn(line, stacklevel=3)


def _read(sources: Iterable[Source]) -> dict[Path, RecordFile]:
    """Those of the sources that are files."""
    paths = [Path(source) for source in sources if not isinstance(source, Results)]
    return {path: read_record(path) for path in paths}


def _looked_at(record: RecordFile, every: Iterable[RecordFile]) -> list[CellRecord]:
    """The cells of a record, and those of others that they were compared with."""
    cells = list(record.cells)
    for other in every:
        # A key without content is only a name, which other records may give to other things.
        cells += [cell for cell in other.cells if cell.content and other is not record]
    return cells


def _look(comparison: Comparison, record: RecordFile, cells: Iterable[CellRecord]) -> Look:
    test = ", ".join(_tests(comparison))
    rule = stated_rule(record.suite_text)
    # A look at a run that is not over, too, was taken when its looks had been declared.
    declared = {} if rule is None else rule.to_plain()
    return look_at(cells, comparison.metric, comparison.alpha, test, declared)


def _tests(comparison: Comparison) -> list[str]:
    """The tests that pairs were compared by; none where no two could be."""
    return sorted({pair.test for pair in comparison.pairs if not math.isnan(pair.p)})
