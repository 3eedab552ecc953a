"""The tables of a comparison, as plain text in cells: every format draws the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

import numpy as np

from clbench.report.choice_words import best_of
from clbench.report.contest import BASELINE, LIKE_THESE, THESE
from clbench.report.marks import marked_names
from clbench.report.numbers import MISSING, Scale, scale_of, show_level, show_p
from clbench.report.ranking import show_rank

if TYPE_CHECKING:
    from clbench.report.compared import Comparison, Overall, SummaryRow
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
RANK = ColumnOf("rank")
IQM = ColumnOf("IQM", spare=1)
SMALLEST_P = ColumnOf("smallest p", spare=2)
EFFECT = ColumnOf("A", spare=3)
P = ColumnOf("p", spare=4)
SEEDS = ColumnOf("seeds", spare=5)
WON = ColumnOf("a ahead in", spare=3)
WON_BESIDE = ColumnOf("ahead in", spare=3)
SCENARIOS = ColumnOf("scenarios", spare=6)
ADJUSTED_P = ColumnOf("adjusted p", spare=7)
ALWAYS_P = ColumnOf("p however often", spare=8)


def tables(comparison: Comparison) -> list[TableOf]:
    """Those that have rows: the summary, the pairs, and both over scenarios."""
    made = [_summary(comparison), _pairs(TableKind.PAIRS, comparison.pairs, comparison)]
    for overall in (comparison.overall, comparison.like_these):
        if overall is not None:
            made.append(_ranks(overall, comparison))
            made.append(_pairs(TableKind.OVERALL_PAIRS, overall.pairs, comparison))
    return [table for table in made if table.rows]


def level_words(comparison: Comparison) -> str:
    """What a header says of its column's intervals."""
    return f"[{show_level(comparison.level)}]"


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
        self.level = level_words(comparison)
        self.has_groups = any(row.group for row in rows)
        self.names = marked_names(comparison.results.cells)
        self.has_iqm = _any(row.iqm for row in rows)
        self.has_differences = _any(row.effect for row in rows)
        self.grew = _any(row.p_always for row in rows)
        self.has_won = _any(row.won_low for row in rows)
        self.means = scale_of((row.mean for row in rows), comparison.unit)
        self.differences = scale_of((row.difference for row in rows), comparison.unit)

    def columns(self) -> list[ColumnOf]:
        """All but the scenario."""
        unit = unit_of(self.means)
        columns = [STRATEGY, RANK, *([GROUP] if self.has_groups else []), ColumnOf("runs")]
        columns.append(ColumnOf(f"mean {self.level}{unit}"))
        if self.has_iqm:
            columns.append(replace(IQM, header=f"{IQM.header} {self.level}{unit}"))
        if self.has_differences:
            points = unit_of(self.differences, POINTS)
            columns.append(ColumnOf(f"minus {self.baseline} {self.level}{points}"))
            columns += [ADJUSTED_P, *([ALWAYS_P] if self.grew else [])]
            columns += [*([WON_BESIDE] if self.has_won else []), EFFECT]
        return columns

    def cells(self, row: SummaryRow) -> list[str]:
        """A row without its scenario."""
        runs = str(row.n) if row.n == row.n_requested else f"{row.n} of {row.n_requested}"
        mean = self.means.interval(row.mean, row.ci_low, row.ci_high)
        rank = show_rank(row.rank_best, row.rank_worst, row.rank_reason)
        groups = [row.group] if self.has_groups else []
        cells = [self._name(row), rank, *groups, runs, mean]
        if self.has_iqm:
            cells.append(self.means.interval(row.iqm, row.iqm_low, row.iqm_high))
        if self.has_differences:
            cells += self._against_baseline(row)
        return cells

    def _name(self, row: SummaryRow) -> str:
        name = self.names[row.strategy]
        return f"{name} ({best_of(row.best_of)})" if row.best_of else name

    def _against_baseline(self, row: SummaryRow) -> list[str]:
        # What is not always there.
        some = [show_p(row.p_always)] if self.grew else []
        some += [_won(row.won, row.lost, row.compared)] if self.has_won else []
        if row.strategy == self.baseline:
            return ["baseline", "", *("" for _ in some), ""]
        difference = self.differences.interval(
            row.difference, row.difference_low, row.difference_high
        )
        return [_signed(difference), show_p(row.p_adjusted), *some, _effect(row.effect)]


# ---------------------------------------------------------------------- pairs and ranks


def _pairs(kind: TableKind, pairs: Sequence[Pair], comparison: Comparison) -> TableOf:
    scale = scale_of((pair.difference for pair in pairs), comparison.unit)
    names = marked_names(comparison.results.cells)
    columns = _pair_columns(kind, pairs, comparison, scale)
    both = _grew(pairs)
    rows = [_pair_cells(pair, names, scale, comparison, both_p=both) for pair in pairs]
    if len({pair.scenario for pair in pairs}) > 1:
        columns.insert(0, SCENARIO)
        for pair, cells in zip(pairs, rows, strict=True):
            cells.insert(0, pair.scenario or "")
    title = "Every pair"
    if kind is TableKind.OVERALL_PAIRS and pairs:
        title = f"Every pair {_over_words(pairs[0].question)}"
    if comparison.family == BASELINE:
        title = title.replace("Every pair", f"Against {comparison.baseline}")
    tests = ", ".join(dict.fromkeys(pair.test for pair in pairs))
    title = f"{title}: {tests}; intervals are for one difference at a time"
    return TableOf(kind, title, tuple(columns), tuple(map(tuple, rows)))


def _over_words(question: str) -> str:
    return "on these scenarios together" if question == THESE else "on scenarios like these"


def _pair_columns(
    kind: TableKind, pairs: Sequence[Pair], comparison: Comparison, scale: Scale
) -> list[ColumnOf]:
    """All but the scenario."""
    counted = SEEDS
    if comparison.unpaired:
        counted = ColumnOf("runs")
    if kind is TableKind.OVERALL_PAIRS and any(pair.question == LIKE_THESE for pair in pairs):
        counted = SCENARIOS
    level = level_words(comparison)
    difference = ColumnOf(f"a - b {level}{unit_of(scale, POINTS)}")
    names = [ColumnOf("a", "name"), ColumnOf("b", "name")]
    won = [] if comparison.unpaired else [replace(WON, header=f"a ahead in {level}")]
    adjusted = [ADJUSTED_P, ALWAYS_P] if _grew(pairs) else [ADJUSTED_P]
    return [*names, counted, difference, *won, EFFECT, P, *adjusted, SMALLEST_P, VERDICT]


def _grew(pairs: Iterable[Pair]) -> bool:
    """Whether seeds were added after a look, so that there are two p."""
    return _any(pair.p_always for pair in pairs)


def _pair_cells(
    pair: Pair, names: Mapping[str, str], scale: Scale, comparison: Comparison, *, both_p: bool
) -> list[str]:
    """A row without its scenario."""
    return [
        names[pair.a],
        names[pair.b],
        str(pair.n),
        scale.interval(pair.difference, pair.ci_low, pair.ci_high),
        *([] if comparison.unpaired else [won_words(pair)]),
        _effect(pair.effect),
        show_p(pair.p),
        show_p(pair.p_adjusted),
        *([show_p(pair.p_always)] if both_p else []),
        show_p(pair.smallest_p),
        pair.verdict,
    ]


def won_words(pair: Pair) -> str:
    """`9 of 10 [0.60, 0.98]`; a tie is half a seed."""
    if np.isnan(pair.won_low):
        return MISSING
    won = _won(pair.won, pair.lost, pair.n)
    return f"{won} [{pair.won_low:.2f}, {pair.won_high:.2f}]"


def _ranks(overall: Overall, comparison: Comparison) -> TableOf:
    scale = scale_of((row.mean for row in overall.ranks), comparison.unit)
    names = marked_names(comparison.results.cells)
    level = level_words(comparison)
    columns = [STRATEGY, RANK, GROUP, ColumnOf(f"mean over scenarios {level}{unit_of(scale)}")]
    # Where they decide nothing, they are for the figures.
    has_average = not np.isnan(overall.critical_difference)
    if has_average:
        columns.append(ColumnOf("average rank"))
    rows = []
    for row in overall.ranks:
        rank = show_rank(row.rank_best, row.rank_worst, row.rank_reason)
        interval = scale.interval(row.mean, row.ci_low, row.ci_high)
        average = [f"{row.average_rank:.2f}"] if has_average else []
        rows.append((names[row.strategy], rank, row.group, interval, *average))
    scenarios = len(comparison.scenarios)
    title = f"On scenarios like these {scenarios}"
    if overall.question == THESE:
        title = f"On these {scenarios} scenarios together"
    return TableOf(TableKind.OVERALL_RANKS, title, tuple(columns), tuple(rows))


# ---------------------------------------------------------------------- one cell


def _signed(shown: str) -> str:
    return shown if shown == MISSING or shown.startswith("-") else f"+{shown}"


def _won(won: int, lost: int, seeds: int) -> str:
    """`9 of 10`; a tie is half a seed."""
    return f"{won + (seeds - won - lost) / 2:g} of {seeds}" if seeds else MISSING


def _effect(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value:.2f}"


def _any(values: Iterable[float]) -> bool:
    return any(not np.isnan(value) for value in values)
