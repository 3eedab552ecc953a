"""The short form of a comparison: what `clbench run` ends with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from clbench.report.compared import Comparison, SummaryRow
from clbench.report.findings import Finding, SeedsAdded
from clbench.report.findings_of_design import Chance, Power, Untested
from clbench.report.look_words import in_short
from clbench.report.ranking import show_rank
from clbench.report.sentences import sentence
from clbench.report.words import listed
from clbench.stats.corrections import WORDS


def short(comparison: Comparison) -> list[str]:
    """A line a scenario: the strategies by rank, those that cannot be told apart together.

    Nothing where there is nothing to compare.
    """
    if not comparison.runs and comparison.left_out:
        reason = comparison.left_out[0]
        return [f"No comparison: no run has a value of {comparison.metric}; {reason}"]
    lines = list(_scenarios(comparison))
    if not lines or all(pair.n < 2 for pair in comparison.pairs):
        return []
    return [_head(comparison), *lines, *_seeds_added(comparison), *_too_few_seeds(comparison)]


def _scenarios(comparison: Comparison) -> Iterable[str]:
    for scenario in comparison.scenarios:
        rows = [row for row in comparison.summary if row.scenario == scenario]
        if len(rows) > 1:
            yield f"  {scenario}: {_ranking(rows)}"


def _head(comparison: Comparison) -> str:
    how = "as independent runs" if comparison.unpaired else "paired by seed"
    correction = comparison.correction or "none"
    corrected = "" if correction == "none" else f", {WORDS[correction]}"
    return (
        f"Ranked by {comparison.metric} ({how}, alpha = {comparison.alpha:g}{corrected});"
        " ranks from the best that is not excluded to the worst:"
    )


def _seeds_added(comparison: Comparison) -> list[str]:
    found = [one for one in comparison.findings if isinstance(one, SeedsAdded)]
    return [f"  {in_short(one)}" for one in found]


def _too_few_seeds(comparison: Comparison) -> list[str]:
    """That pairs are too few for most differences to be shown, and how many seeds it would take."""
    return [f"  {sentence(found)}" for found in comparison.findings if _is_weak(found)]


def _is_weak(found: Finding) -> bool:
    match found:
        case Power():
            return not found.is_enough and not found.unpaired
        case Chance():
            return found.two_sd < 0.5
    return isinstance(found, Untested)


def _ranking(rows: Sequence[SummaryRow]) -> str:
    """`1 good; 2-3 middle and other; bound: joint`."""
    together: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        place = show_rank(row.rank_best, row.rank_worst, row.rank_reason)
        together[place].append(row.strategy)
    all_ranked = all(row.rank_best is not None for row in rows)
    if all_ranked and len(together) == 1:
        return _nobody_apart(len(rows))
    return "; ".join(f"{place} {listed(names)}" for place, names in together.items())


def _nobody_apart(strategies: int) -> str:
    if strategies == 2:
        return "the two strategies cannot be told apart"
    return f"no two of the {strategies} strategies can be told apart"
