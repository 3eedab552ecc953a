"""A paper's table before anything draws it: strategies x scenarios, a mean and its interval each.

Bold is who is not shown to be worse than any other: the best, and all that no test tells apart from
it. Bounds stand below the others and do not compete.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from clbench.report.compare_tables import unit_of
from clbench.report.compared import Comparison, SummaryRow
from clbench.report.design_words import corrected_words
from clbench.report.marks import marked_names
from clbench.report.numbers import Estimate, Scale, scale_of, show_level


@dataclass(frozen=True)
class PaperCell:
    """A strategy on a scenario; `lost` is how many of its runs did not finish."""

    estimate: Estimate
    is_best: bool
    lost: int


@dataclass(frozen=True)
class PaperRow:
    """A strategy; None where it has no finished run on a scenario."""

    name: str
    cells: tuple[PaperCell | None, ...]


@dataclass(frozen=True)
class PaperTable:
    """All that a paper prints; numbers are shown in `scale`."""

    scenarios: tuple[str, ...]
    rivals: tuple[PaperRow, ...]
    bounds: tuple[PaperRow, ...]
    scale: Scale
    caption: tuple[str, ...]  # its sentences


def paper_table(comparison: Comparison) -> PaperTable:
    """The table of a comparison, strategies in the suite's order."""
    cells = comparison.results.cells
    bounds = {cell.label for cell in cells if cell.is_bound}
    rows = {(row.scenario, row.strategy): row for row in comparison.summary}
    made: dict[str, PaperRow] = {}
    for label, name in marked_names(cells).items():
        found = [rows.get((scenario, label)) for scenario in comparison.scenarios]
        made[label] = PaperRow(name, tuple(map(_cell, found)))
    scale = scale_of((row.mean for row in comparison.summary), comparison.unit)
    rivals = [row for label, row in made.items() if label not in bounds]
    last = [row for label, row in made.items() if label in bounds]
    return PaperTable(
        scenarios=tuple(comparison.scenarios),
        rivals=tuple(rivals),
        bounds=tuple(last),
        scale=scale,
        caption=tuple(_caption(comparison, scale, bool(bounds))),
    )


def _cell(row: SummaryRow | None) -> PaperCell | None:
    if row is None or math.isnan(row.mean):
        return None
    # Bounds, and who has too few runs, have no rank.
    is_best = row.rank_best == 1
    return PaperCell(Estimate(row.mean, _half(row), row.n), is_best, row.n_requested - row.n)


def _half(row: SummaryRow) -> float | None:
    """Half of the interval before it was cut to what the metric can be; None of a single run."""
    if not (math.isfinite(row.ci_low) and math.isfinite(row.ci_high)):
        return None
    return max(row.mean - row.ci_low, row.ci_high - row.mean)


# ---------------------------------------------------------------------- the caption


def _caption(comparison: Comparison, scale: Scale, has_bounds: bool) -> Iterable[str]:
    more = "more" if comparison.higher_is_better else "less"
    yield f"{comparison.metric}{unit_of(scale)} ({more} is better)"
    level = show_level(comparison.level)
    yield f"Means ± half of their {level} intervals over {_seeds(comparison)}"
    yield "Bold: the best, and all that are not shown to be worse than another"
    yield _tests(comparison)
    if has_bounds:
        yield "The last rows are bounds, which keep all data or forget all they learnt: no rivals"
    if any(row.n < row.n_requested for row in comparison.summary):
        yield "†: over the runs that finished; the tests count the others as worst"


def _seeds(comparison: Comparison) -> str:
    """How many seeds the strategies have."""
    counts = sorted({row.n_requested for row in comparison.summary})
    if len(counts) == 1:
        return f"{counts[0]} seed{'s' if counts[0] > 1 else ''}"
    return f"{counts[0]} to {counts[-1]} seeds"


def _tests(comparison: Comparison) -> str:
    """By which tests, at which level."""
    pairs = [pair for pair in comparison.pairs if pair.is_tested]
    if not pairs:
        return "No test was possible"
    names = ", ".join(dict.fromkeys(pair.test for pair in pairs))
    corrected = ""
    if len(pairs) > 1:
        corrected = f"; {len(pairs)} pairs, {corrected_words(comparison.corrections.values())}"
    return f"Tests: {names}{corrected}; alpha = {comparison.alpha:g}"
