"""Strategies whose runs have nothing in common: other seeds, other streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from clbench.stats.paired import differences
from clbench.stats.power import smallest_dunn, smallest_mann_whitney
from clbench.stats.ranks import ranks
from clbench.stats.result import Tested
from clbench.typing import Array

MOST_EXACT = 100  # runs of both strategies together
HALF_A_STEP = 1e-6  # of doubled ranks, which are whole: rounding errors are far smaller


# ---------------------------------------------------------------------- more than two


@dataclass(frozen=True)
class KruskalWallis:
    """Whether the groups come from one distribution."""

    statistic: float
    df: int
    p: float


def kruskal_wallis(groups: Sequence[Array]) -> KruskalWallis:
    """The test for more than two groups, corrected for ties."""
    from scipy.stats import kruskal

    df = len(groups) - 1
    ranked = _ranks(groups)
    if _all_equal(ranked):
        return KruskalWallis(0.0, df, 1.0)
    found = kruskal(*ranked)
    return KruskalWallis(float(found.statistic), df, float(found.pvalue))


def dunn(groups: Sequence[Array]) -> dict[tuple[int, int], Tested]:
    """Every pair of groups after Kruskal-Wallis, on the ranks among all of them (Dunn 1964).

    p is not adjusted.
    """
    from scipy.special import ndtri

    ranked = _ranks(groups)
    means = [group.mean() for group in ranked]
    sizes = [len(group) for group in groups]
    table = _dunn_table(ranked)
    tested = {}
    for i, j in combinations(range(len(groups)), 2):
        p = float(table[i, j])
        z = float(-ndtri(p / 2))
        better = int(np.sign(means[i] - means[j]))
        tested[i, j] = Tested("Dunn", z, p, smallest_dunn(sizes, i, j), better)
    return tested


def _dunn_table(ranked: Sequence[Array]) -> Array:
    """`[k, k]`: the p of every pair."""
    from scikit_posthocs import posthoc_dunn

    if _all_equal(ranked):
        return np.ones((len(ranked), len(ranked)))
    found = posthoc_dunn([list(group) for group in ranked])
    table: Array = found.to_numpy(dtype=np.float64)
    return table


# ---------------------------------------------------------------------- two


def mann_whitney(a: Array, b: Array) -> Tested:
    """Two groups: exact for up to 100 runs whatever the ties.

    By counting the ways to deal the ranks out. The statistic is the first group's U. Under the null
    every split of the pooled ranks is equally likely; p counts those whose rank sum is at least as
    far from its mean.
    """
    first, second = _ranks([a, b])
    n, m = len(a), len(b)
    u = float(first.sum() - n * (n + 1) / 2)
    exact = n + m <= MOST_EXACT
    return Tested(
        "Mann-Whitney, exact" if exact else "Mann-Whitney",
        statistic=u,
        p=_exact_p(first, second) if exact else _asymptotic_p(first, second),
        smallest_p=smallest_mann_whitney(n, m),
        better=int(np.sign(u - n * m / 2)),
        exact=exact,
    )


def shift(a: Array, b: Array) -> float:
    """Hodges and Lehmann's (1963) estimate of how much higher the first group lies.

    The median of all differences. A run that failed is lower than every other, and even with one
    that failed, too.
    """
    apart = differences(np.repeat(a, len(b)), np.tile(b, len(a)))
    with np.errstate(invalid="ignore"):  # between -inf and inf
        middle = float(np.median(apart))
    return 0.0 if np.isnan(middle) else middle


def _exact_p(first: Array, second: Array) -> float:
    """The share of splits whose rank sum is at least as far from its mean as the first group's."""
    doubled = np.rint(2 * np.concatenate([first, second])).astype(int)
    ways = _ways_to_deal(doubled, len(first))
    centre = len(first) * int(doubled.sum()) / len(doubled)
    observed = abs(2 * first.sum() - centre)
    far = np.abs(np.arange(len(ways)) - centre) >= observed - HALF_A_STEP
    return float(min(1.0, ways[far].sum() / ways.sum()))


def _asymptotic_p(first: Array, second: Array) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(first, second, method="asymptotic").pvalue)


def _ways_to_deal(doubled: Array, size: int) -> Array:
    """In how many ways so many of the doubled ranks add up to each sum."""
    total = int(doubled.sum())
    ways = np.zeros((size + 1, total + 1))  # [members taken, doubled rank sum]
    ways[0, 0] = 1.0
    for rank in doubled:
        # A copy: a rank is taken once, on top of the ways without it.
        ways[1:, rank:] += ways[:-1, : total + 1 - rank].copy()
    taken: Array = ways[size]
    return taken


def _ranks(groups: Sequence[Array]) -> list[Array]:
    """Each group's ranks among all of them."""
    pooled = ranks(np.concatenate(groups))
    ends = np.cumsum([len(group) for group in groups])
    return np.split(pooled, ends[:-1])


def _all_equal(ranked: Sequence[Array]) -> bool:
    return len(np.unique(np.concatenate(ranked))) == 1
