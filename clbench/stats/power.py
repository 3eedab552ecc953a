"""What a design can show at all, before any run.

Few pairs cannot reach a small p whatever they say; and what is within reach is not found for sure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MOST_SEEDS = 10_000

# ---------------------------------------------------------------------- what is within reach


def smallest_signed_rank(pairs: int) -> float:
    """Two-sided: all pairs point the same way, one pattern of signs in 2^n, or its mirror image."""
    return min(1.0, 2.0 ** (1 - pairs))


def smallest_mann_whitney(first: int, second: int) -> float:
    """Two-sided: the two groups do not overlap."""
    # Whole numbers: those of a thousand runs have no place in a float.
    return min(1.0, 2 / math.comb(first + second, first))


def smallest_equivalence(pairs: int) -> float:
    """One-sided, by signs: all differences lie within an end of the region, a pattern in 2^n."""
    return float(2.0**-pairs)


def smallest_equivalence_unpaired(first: int, second: int) -> float:
    """One-sided, by ranks: one group, moved by the region, lies beyond all of the other."""
    return 1 / math.comb(first + second, first)


def smallest_dunn(sizes: Sequence[int], first: int, second: int) -> float:
    """One group has all the highest ranks and the other all the lowest, without ties."""
    from scipy.special import ndtr

    total, a, b = sum(sizes), sizes[first], sizes[second]
    apart = total - (a + b) / 2
    error = math.sqrt(total * (total + 1) / 12 * (1 / a + 1 / b))
    return float(min(1.0, 2 * ndtr(-apart / error)))


def smallest_nemenyi(strategies: int, blocks: int) -> float:
    """One strategy is always the first and the other always the last."""
    from clbench.stats.several import nemenyi_p

    return float(nemenyi_p(np.array([strategies - 1.0]), strategies, blocks)[0])


def penalty(family: int, correction: str) -> int:
    """By how much a correction at least multiplies the smallest of so many p.

    Benjamini-Hochberg leaves it alone where all are as small.
    """
    return max(1, family) if correction in ("holm", "bonferroni") else 1


def seeds_needed(alpha: float, factor: int, *, paired: bool = True) -> int:
    """The fewest seeds with which a pair can get a p of `alpha` or less.

    After a correction that multiplies it by `factor`.
    """
    for seeds in range(2, MOST_SEEDS):
        smallest = smallest_signed_rank(seeds) if paired else smallest_mann_whitney(seeds, seeds)
        if smallest * factor <= alpha:
            return seeds
    return MOST_SEEDS


# ---------------------------------------------------------------------- what is found


def power_of_t(pairs: int, effect: float, level: float) -> float:
    """The chance that the paired t test finds an effect, in sd of the differences."""
    from scipy.special import nctdtr, stdtrit

    if pairs < 2:
        return 0.0
    critical = float(stdtrit(pairs - 1, 1 - level / 2))
    shift = effect * math.sqrt(pairs)  # t is centred there, and no longer at 0
    below = nctdtr(pairs - 1, shift, np.array([-critical, critical]))
    # Of a t centred far away SciPy has NaN for these chances where they are below 5e-5.
    wrong_side, missed = np.nan_to_num(below)
    return float(wrong_side + 1 - missed)


def seeds_to_find(effect: float, level: float, power: float = 0.8) -> int:
    """The fewest seeds with which the paired t test finds an effect in so many of all cases."""
    for seeds in range(2, MOST_SEEDS):
        if power_of_t(seeds, effect, level) >= power:
            return seeds
    return MOST_SEEDS
