"""Which tests belong to an experiment. The design decides, before anybody has looked at the
numbers.

There is no test of normality in here: with five or ten runs it finds nothing, and choosing by it
spoils the p-values of what is chosen. Tests on ranks assume no shape, and give a failed run its
place without inventing a number for it.
"""

from __future__ import annotations

from dataclasses import dataclass

SIGNED_RANK, MANN_WHITNEY, DUNN, NEMENYI = "Wilcoxon signed-rank", "Mann-Whitney", "Dunn", "Nemenyi"
FRIEDMAN, KRUSKAL_WALLIS = "Friedman", "Kruskal-Wallis"


@dataclass(frozen=True)
class Design:
    """The tests of one comparison; `omnibus` is None for two strategies, whose pair is all there is
    to test.
    """

    omnibus: str | None
    pairs: str
    reason: str


def within_scenario(strategies: int, *, paired: bool) -> Design:
    """Strategies on one scenario: blocks are seeds."""
    if strategies < 2:
        return Design(None, "none", "there is nothing to test with one strategy")
    if paired and strategies == 2:
        return Design(
            None, SIGNED_RANK, "two strategies ran on the same seeds, hence the same streams"
        )
    if paired:
        return Design(
            FRIEDMAN,
            SIGNED_RANK,
            f"{strategies} strategies ran on the same seeds, hence the same streams",
        )
    if strategies == 2:
        return Design(None, MANN_WHITNEY, "two strategies, whose runs are taken as independent")
    return Design(
        KRUSKAL_WALLIS, DUNN, f"{strategies} strategies, whose runs are taken as independent"
    )


def across_scenarios(strategies: int) -> Design:
    """Strategies on several scenarios: blocks are scenarios, as data sets are in Demsar (2006), who
    advises exactly this.
    """
    if strategies == 2:
        return Design(None, SIGNED_RANK, "two strategies are compared on each scenario")
    return Design(FRIEDMAN, NEMENYI, f"{strategies} strategies are ranked on each scenario")
