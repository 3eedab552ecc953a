"""The short form of a comparison: what `clbench run` ends with."""

from __future__ import annotations

from collections.abc import Iterable

from clbench.report.comparison import Comparison
from clbench.report.sentences import listed
from clbench.stats.corrections import WORDS


def short(comparison: Comparison) -> list[str]:
    """A line a scenario: the strategies by rank, those that cannot be told apart together; nothing where there is nothing to compare."""
    if not comparison.runs and comparison.left_out:
        return [
            f"No comparison: no run has a value of {comparison.metric}; {comparison.left_out[0]}"
        ]
    lines = [
        f"  {scenario}: {_ranking(comparison, scenario)}"
        for scenario in comparison.scenarios
        if _count(comparison, scenario) > 1
    ]
    if not lines or all(pair.n < 2 for pair in comparison.pairs):
        return []
    how = "as independent runs" if comparison.unpaired else "paired by seed"
    corrected = f", {WORDS[comparison.correction]}" if comparison.correction != "none" else ""
    head = f"Ranked by {comparison.metric} ({how}, alpha = {comparison.alpha:g}{corrected}); a rank is 1 + how many are shown to be better:"
    return [
        head,
        *lines,
        *(f"  {line}" for line in comparison.text if "no difference could be shown" in line),
    ]


def _count(comparison: Comparison, scenario: str) -> int:
    return sum(row.scenario == scenario for row in comparison.summary)


def _ranking(comparison: Comparison, scenario: str) -> str:
    rows = [row for row in comparison.summary if row.scenario == scenario]
    ranks = sorted({row.rank for row in rows})
    if ranks == [1]:
        return (
            f"no two of the {len(rows)} strategies can be told apart"
            if len(rows) > 2
            else "the two strategies cannot be told apart"
        )
    return "; ".join(
        _place(rank, (row.strategy for row in rows if row.rank == rank)) for rank in ranks
    )


def _place(rank: int, strategies: Iterable[str]) -> str:
    return f"{rank} {listed(list(strategies))}"
