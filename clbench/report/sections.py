"""What a leaderboard consists of: sections, each of what is ranked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clbench.records import CellRecord, RecordFile, Results
from clbench.report.compared import Comparison
from clbench.report.reproduction import Repeat


@dataclass(frozen=True)
class Source:
    """A record as it is published: `place` is its path from the leaderboard's folder."""

    record: RecordFile
    path: Path
    place: str


@dataclass(frozen=True)
class Section:
    """Records of one suite, or of suites with the same streams and budget.

    The first of its comparisons leads.
    """

    title: str
    sources: tuple[Source, ...]
    comparisons: Mapping[str, Comparison]  # by metric
    repeats: Mapping[str, tuple[Repeat, ...]]  # by cell
    results: Results = field(repr=False)

    @property
    def main(self) -> Comparison:
        """By the metric that the suite compares."""
        return next(iter(self.comparisons.values()))

    def repeats_of(self, cell: CellRecord) -> tuple[Repeat, ...]:
        """What was found where it was measured again."""
        return self.repeats.get(cell.key, ())
