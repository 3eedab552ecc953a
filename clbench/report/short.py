"""The short form of a comparison: what `clbench run` ends with."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.report.compared import Comparison, SummaryRow
from clbench.report.findings import Power
from clbench.report.sentences import listed, sentence
from clbench.stats.corrections import WORDS


def short(comparison: Comparison) -> list[str]:
    """A line a scenario: the strategies by rank, those that cannot be told apart together.

    Nothing where there is nothing to compare.
    """
    if not comparison.runs and comparison.left_out:
        reason = comparison.left_out[0]
        return [f"No comparison: no run has a value of {comparison.metric}; {reason}"]
    lines = []
    for scenario in comparison.scenarios:
        rows = [row for row in comparison.summary if row.scenario == scenario]
        if len(rows) > 1:
            lines.append(f"  {scenario}: {_ranking(rows)}")
    if not lines or all(pair.n < 2 for pair in comparison.pairs):
        return []
    return [_head(comparison), *lines, *_too_few_seeds(comparison)]


def _head(comparison: Comparison) -> str:
    how = "as independent runs" if comparison.unpaired else "paired by seed"
    corrected = ""
    if comparison.correction != "none":
        corrected = f", {WORDS[comparison.correction]}"
    return (
        f"Ranked by {comparison.metric} ({how}, alpha = {comparison.alpha:g}{corrected});"
        " a rank is 1 + how many are shown to be better:"
    )


def _too_few_seeds(comparison: Comparison) -> list[str]:
    """That pairs are too few for any difference to be shown, and how many seeds it would take."""
    powers = [found for found in comparison.findings if isinstance(found, Power)]
    weak = [power for power in powers if not power.is_enough and not power.unpaired]
    return [f"  {sentence(power)}" for power in weak]


def _ranking(rows: Sequence[SummaryRow]) -> str:
    ranks = sorted({row.rank for row in rows})
    if ranks == [1]:
        if len(rows) == 2:
            return "the two strategies cannot be told apart"
        return f"no two of the {len(rows)} strategies can be told apart"
    places = []
    for rank in ranks:
        names = [row.strategy for row in rows if row.rank == rank]
        places.append(f"{rank} {listed(names)}")
    return "; ".join(places)
