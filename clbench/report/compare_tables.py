"""The tables of a comparison, as plain text in cells: every format draws the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

import numpy as np

from clbench.report.choice_words import best_of
from clbench.report.marks import marked_names
from clbench.report.numbers import MISSING, Scale, scale_of, show_p

if TYPE_CHECKING:
    from clbench.report.across import OverallRank
    from clbench.report.compared import Comparison, SummaryRow
    from clbench.report.contest import Pair

PERCENT = {"fraction": ", %", "points": ", points"}
POINTS = {"fraction": ", points", "points": ", points"}  # of differences


class TableKind(Enum):
    """Which table of a comparison it is."""

    SUMMARY = auto()
    PAIRS = auto()
    OVERALL_RANKS = auto()
    OVERALL_PAIRS = auto()


@dataclass(frozen=True)
class ColumnOf:
    """A column's header; whether it holds numbers, names or prose, which stand on the left.

    `spare` counts from 1, and says when a terminal without room leaves it out; 0 is never.
    """

    header: str
    kind: Literal["number", "name", "prose"] = "number"
    spare: int = 0

    @property
    def is_words(self) -> bool:
        """Whether it holds words rather than numbers."""
        return self.kind != "number"


@dataclass(frozen=True)
class TableOf:
    """A table with its rows as they are shown."""

    kind: TableKind
    title: str
    columns: tuple[ColumnOf, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def headers(self) -> tuple[str, ...]:
        """What stands above the columns."""
        return tuple(column.header for column in self.columns)


STRATEGY = ColumnOf("strategy", "name")
SCENARIO = ColumnOf("scenario", "name")
GROUP = ColumnOf("group", "prose")
VERDICT = ColumnOf("verdict", "prose")
IQM = ColumnOf("IQM [95 %]", spare=1)
SMALLEST_P = ColumnOf("smallest p", spare=2)
EFFECT = ColumnOf("A", spare=3)
P = ColumnOf("p", spare=4)
PAIRS = ColumnOf("pairs", spare=5)
SCENARIOS = ColumnOf("scenarios", spare=6)
ADJUSTED_P = ColumnOf("adjusted p", spare=7)


def tables(comparison: Comparison) -> list[TableOf]:
    """Those that have rows: the summary, the pairs, and both over scenarios."""
    overall = comparison.overall
    made = [_summary(comparison), _pairs(TableKind.PAIRS, comparison.pairs, comparison)]
    if overall is not None:
        made.append(_ranks(overall.ranks, comparison))
        made.append(_pairs(TableKind.OVERALL_PAIRS, overall.pairs, comparison))
    return [table for table in made if table.rows]


def unit_of(scale: Scale, words: Mapping[str, str] = PERCENT) -> str:
    """What a header says of its column's unit."""
    return words.get(scale.unit, f", {scale.name}" if scale.name else "")


# ---------------------------------------------------------------------- the summary


def _summary(comparison: Comparison) -> TableOf:
    shown = _Summary(comparison)
    better = "more is better" if comparison.higher_is_better else "less is better"
    columns, rows = shown.columns(), [shown.cells(row) for row in comparison.summary]
    if len(comparison.scenarios) > 1:
        columns.insert(0, SCENARIO)
        for row, cells in zip(comparison.summary, rows, strict=True):
            cells.insert(0, row.scenario)
    title = f"{comparison.metric} ({better})"
    return TableOf(TableKind.SUMMARY, title, tuple(columns), tuple(map(tuple, rows)))


class _Summary:
    """How the summary's rows are shown: what columns there are, and the units that they share."""

    def __init__(self, comparison: Comparison) -> None:
        rows = comparison.summary
        self.baseline = comparison.baseline
        self.names = marked_names(comparison.results.cells)
        self.has_iqm = _any(row.iqm for row in rows)
        self.has_differences = _any(row.effect for row in rows)
        self.means = scale_of((row.mean for row in rows), comparison.unit)
        self.differences = scale_of((row.difference for row in rows), comparison.unit)

    def columns(self) -> list[ColumnOf]:
        """All but the scenario."""
        unit = unit_of(self.means)
        columns = [STRATEGY, ColumnOf("rank"), GROUP, ColumnOf("runs")]
        columns.append(ColumnOf(f"mean [95 %]{unit}"))
        if self.has_iqm:
            columns.append(replace(IQM, header=f"{IQM.header}{unit}"))
        if self.has_differences:
            points = unit_of(self.differences, POINTS)
            columns.append(ColumnOf(f"minus {self.baseline} [95 %]{points}"))
            columns += [ADJUSTED_P, EFFECT]
        return columns

    def cells(self, row: SummaryRow) -> list[str]:
        """A row without its scenario."""
        runs = str(row.n) if row.n == row.n_requested else f"{row.n} of {row.n_requested}"
        mean = self.means.interval(row.mean, row.ci_low, row.ci_high)
        cells = [self._name(row), str(row.rank), row.group, runs, mean]
        if self.has_iqm:
            cells.append(self.means.interval(row.iqm, row.iqm_low, row.iqm_high))
        if self.has_differences:
            cells += self._against_baseline(row)
        return cells

    def _name(self, row: SummaryRow) -> str:
        name = self.names[row.strategy]
        return f"{name} ({best_of(row.best_of)})" if row.best_of else name

    def _against_baseline(self, row: SummaryRow) -> tuple[str, str, str]:
        if row.strategy == self.baseline:
            return ("baseline", "", "")
        difference = self.differences.interval(
            row.difference, row.difference_low, row.difference_high
        )
        return (_signed(difference), show_p(row.p_adjusted), _effect(row.effect))


# ---------------------------------------------------------------------- pairs and ranks


def _pairs(kind: TableKind, pairs: Sequence[Pair], comparison: Comparison) -> TableOf:
    scale = scale_of((pair.difference for pair in pairs), comparison.unit)
    names = marked_names(comparison.results.cells)
    columns = _pair_columns(kind, comparison.unpaired, scale)
    rows = [_pair_cells(pair, names, scale) for pair in pairs]
    if len({pair.scenario for pair in pairs}) > 1:
        columns.insert(0, SCENARIO)
        for pair, cells in zip(pairs, rows, strict=True):
            cells.insert(0, pair.scenario or "")
    title = "Every pair" if kind is TableKind.PAIRS else "Every pair over scenarios"
    tests = ", ".join(dict.fromkeys(pair.test for pair in pairs))
    return TableOf(kind, f"{title}: {tests}", tuple(columns), tuple(map(tuple, rows)))


def _pair_columns(kind: TableKind, unpaired: bool, scale: Scale) -> list[ColumnOf]:
    """All but the scenario."""
    counted = SCENARIOS
    if kind is TableKind.PAIRS:
        counted = ColumnOf("runs") if unpaired else PAIRS
    difference = ColumnOf(f"a - b [95 %]{unit_of(scale, POINTS)}")
    names = [ColumnOf("a", "name"), ColumnOf("b", "name")]
    return [*names, counted, difference, EFFECT, P, ADJUSTED_P, SMALLEST_P, VERDICT]


def _pair_cells(pair: Pair, names: Mapping[str, str], scale: Scale) -> list[str]:
    """A row without its scenario."""
    return [
        names[pair.a],
        names[pair.b],
        str(pair.n),
        scale.interval(pair.difference, pair.ci_low, pair.ci_high),
        _effect(pair.effect),
        show_p(pair.p),
        show_p(pair.p_adjusted),
        show_p(pair.smallest_p),
        pair.verdict,
    ]


def _ranks(ranks: Sequence[OverallRank], comparison: Comparison) -> TableOf:
    scale = scale_of((row.mean for row in ranks), comparison.unit)
    names = marked_names(comparison.results.cells)
    mean = ColumnOf(f"mean over scenarios [95 %]{unit_of(scale)}")
    rows = []
    for row in ranks:
        interval = scale.interval(row.mean, row.ci_low, row.ci_high)
        rows.append((names[row.strategy], f"{row.average_rank:.2f}", row.group, interval))
    title = f"Over the {len(comparison.scenarios)} scenarios"
    columns = (STRATEGY, ColumnOf("average rank"), GROUP, mean)
    return TableOf(TableKind.OVERALL_RANKS, title, columns, tuple(rows))


# ---------------------------------------------------------------------- one cell


def _signed(shown: str) -> str:
    return shown if shown == MISSING or shown.startswith("-") else f"+{shown}"


def _effect(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value:.2f}"


def _any(values: Iterable[float]) -> bool:
    return any(not np.isnan(value) for value in values)
