"""Shares of a whole: seeds won, images recognised. Both have Wilson's interval (1927).

It stays within 0 and 1, and holds its level where all or none of few are won, as the plain one
(share plus or minus its error) does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from clbench.typing import Array


@dataclass(frozen=True)
class Won:
    """In how many of the seeds the first of two strategies is ahead; a tie is half a seed."""

    wins: int
    ties: int
    losses: int
    low: float  # of the share of seeds it would win
    high: float

    @property
    def seeds(self) -> int:
        """The seeds both have."""
        return self.wins + self.ties + self.losses

    @property
    def share(self) -> float:
        """The share of seeds won, NaN where there are none."""
        return (self.wins + self.ties / 2) / self.seeds if self.seeds else float("nan")


def won_seeds(delta: Array, level: float = 0.95) -> Won:
    """Count them: `delta` are `paired.differences`, -inf where the first failed."""
    wins, losses = int((delta > 0).sum()), int((delta < 0).sum())
    ties = len(delta) - wins - losses
    low, high = wilson(wins + ties / 2, len(delta), level)
    return Won(wins, ties, losses, low, high)


def wilson(successes: float, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share of which so many of so many were seen; NaN where there were none."""
    from scipy.special import ndtri

    if trials == 0:
        return float("nan"), float("nan")
    z = float(ndtri((1 + level) / 2))
    share = successes / trials
    # The shares whose own distance from this one, in their own standard errors, is z at most.
    middle = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    # At a share of 0 or 1 an end is exactly there, up to a rounding error.
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def sampling_error(accuracy: float, images: int, level: float = 0.95) -> float:
    """Half the width of the interval of an accuracy that so many test images can give.

    All runs share one test set. Intervals over seeds do not hold the error of that set: two means
    that differ by less than this differ on these images, and perhaps on no others.
    """
    low, high = wilson(accuracy * images, images, level)
    return (high - low) / 2
