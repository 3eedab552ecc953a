"""Which tests answer a question: decided by the design of the experiment, never by a look at it.

What decides is how many seeds every two strategies share, how many comparisons there are, over how
many scenarios, and alpha. All of it is known before anybody runs anything.

pairs    exact sign flips of the mean where they could reach alpha in this family, else the paired t
         test. Five seeds have 32 patterns of signs, and no difference is large enough for them
         (p >= 0.0625); the t test can find it, and says that it supposes nearly normal differences
family   closed partitions for up to six strategies with exact tests; Shaffer's multipliers behind
         the omnibus test otherwise; Holm's for comparisons with a baseline
out      pairs of fewer than three seeds can show nothing, and nobody pays for them (Tarone 1990)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clbench.stats.closed import MOST_STRATEGIES
from clbench.stats.families import Pair, family_multipliers, is_complete
from clbench.stats.flips import smallest_flips

FEWEST_FOR_T = 3  # pairs: two have a t of one degree of freedom, which finds nothing below 25 sd

FLIPS, STUDENT = "sign flips", "paired t"
CLOSED, SHAFFER, HOLM = "closed partitions", "Shaffer", "Holm"


@dataclass(frozen=True)
class Choice:
    """The tests of one family of pairs."""

    tests: tuple[str, ...]  # FLIPS or STUDENT, a pair each
    correction: str  # CLOSED, SHAFFER or HOLM
    multipliers: tuple[int, ...]  # of the 1st, 2nd, ... smallest p


def can_be_tested(size: int) -> bool:
    """Whether a pair with so many blocks in common is in the family."""
    return size >= FEWEST_FOR_T


def choose(
    family: Sequence[Pair],
    sizes: Sequence[int],
    *,
    alpha: float,
    scenarios: int = 1,
    complete: bool = True,
) -> Choice:
    """The tests of the family's pairs, of which each has so many blocks in common.

    `scenarios` are the families that share alpha. `complete`: every strategy of the family has a
    finished run in every block, as permuting them supposes.
    """
    multipliers = family_multipliers(family)
    least = alpha / scenarios / max(multipliers, default=1)
    tests = tuple(FLIPS if smallest_flips(size) <= least else STUDENT for size in sizes)
    members = {strategy for pair in family for strategy in pair}
    few = 2 < len(members) <= MOST_STRATEGIES
    if complete and few and STUDENT not in tests:
        return Choice(tests, CLOSED, tuple(multipliers))
    correction = SHAFFER if is_complete(family) else HOLM
    return Choice(tests, correction, tuple(multipliers))
