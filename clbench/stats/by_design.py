"""Which tests answer a question: decided by the design of the experiment, never by a look at it.

What decides is how many seeds every two strategies share, how many comparisons there are, over how
many scenarios, and alpha. All of it is known before anybody runs anything.

exact sign flips    where they can reach alpha: from six seeds on for a single pair, from seven on
                    for a family at alpha = 0.05 (`joint`)
the paired t test   where there are fewer, for as few as three seeds. Five seeds have 32 patterns of
                    signs, so no difference is large enough for them (p >= 0.0625). The t test can
                    find it, and supposes nearly normal differences. Behind the omnibus test, over
                    the partitions of up to six strategies, and by Shaffer's multipliers of more; or
                    by Holm's for comparisons with a baseline
nothing             for pairs with fewer, which can show nothing: nobody pays for them (Tarone 1990)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clbench.stats.families import Pair, family_multipliers, has_partitions, is_complete
from clbench.stats.flips import smallest_flips

FEWEST_FOR_T = 3  # blocks: two have a t of one degree of freedom, which finds nothing below 25 sd
# The observed signs have to lead by more than the strongest pair of the family does under nearly
# all other patterns. Where alpha has room for one pattern only, that is missed too often: with six
# seeds of five strategies 2 sd are found in 51 % of cases, by the t test in 77 %.
FEWEST_PATTERNS = 3  # that have to fit into alpha in a family

FLIPS, STUDENT = "sign flips", "paired t"
JOINT, PARTITIONS, SHAFFER, HOLM = "joint sign flips", "closed partitions", "Shaffer", "Holm"


@dataclass(frozen=True)
class Choice:
    """The tests of one family of pairs."""

    tests: tuple[str, ...]  # FLIPS or STUDENT, a pair each
    correction: str  # JOINT, PARTITIONS, SHAFFER or HOLM
    multipliers: tuple[int, ...]  # of the 1st, 2nd, ... smallest p; of SHAFFER and HOLM


def can_be_tested(size: int) -> bool:
    """Whether a pair with so many blocks in common is in the family."""
    return size >= FEWEST_FOR_T


def choose(
    family: Sequence[Pair], sizes: Sequence[int], *, alpha: float, scenarios: int = 1
) -> Choice:
    """The tests of the family's pairs, of which each has so many blocks in common.

    `scenarios` are the families that share alpha.
    """
    share = alpha / scenarios
    multipliers = tuple(family_multipliers(family))
    room = FEWEST_PATTERNS if len(family) > 1 else 1
    if all(room * smallest_flips(size) <= share for size in sizes):
        return Choice((FLIPS,) * len(family), JOINT, multipliers)
    least = share / max(multipliers) / room
    tests = tuple(FLIPS if smallest_flips(size) <= least else STUDENT for size in sizes)
    return Choice(tests, _correction(family), multipliers)


def _correction(family: Sequence[Pair]) -> str:
    if has_partitions(family):
        return PARTITIONS
    return SHAFFER if is_complete(family) else HOLM
