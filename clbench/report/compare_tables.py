"""The tables of a comparison, as plain text in cells: every format draws the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.report.across import OverallRank
from clbench.report.comparison import Comparison, SummaryRow
from clbench.report.contest import Pair
from clbench.report.marks import marked_names
from clbench.report.numbers import MISSING, Scale, scale_of, show_p

PERCENT = {"fraction": ", %", "points": ", points"}
POINTS = {"fraction": ", points", "points": ", points"}  # of differences


@dataclass(frozen=True)
class TableOf:
    """A table: `words` is how many of its first columns hold names rather than numbers."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


def is_words(table: TableOf, place: int) -> bool:
    """Whether a column holds words, which stand on the left."""
    return place < table.words or table.headers[place] in ("verdict", "group")


def tables(comparison: Comparison) -> list[TableOf]:
    """Those that have rows: the summary, the pairs, and both over scenarios."""
    made = [_summary(comparison), _pairs("Every pair", comparison.pairs, comparison)]
    if comparison.overall is not None:
        made += [
            _ranks(comparison.overall.ranks, comparison),
            _pairs("Every pair over scenarios", comparison.overall.pairs, comparison),
        ]
    return [table for table in made if table.rows]


def _summary(comparison: Comparison) -> TableOf:
    several = len(comparison.scenarios) > 1
    shown = _Shown(comparison)
    better = "more is better" if comparison.higher_is_better else "less is better"
    headers = ["strategy", "rank", "group", "runs", f"mean [95 %]{shown.unit}"]
    if shown.iqm:
        headers.append(f"IQM [95 %]{shown.unit}")
    if shown.against:
        headers += [f"minus {comparison.baseline} [95 %]{shown.points}", "adjusted p", "A"]
    rows = [shown.cells(row) for row in comparison.summary]
    if several:
        headers.insert(0, "scenario")
        rows = [(row.scenario, *cells) for row, cells in zip(comparison.summary, rows, strict=True)]
    return TableOf(
        f"{comparison.metric} ({better})", tuple(headers), tuple(rows), 2 if several else 1
    )


class _Shown:
    """How the summary's rows are shown: what columns there are, and the units that they share."""

    def __init__(self, comparison: Comparison) -> None:
        rows = comparison.summary
        self.baseline = comparison.baseline
        self.names = marked_names(comparison.results.cells)
        self.iqm = _any(row.iqm for row in rows)
        self.against = _any(row.effect for row in rows)
        self.means = scale_of((row.mean for row in rows), comparison.unit)
        self.differences = scale_of((row.difference for row in rows), comparison.unit)
        self.unit = unit_of(self.means)
        self.points = unit_of(self.differences, POINTS)

    def cells(self, row: SummaryRow) -> tuple[str, ...]:
        """A row without its scenario."""
        runs = str(row.n) if row.n == row.n_requested else f"{row.n} of {row.n_requested}"
        mean = self.means.interval(row.mean, row.ci_low, row.ci_high)
        cells = [self.names[row.strategy], str(row.rank), row.group, runs, mean]
        if self.iqm:
            cells.append(self.means.interval(row.iqm, row.iqm_low, row.iqm_high))
        if self.against:
            cells += self._against_baseline(row)
        return tuple(cells)

    def _against_baseline(self, row: SummaryRow) -> tuple[str, str, str]:
        if row.strategy == self.baseline:
            return ("baseline", "", "")
        difference = self.differences.interval(
            row.difference, row.difference_low, row.difference_high
        )
        return (_signed(difference), show_p(row.p_adjusted), _effect(row.effect))


def unit_of(scale: Scale, words: Mapping[str, str] = PERCENT) -> str:
    """What a header says of its column's unit."""
    return words.get(scale.unit, f", {scale.name}" if scale.name else "")


def _pairs(title: str, pairs: Sequence[Pair], comparison: Comparison) -> TableOf:
    scale = scale_of((pair.difference for pair in pairs), comparison.unit)
    several = len({pair.scenario for pair in pairs}) > 1
    what = "runs" if comparison.unpaired else "pairs"
    over = any(pair.scenario is None for pair in pairs)
    tests = ", ".join(dict.fromkeys(pair.test for pair in pairs))
    names = marked_names(comparison.results.cells)
    return TableOf(
        f"{title}: {tests}",
        (
            *(["scenario"] if several else []),
            "a",
            "b",
            "scenarios" if over else what,
            f"a - b [95 %]{unit_of(scale, POINTS)}",
            "A",
            "p",
            "adjusted p",
            "smallest p",
            "verdict",
        ),
        tuple(_pair_cells(pair, names, scale, several) for pair in pairs),
        3 if several else 2,
    )


def _pair_cells(
    pair: Pair, names: Mapping[str, str], scale: Scale, several: bool
) -> tuple[str, ...]:
    return (
        *([pair.scenario or ""] if several else []),
        names[pair.a],
        names[pair.b],
        str(pair.n),
        scale.interval(pair.difference, pair.ci_low, pair.ci_high),
        _effect(pair.effect),
        show_p(pair.p),
        show_p(pair.p_adjusted),
        show_p(pair.smallest_p),
        pair.verdict,
    )


def _ranks(ranks: Sequence[OverallRank], comparison: Comparison) -> TableOf:
    scale = scale_of((row.mean for row in ranks), comparison.unit)
    names = marked_names(comparison.results.cells)
    rows = tuple(
        (
            names[row.strategy],
            f"{row.average_rank:.2f}",
            row.group,
            scale.interval(row.mean, row.ci_low, row.ci_high),
        )
        for row in ranks
    )
    return TableOf(
        f"Over the {len(comparison.scenarios)} scenarios",
        ("strategy", "average rank", "group", f"mean over scenarios [95 %]{unit_of(scale)}"),
        rows,
    )


def _signed(shown: str) -> str:
    return shown if shown == MISSING or shown.startswith("-") else f"+{shown}"


def _effect(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value:.2f}"


def _any(values: Iterable[float]) -> bool:
    return any(not np.isnan(value) for value in values)
