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

from clbench.stats.ranks import settle_ties
from clbench.typing import Array


def expected_largest(count: int) -> float:
    """The mean of the largest of so many standard normal numbers: 1.16, 1.54, 1.87 of 5, 10, 20."""
    from scipy.special import ndtr

    # z times the density of the largest, by trapezoids: it dies off smoothly at both ends.
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
    return expected_largest(count) * _spread_within(complete) / math.sqrt(seeds)


def _spread_within(table: Array) -> float:
    """The standard deviation that is left when seeds and columns have had their means taken out."""
    seeds, count = table.shape
    rest = table - table.mean(axis=1, keepdims=True)
    rest = rest - rest.mean(axis=0)
    variance = float(np.square(rest).sum()) / ((seeds - 1) * (count - 1))
    return math.sqrt(variance)


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
    chosen_on = list(rows)
    strategy = _best(scores[chosen_on])
    left = np.setdiff1d(np.arange(len(scores)), np.asarray(chosen_on, dtype=int))
    return Chosen(strategy, left)


def _best(tried: Array) -> int:
    failures = (~np.isfinite(tried)).sum(axis=0)
    means = np.array([_mean_of_finished(column) for column in tried.T])
    means[failures > failures.min()] = -np.inf  # a mean gains by what failed; nobody may
    return int(np.argmax(settle_ties(means)))


def _mean_of_finished(values: Array) -> float:
    finished = values[np.isfinite(values)]
    return float(finished.mean()) if len(finished) else -math.inf
