"""The sign-flip test of a mean difference: two strategies on the same seeds, exact for few of them.

If the two were equal, exchanging their runs in any seed would change nothing but the sign of that
seed's difference. So p is the share of the 2^n patterns of signs whose mean lies at least as far
from zero as the one observed. No shape of the runs is assumed.
"""

from __future__ import annotations

import functools

import numpy as np

from clbench.stats.result import Tested, drawn_p
from clbench.typing import Array

MOST_COUNTED = 24  # pairs whose 2^n patterns are all counted
DRAWS = 19_999  # patterns drawn beyond that
GENERATOR_SEED = 1937  # of the drawn patterns: one record has one p
EQUAL_SUMS = 1e-12  # of the largest sum there can be: sums closer than this are equal on paper

EXACT_NAME = "sign flips of the mean, exact"
DRAWN_NAME = "sign flips of the mean, 19,999 draws"


def sign_flips(delta: Array) -> Tested:
    """The two-sided test that the mean of `delta` (finite differences, one a seed) is zero."""
    size = len(delta)
    return Tested(
        test=flips_name(size),
        statistic=float(delta.mean()) if size else 0.0,
        p=flips_p(delta),
        smallest_p=smallest_flips(size),
        better=_direction(delta),
        exact=size <= MOST_COUNTED,
    )


def flips_p(delta: Array) -> float:
    """The p-value alone."""
    delta = np.asarray(delta, dtype=np.float64)
    # The tolerance is of the largest sum: the observed one may be zero but for rounding.
    threshold = abs(float(delta.sum())) - _tolerance(delta)
    if threshold <= 0:
        return 1.0
    if len(delta) <= MOST_COUNTED:
        return _counted_p(delta, threshold)
    return _drawn_p(delta, threshold)


def smallest_flips(size: int) -> float:
    """The smallest p that so many pairs can have: all of them point the same way."""
    if size <= MOST_COUNTED:
        return min(1.0, 2.0 ** (1 - size))
    return 1 / (DRAWS + 1)


def flips_name(size: int) -> str:
    """What a table calls the test of so many pairs."""
    return EXACT_NAME if size <= MOST_COUNTED else DRAWN_NAME


def sign_sums(delta: Array) -> Array:
    """The sums of all 2^n patterns of signs."""
    sums = np.zeros(1)
    for value in delta:
        sums = np.concatenate([sums - value, sums + value])
    return sums


def _tolerance(delta: Array) -> float:
    return EQUAL_SUMS * float(np.abs(delta).sum())


def _direction(delta: Array) -> int:
    total = float(delta.sum())
    return int(np.sign(total)) if abs(total) > _tolerance(delta) else 0


def _counted_p(delta: Array, threshold: float) -> float:
    """Count the patterns without listing them: each is one half of its signs beside the other.

    2^12 sums of either half stand for all 2^24 patterns.
    """
    half = len(delta) // 2
    left = sign_sums(delta[:half])
    right = np.sort(sign_sums(delta[half:]))
    below = np.searchsorted(right, threshold - left)
    above = left.size * right.size - int(below.sum())
    # Every pattern has its mirror image: both tails are equally long.
    return float(min(1.0, 2 * above / 2 ** len(delta)))


def _drawn_p(delta: Array, threshold: float) -> float:
    sums = _drawn_signs(len(delta)) @ delta
    return drawn_p(np.abs(sums) >= threshold)


@functools.lru_cache(maxsize=8)
def _drawn_signs(size: int) -> Array:
    """`[draws, size]`: the same signs for every pair of so many seeds."""
    rng = np.random.default_rng(GENERATOR_SEED)
    return rng.integers(0, 2, (DRAWS, size)) * 2.0 - 1
