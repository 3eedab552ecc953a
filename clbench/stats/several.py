"""More than two strategies on the same blocks (seeds, or scenarios)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench.stats.ranks import ranks_in_rows, settle_ties
from clbench.typing import Array


@dataclass(frozen=True)
class Friedman:
    """Friedman's chi-square and the less cautious F that Iman and Davenport (1980) made of it."""

    statistic: float
    df: int
    p: float
    f: float
    f_df: tuple[int, int]
    f_p: float
    average_ranks: Array  # [k], 1 is best
    blocks: int


def average_ranks(scores: Array) -> Array:
    """`[blocks, k]` to `[k]`: 1 is the best of a block, ties share the mean of their ranks."""
    means: Array = ranks_in_rows(-np.asarray(scores)).mean(axis=0)
    return means


def friedman(scores: Array, *, ties: bool = True) -> Friedman:
    """Do the strategies rank alike in every block? `scores [blocks, k]`, more is better.

    With `ties` the statistic is divided by its correction, as scipy and R do. Without, it is
    Demsar's (2006), whose critical differences make none either; ties then make the test more
    careful.
    """
    from scipy.special import chdtrc, fdtrc

    blocks, k = scores.shape
    scores = settle_ties(scores)
    means = average_ranks(scores)
    statistic = 12 * blocks / (k * (k + 1)) * float(np.square(means - (k + 1) / 2).sum())
    if ties:
        share = _untied_share(scores)
        statistic = statistic / share if share > 0 else 0.0
    room = blocks * (k - 1) - statistic
    f = (blocks - 1) * statistic / room if room > 1e-9 else float("inf")
    f_df = (k - 1, (k - 1) * (blocks - 1))
    f_p = float(fdtrc(*f_df, f)) if blocks > 1 else 1.0
    return Friedman(statistic, k - 1, float(chdtrc(k - 1, statistic)), f, f_df, f_p, means, blocks)


def _untied_share(scores: Array) -> float:
    """1 where no block has ties, 0 where every block is one tie."""
    blocks, k = scores.shape
    sizes = np.concatenate([np.unique(row, return_counts=True)[1] for row in scores])
    return 1.0 - float((sizes**3 - sizes).sum()) / float(blocks * k * (k * k - 1))


def nemenyi_p(gap: Array, k: int, blocks: int) -> Array:
    """The p-values of differences between average ranks, adjusted for all pairs of the k strategies
    (Nemenyi 1963).
    """
    gaps, place = np.unique(np.round(np.abs(gap), 12), return_inverse=True)
    p: Array = range_p(gaps / np.sqrt(k * (k + 1) / (6 * blocks)) * np.sqrt(2), k)[place]
    return p


def critical_difference(
    k: int, blocks: int, alpha: float, *, against_control: bool = False
) -> float:
    """The difference between average ranks that is significant: Nemenyi's for all pairs,
    Bonferroni-Dunn's against one control.
    """
    from scipy.special import ndtri

    q: float = (
        -ndtri(alpha / (2 * (k - 1))) if against_control else range_quantile(alpha, k) / np.sqrt(2)
    )
    return float(q * np.sqrt(k * (k + 1) / (6 * blocks)))


def range_p(q: Array, k: int) -> Array:
    """The chance that k standard normal numbers range over more than q: the studentised range with
    its spread known.

    1 - k times the integral of phi(z) (Phi(z) - Phi(z - q))^(k - 1), z being the largest of them.
    scipy has it in `scipy.stats`, whose import takes longer than the rest of a comparison;
    trapezoids are as good, for the integrand dies off smoothly.
    """
    from scipy.special import ndtr

    z = np.linspace(-9.0, 9.0, 2001)
    largest = np.exp(-np.square(z) / 2) * (k * (z[1] - z[0]) / np.sqrt(2 * np.pi))
    p: Array = np.clip(
        [1 - (largest * (ndtr(z) - ndtr(z - one)) ** (k - 1)).sum() for one in np.atleast_1d(q)],
        0.0,
        1.0,
    )
    return p


def range_quantile(alpha: float, k: int) -> float:
    """The q that is exceeded with chance alpha, by halving."""
    low, high = 0.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if range_p(np.array([middle]), k)[0] > alpha else (low, middle)
    return low


def conover_p(scores: Array) -> Array:
    """`[k, k]`: Conover's t tests of rank sums after Friedman, not adjusted; keener than Nemenyi's,
    too keen under perfect agreement.
    """
    from scikit_posthocs import posthoc_conover_friedman

    k, scores = scores.shape[1], settle_ties(scores)
    if _untied_share(scores) == 0:
        return np.ones((k, k))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = posthoc_conover_friedman(ranks_in_rows(scores)).to_numpy(dtype=np.float64)
    return np.where(np.isnan(p), 1.0, p)
