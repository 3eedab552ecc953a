"""A paper's table before anything draws it: strategies x scenarios, a mean and its interval each.

Bold is who is not shown to be worse than any other: the best, and all that no test tells apart from
it. Bounds stand below the others and do not compete.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from clbench.report.compare_tables import names_of_tests, unit_of
from clbench.report.compared import Comparison, SummaryRow
from clbench.report.design_words import corrected_words
from clbench.report.marks import bound_labels, marked_names
from clbench.report.numbers import Estimate, Scale, scale_of, show_level
from clbench.words import counted


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
    sentences: tuple[str, ...]  # of its caption

    @property
    def caption(self) -> str:
        """What stands above it."""
        return ". ".join(self.sentences) + "."


def paper_table(comparison: Comparison) -> PaperTable:
    """The table of a comparison, strategies in the suite's order."""
    names_of_bounds = bound_labels(comparison.results.cells)
    rivals: list[PaperRow] = []
    bounds: list[PaperRow] = []
    for label, row in _rows(comparison):
        (bounds if label in names_of_bounds else rivals).append(row)
    scale = scale_of((row.mean for row in comparison.summary), comparison.unit)
    return PaperTable(
        scenarios=tuple(comparison.scenarios),
        rivals=tuple(rivals),
        bounds=tuple(bounds),
        scale=scale,
        sentences=tuple(_sentences(comparison, scale, bool(bounds))),
    )


def _rows(comparison: Comparison) -> Iterable[tuple[str, PaperRow]]:
    """By strategy, bounds among them."""
    rows = {(row.scenario, row.strategy): row for row in comparison.summary}
    for label, name in marked_names(comparison.results.cells).items():
        found = [rows.get((scenario, label)) for scenario in comparison.scenarios]
        yield label, PaperRow(name, tuple(map(_cell, found)))


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


def _sentences(comparison: Comparison, scale: Scale, has_bounds: bool) -> Iterable[str]:
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
    counts = {row.n_requested for row in comparison.summary}
    least, most = min(counts, default=0), max(counts, default=0)
    if least < most:
        return f"{least} to {most} seeds"
    return counted(most, "seed")


def _tests(comparison: Comparison) -> str:
    """By which tests, at which level."""
    pairs = [pair for pair in comparison.pairs if pair.is_tested]
    if not pairs:
        return "No test was possible"
    told = [f"Tests: {names_of_tests(pairs)}"]
    if len(pairs) > 1:
        told.append(f"{len(pairs)} pairs, {corrected_words(comparison.corrections.values())}")
    told.append(f"alpha = {comparison.alpha:g}")
    return "; ".join(told)
