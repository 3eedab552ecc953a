"""What choosing does to the chosen: the best of many looks better than it is.

Of m equal configurations the best by its own numbers lies above the others by chance alone. Whoever
reports that number for it reports the luck, too; chosen on other seeds than it is reported on, it
has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clbench.stats.ranks import TOLERANCE
from clbench.typing import Array


def expected_largest(count: int) -> float:
    """The mean of the largest of so many standard normal numbers: 1.16, 1.54, 1.87 of 5, 10, 20."""
    from scipy.special import ndtr

    z = np.linspace(-9.0, 9.0, 2001)
    density = np.exp(-np.square(z) / 2) / math.sqrt(2 * math.pi)
    of_largest = count * density * ndtr(z) ** (count - 1)
    return float((z * of_largest).sum() * (z[1] - z[0]))


def selection_optimism(scores: Array) -> float:
    """By how much at most the mean of the best of `scores [seeds, m]` is too high, on average.

    It is c_m s / sqrt(n) with s the spread within seeds: what a seed does to all of them chooses
    none. That is the most there can be, where all m are equal; the further the best is ahead, the
    less of it is luck. NaN where there are not two of both; runs that failed are left out by seed.
    """
    complete = scores[np.isfinite(scores).all(axis=1)]
    seeds, count = complete.shape
    if seeds < 2 or count < 2:
        return float("nan")
    within = complete - complete.mean(axis=1, keepdims=True)
    within = within - within.mean(axis=0)
    spread = math.sqrt(float(np.square(within).sum()) / ((seeds - 1) * (count - 1)))
    return expected_largest(count) * spread / math.sqrt(seeds)


@dataclass(frozen=True)
class Chosen:
    """Which configuration was chosen on some seeds, and the seeds that are left to report it on."""

    strategy: int
    report_on: Array  # rows of the table


def choose_on(scores: Array, rows: Sequence[int]) -> Chosen:
    """The best of `scores [seeds, m]` on these rows: who fails least, then by the mean.

    Of equal ones it is the first. A row without a run counts as failed: nobody is chosen for what
    was not tried.
    """
    tried = scores[list(rows)]
    finished = np.isfinite(tried)
    failures = (~finished).sum(axis=0)
    total = np.where(finished, tried, 0.0).sum(axis=0)
    means = np.where(finished.any(axis=0), total / np.maximum(finished.sum(axis=0), 1), -np.inf)
    least = failures == failures.min()
    best = means[least].max()
    # Means that are equal on paper are equal, whatever the order of their sums.
    close = best - TOLERANCE * abs(best) if np.isfinite(best) else best
    strategy = int(np.flatnonzero(least & (means >= close))[0])
    left = np.setdiff1d(np.arange(len(scores)), np.asarray(list(rows), dtype=int))
    return Chosen(strategy, left)
