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
    """Every pair of groups after Kruskal-Wallis, on the ranks among all of them (Dunn 1964); p is
    not adjusted.
    """
    from scikit_posthocs import posthoc_dunn
    from scipy.special import ndtri

    ranked = _ranks(groups)
    sizes = [len(group) for group in groups]
    table = (
        None
        if _all_equal(ranked)
        else posthoc_dunn([list(group) for group in ranked]).to_numpy(dtype=np.float64)
    )
    tested = {}
    for i, j in combinations(range(len(groups)), 2):
        p = 1.0 if table is None else float(table[i, j])
        better = int(np.sign(ranked[i].mean() - ranked[j].mean()))
        tested[i, j] = Tested("Dunn", float(-ndtri(p / 2)), p, smallest_dunn(sizes, i, j), better)
    return tested


def mann_whitney(a: Array, b: Array) -> Tested:
    """Two groups: exact for up to 100 runs whatever the ties, by counting the ways to deal the
    ranks out.

    The statistic is the first group's U. Under the null every split of the pooled ranks is equally
    likely; p counts those whose rank sum is at least as far from its mean.
    """
    from scipy.stats import mannwhitneyu

    first, second = _ranks([a, b])
    n, m = len(a), len(b)
    u = float(first.sum() - n * (n + 1) / 2)
    exact = n + m <= MOST_EXACT
    p = (
        _exact_p(first, second)
        if exact
        else float(mannwhitneyu(first, second, method="asymptotic").pvalue)
    )
    name = "Mann-Whitney, exact" if exact else "Mann-Whitney"
    better = int(np.sign(u - n * m / 2))
    return Tested(name, u, p, smallest_mann_whitney(n, m), better, exact)


def shift(a: Array, b: Array) -> float:
    """Hodges and Lehmann's (1963) estimate of how much higher the first group lies: the median of
    all differences.

    A run that failed is lower than every other, and even with one that failed, too.
    """
    apart = differences(np.repeat(a, len(b)), np.tile(b, len(a)))
    with np.errstate(invalid="ignore"):
        middle = float(np.median(apart))
    return 0.0 if np.isnan(middle) else middle


def _exact_p(first: Array, second: Array) -> float:
    doubled = np.rint(2 * np.concatenate([first, second])).astype(int)
    size, total = len(first), int(doubled.sum())
    ways = np.zeros((size + 1, total + 1))  # [members taken, doubled rank sum]
    ways[0, 0] = 1.0
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : total + 1 - rank].copy()
    centre = size * total / len(doubled)
    far = np.abs(np.arange(total + 1) - centre) >= abs(2 * first.sum() - centre) - 1e-6
    return float(min(1.0, ways[size, far].sum() / ways[size].sum()))


def _ranks(groups: Sequence[Array]) -> list[Array]:
    pooled = ranks(np.concatenate(groups))
    return np.split(pooled, np.cumsum([len(group) for group in groups])[:-1])


def _all_equal(ranked: Sequence[Array]) -> bool:
    return len(np.unique(np.concatenate(ranked))) == 1
