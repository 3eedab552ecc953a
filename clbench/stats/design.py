"""Which tests belong to an experiment, as long as the report does not ask `by_design`.

The design decides, before anybody has looked at the numbers. There is no test of normality in here:
with five or ten runs it finds nothing, and choosing by it spoils the p-values of what is chosen.
Tests on ranks assume no shape, and give a failed run its place without inventing a number for it.
"""

from __future__ import annotations

from dataclasses import dataclass

SIGNED_RANK, MANN_WHITNEY, DUNN, NEMENYI = "Wilcoxon signed-rank", "Mann-Whitney", "Dunn", "Nemenyi"
FRIEDMAN, KRUSKAL_WALLIS = "Friedman", "Kruskal-Wallis"

SAME_STREAMS = "strategies ran on the same seeds, hence the same streams"
SAME_SEEDS = "strategies ran on the same seeds, which are taken for the same streams"
INDEPENDENT = "strategies, whose runs are taken as independent"


@dataclass(frozen=True)
class Design:
    """The tests of one comparison, and why."""

    omnibus: str | None  # None for two strategies, whose pair is all there is to test
    pairs: str
    reason: str


def within_scenario(strategies: int, *, paired: bool, streams_known: bool = True) -> Design:
    """Strategies on one scenario: blocks are seeds."""
    if strategies < 2:
        return Design(None, "none", "there is nothing to test with one strategy")
    number = "two" if strategies == 2 else str(strategies)
    reason = f"{number} {_why(paired, streams_known)}"
    if strategies == 2:
        return Design(None, SIGNED_RANK if paired else MANN_WHITNEY, reason)
    if paired:
        return Design(FRIEDMAN, SIGNED_RANK, reason)
    return Design(KRUSKAL_WALLIS, DUNN, reason)


def _why(paired: bool, streams_known: bool) -> str:
    if not paired:
        return INDEPENDENT
    return SAME_STREAMS if streams_known else SAME_SEEDS


def across_scenarios(strategies: int) -> Design:
    """Strategies on several scenarios, the blocks: as on data sets in Demsar (2006)."""
    if strategies == 2:
        return Design(None, SIGNED_RANK, "two strategies are compared on each scenario")
    return Design(FRIEDMAN, NEMENYI, f"{strategies} strategies are ranked on each scenario")
