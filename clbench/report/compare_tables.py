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
from clbench.report.words import where_words

if TYPE_CHECKING:
    from clbench.report.across import OverallRank
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
    title = f"{comparison.metric} ({better})"
    scenarios = [row.scenario for row in comparison.summary]
    rows = [shown.cells(row) for row in comparison.summary]
    return _table(TableKind.SUMMARY, title, shown.columns(), rows, scenarios)


def _table(
    kind: TableKind,
    title: str,
    columns: Sequence[ColumnOf],
    rows: Sequence[Sequence[str]],
    scenarios: Sequence[str | None],
) -> TableOf:
    """The table; where there are several scenarios, each row begins with its own."""
    if len(set(scenarios)) > 1:
        columns = [SCENARIO, *columns]
        rows = [[where or "", *row] for where, row in zip(scenarios, rows, strict=True)]
    return TableOf(kind, title, tuple(columns), tuple(map(tuple, rows)))


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
            columns += self._baseline_columns()
        return columns

    def _baseline_columns(self) -> list[ColumnOf]:
        points = unit_of(self.differences, POINTS)
        columns = [ColumnOf(f"minus {self.baseline} {self.level}{points}"), ADJUSTED_P]
        if self.grew:
            columns.append(ALWAYS_P)
        if self.has_won:
            columns.append(WON_BESIDE)
        return [*columns, EFFECT]

    def cells(self, row: SummaryRow) -> list[str]:
        """A row without its scenario."""
        groups = [row.group] if self.has_groups else []
        cells = [self._name(row), _rank(row), *groups, _runs(row), _mean(row, self.means)]
        if self.has_iqm:
            cells.append(self.means.interval(row.iqm, row.iqm_low, row.iqm_high))
        if self.has_differences:
            cells += self._against_baseline(row)
        return cells

    def _name(self, row: SummaryRow) -> str:
        name = self.names[row.strategy]
        return f"{name} ({best_of(row.best_of)})" if row.best_of else name

    def _against_baseline(self, row: SummaryRow) -> list[str]:
        if row.strategy == self.baseline:
            empty = len(self._baseline_columns()) - 1
            return ["baseline", *[""] * empty]
        cells = [self._difference(row), show_p(row.p_adjusted)]
        if self.grew:
            cells.append(show_p(row.p_always))
        if self.has_won:
            cells.append(_won(row.won, row.lost, row.compared))
        return [*cells, _effect(row.effect)]

    def _difference(self, row: SummaryRow) -> str:
        low, high = row.difference_low, row.difference_high
        return _signed(self.differences.interval(row.difference, low, high))


# ---------------------------------------------------------------------- pairs and ranks


def _pairs(kind: TableKind, pairs: Sequence[Pair], comparison: Comparison) -> TableOf:
    scale = scale_of((pair.difference for pair in pairs), comparison.unit)
    names = marked_names(comparison.results.cells)
    both = _grew(pairs)
    rows = [_pair_cells(pair, names, scale, comparison, both_p=both) for pair in pairs]
    columns = _pair_columns(kind, pairs, comparison, scale)
    scenarios = [pair.scenario for pair in pairs]
    return _table(kind, _pairs_title(kind, pairs, comparison), columns, rows, scenarios)


def _pairs_title(kind: TableKind, pairs: Sequence[Pair], comparison: Comparison) -> str:
    """Who is compared, over what, by which tests."""
    who = "Every pair"
    if comparison.family == BASELINE:
        who = f"Against {comparison.baseline}"
    if kind is TableKind.OVERALL_PAIRS and pairs:
        who = f"{who} {_over_words(pairs[0].question)}"
    return f"{who}: {names_of_tests(pairs)}; intervals are for one difference at a time"


def names_of_tests(pairs: Iterable[Pair]) -> str:
    """Each once."""
    return ", ".join(dict.fromkeys(pair.test for pair in pairs))


def _over_words(question: str) -> str:
    return "on these scenarios together" if question == THESE else "on scenarios like these"


def _pair_columns(
    kind: TableKind, pairs: Sequence[Pair], comparison: Comparison, scale: Scale
) -> list[ColumnOf]:
    """All but the scenario."""
    counted = _counted(kind, pairs, comparison)
    level = level_words(comparison)
    difference = ColumnOf(f"a - b {level}{unit_of(scale, POINTS)}")
    names = [ColumnOf("a", "name"), ColumnOf("b", "name")]
    won = [] if comparison.unpaired else [replace(WON, header=f"a ahead in {level}")]
    adjusted = [ADJUSTED_P, ALWAYS_P] if _grew(pairs) else [ADJUSTED_P]
    return [*names, counted, difference, *won, EFFECT, P, *adjusted, SMALLEST_P, VERDICT]


def _counted(kind: TableKind, pairs: Sequence[Pair], comparison: Comparison) -> ColumnOf:
    """What a test counts: scenarios, runs, or seeds."""
    of_scenarios = any(pair.question == LIKE_THESE for pair in pairs)
    if kind is TableKind.OVERALL_PAIRS and of_scenarios:
        return SCENARIOS
    return ColumnOf("runs") if comparison.unpaired else SEEDS


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
        average = [f"{row.average_rank:.2f}"] if has_average else []
        cells = names[row.strategy], _rank(row), row.group, _mean(row, scale)
        rows.append((*cells, *average))
    title = where_words(None, overall.question, len(comparison.scenarios))
    return TableOf(TableKind.OVERALL_RANKS, title, tuple(columns), tuple(rows))


# ---------------------------------------------------------------------- one cell


def _signed(shown: str) -> str:
    return shown if shown == MISSING or shown.startswith("-") else f"+{shown}"


def _rank(row: SummaryRow | OverallRank) -> str:
    return show_rank(row.rank_best, row.rank_worst, row.rank_reason)


def _mean(row: SummaryRow | OverallRank, scale: Scale) -> str:
    return scale.interval(row.mean, row.ci_low, row.ci_high)


def _runs(row: SummaryRow) -> str:
    """`10`, or `9 of 10` where not all came to an end."""
    return str(row.n) if row.n == row.n_requested else f"{row.n} of {row.n_requested}"


def _won(won: int, lost: int, seeds: int) -> str:
    """`9 of 10`; a tie is half a seed."""
    ties = seeds - won - lost
    return f"{won + ties / 2:g} of {seeds}" if seeds else MISSING


def _effect(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value:.2f}"


def _any(values: Iterable[float]) -> bool:
    return any(not np.isnan(value) for value in values)
