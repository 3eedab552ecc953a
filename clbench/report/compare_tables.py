"""The tables of a comparison, as plain text in cells: every format draws the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.report.comparison import Comparison, SummaryRow
from clbench.report.contest import OverallRank, Pair
from clbench.report.numbers import MISSING, show_interval, show_number, show_p

PERCENT = {"fraction": ", %", "points": ", points"}


@dataclass(frozen=True)
class TableOf:
    """A table: `words` is how many of its first columns hold names rather than numbers."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


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
    unit, several = PERCENT.get(comparison.unit, ""), len(comparison.scenarios) > 1
    iqm, against = (
        _any(row.iqm for row in comparison.summary),
        _any(row.effect for row in comparison.summary),
    )
    better = "more is better" if comparison.higher_is_better else "less is better"
    return TableOf(
        f"{comparison.metric} ({better})",
        (
            *(["scenario"] if several else []),
            "strategy",
            "rank",
            "group",
            "runs",
            f"mean [95 %]{unit}",
            *([f"IQM [95 %]{unit}"] if iqm else []),
            *([f"minus {comparison.baseline}", "adjusted p", "A"] if against else []),
        ),
        tuple(
            _summary_cells(row, comparison.unit, several, iqm, against, comparison.baseline)
            for row in comparison.summary
        ),
        2 if several else 1,
    )


def _summary_cells(
    row: SummaryRow, unit: str, several: bool, iqm: bool, against: bool, baseline: str | None
) -> tuple[str, ...]:
    compared = [_signed(row.difference, unit), show_p(row.p_adjusted), _effect(row.effect)]
    return (
        *([row.scenario] if several else []),
        row.strategy,
        str(row.rank),
        row.group,
        str(row.n) if row.n == row.n_requested else f"{row.n} of {row.n_requested}",
        show_interval(row.mean, row.ci_low, row.ci_high, unit),
        *([show_interval(row.iqm, row.iqm_low, row.iqm_high, unit)] if iqm else []),
        *((["baseline", "", ""] if row.strategy == baseline else compared) if against else []),
    )


def _pairs(title: str, pairs: Sequence[Pair], comparison: Comparison) -> TableOf:
    unit = PERCENT.get(comparison.unit, "").replace("%", "points")
    several = len({pair.scenario for pair in pairs}) > 1
    what = "runs" if comparison.unpaired else "pairs"
    over = any(pair.scenario is None for pair in pairs)
    tests = ", ".join(dict.fromkeys(pair.test for pair in pairs))
    return TableOf(
        f"{title}: {tests}",
        (
            *(["scenario"] if several else []),
            "a",
            "b",
            "scenarios" if over else what,
            f"a - b [95 %]{unit}",
            "A",
            "p",
            "adjusted p",
            "smallest p",
            "verdict",
        ),
        tuple(_pair_cells(pair, comparison.unit, several) for pair in pairs),
        3 if several else 2,
    )


def _pair_cells(pair: Pair, unit: str, several: bool) -> tuple[str, ...]:
    return (
        *([pair.scenario or ""] if several else []),
        pair.a,
        pair.b,
        str(pair.n),
        show_interval(pair.difference, pair.ci_low, pair.ci_high, unit),
        _effect(pair.effect),
        show_p(pair.p),
        show_p(pair.p_adjusted),
        show_p(pair.smallest_p),
        pair.verdict,
    )


def _ranks(ranks: Sequence[OverallRank], comparison: Comparison) -> TableOf:
    unit = PERCENT.get(comparison.unit, "")
    rows = tuple(
        (
            row.strategy,
            f"{row.average_rank:.2f}",
            row.group,
            show_interval(row.mean, row.ci_low, row.ci_high, comparison.unit),
        )
        for row in ranks
    )
    return TableOf(
        f"Over the {len(comparison.scenarios)} scenarios",
        ("strategy", "average rank", "group", f"mean over scenarios [95 %]{unit}"),
        rows,
    )


def _signed(value: float, unit: str) -> str:
    shown = show_number(value, unit)
    return shown if shown == MISSING or shown.startswith("-") else f"+{shown}"


def _effect(value: float) -> str:
    return MISSING if np.isnan(value) else f"{value:.2f}"


def _any(values: Iterable[float]) -> bool:
    return any(not np.isnan(value) for value in values)
