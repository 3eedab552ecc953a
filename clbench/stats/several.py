"""More than two strategies on the same blocks (seeds, or scenarios), by their average ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench.stats.ranks import ranks_in_rows, settle_ties
from clbench.typing import Array

NO_ROOM = 1e-9  # below it, blocks agree fully but for rounding errors


# ---------------------------------------------------------------------- Friedman


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
    statistic = _chi_square(means, blocks)
    if ties:
        statistic = _corrected(statistic, _untied_share(scores))
    f, f_df = _f(statistic, blocks, k)
    f_p = float(fdtrc(*f_df, f)) if blocks > 1 else 1.0
    p = float(chdtrc(k - 1, statistic))
    return Friedman(statistic, k - 1, p, f, f_df, f_p, means, blocks)


def _corrected(statistic: float, untied: float) -> float:
    return statistic / untied if untied > 0 else 0.0


def _chi_square(means: Array, blocks: int) -> float:
    k = len(means)
    apart = float(np.square(means - (k + 1) / 2).sum())
    return 12 * blocks / (k * (k + 1)) * apart


def _f(statistic: float, blocks: int, k: int) -> tuple[float, tuple[int, int]]:
    """Iman and Davenport's F and its degrees of freedom; infinite where all blocks agree."""
    df = (k - 1, (k - 1) * (blocks - 1))
    room = blocks * (k - 1) - statistic  # what the chi-square is short of its largest value
    if room <= NO_ROOM:
        return float("inf"), df
    return (blocks - 1) * statistic / room, df


def _untied_share(scores: Array) -> float:
    """1 where no block has ties, 0 where every block is one tie."""
    blocks, k = scores.shape
    sizes = np.concatenate([np.unique(row, return_counts=True)[1] for row in scores])
    tied = float((sizes**3 - sizes).sum())
    return 1.0 - tied / float(blocks * k * (k * k - 1))


# ---------------------------------------------------------------------- Nemenyi


def nemenyi_p(gap: Array, k: int, blocks: int) -> Array:
    """The p-values of differences between average ranks (Nemenyi 1963).

    They are adjusted for all pairs of the k strategies.
    """
    # Few different gaps occur among thousands of pairs; each is integrated once.
    gaps, position = np.unique(np.round(np.abs(gap), 12), return_inverse=True)
    p: Array = range_p(gaps / _rank_error(k, blocks) * np.sqrt(2), k)[position]
    return p


def _rank_error(k: int, blocks: int) -> float:
    """The standard error of the difference of two average ranks."""
    return float(np.sqrt(k * (k + 1) / (6 * blocks)))


def critical_difference(
    k: int, blocks: int, alpha: float, *, against_control: bool = False
) -> float:
    """The difference between average ranks that is significant.

    Nemenyi's for all pairs, Bonferroni and Dunn's against one control.
    """
    quantile = _control_quantile if against_control else _pairs_quantile
    return quantile(k, alpha) * _rank_error(k, blocks)


def _pairs_quantile(k: int, alpha: float) -> float:
    return float(range_quantile(alpha, k) / np.sqrt(2))


def _control_quantile(k: int, alpha: float) -> float:
    from scipy.special import ndtri

    return float(-ndtri(alpha / (2 * (k - 1))))


def range_p(q: Array, k: int) -> Array:
    """The chance that k standard normal numbers range over more than q.

    The studentised range with its spread known: 1 - k times the integral of
    phi(z) (Phi(z) - Phi(z - q))^(k - 1), z being the largest of them. scipy has it in
    `scipy.stats`, whose import takes longer than the rest of a comparison; trapezoids are as good,
    for the integrand dies off smoothly.
    """
    from scipy.special import ndtr

    z = np.linspace(-9.0, 9.0, 2001)
    largest = np.exp(-np.square(z) / 2) * (k * (z[1] - z[0]) / np.sqrt(2 * np.pi))
    within = [(largest * (ndtr(z) - ndtr(z - one)) ** (k - 1)).sum() for one in np.atleast_1d(q)]
    p: Array = np.clip(1 - np.array(within), 0.0, 1.0)
    return p


def range_quantile(alpha: float, k: int) -> float:
    """The q that is exceeded with chance alpha, by halving."""
    low, high = 0.0, 40.0
    for _ in range(60):  # down to the last bit of 40
        middle = (low + high) / 2
        if range_p(np.array([middle]), k)[0] > alpha:
            low = middle
        else:
            high = middle
    return low
