"""Two strategies on the same seeds."""

from __future__ import annotations

import functools
import math

import numpy as np

from clbench.stats.power import smallest_signed_rank
from clbench.stats.ranks import ranks, settle_ties
from clbench.stats.result import Tested
from clbench.typing import Array

MOST_EXACT = 200  # pairs; beyond, the normal approximation is as good
NO_SPREAD = 1e-9  # of the largest difference: a spread below it is a rounding error
PAIRED_T = "paired t"


def differences(a: Array, b: Array) -> Array:
    """`a - b`, where two runs that failed differ by nothing.

    What is equal on paper (0.3 - 0.2 and 0.1) is equal here.
    """
    with np.errstate(invalid="ignore"):  # two failed runs: -inf - -inf
        delta = np.where(a == b, 0.0, a - b)
    # 0 is one of the sizes: a difference that is a rounding error ties with it.
    sizes = settle_ties(np.append(0.0, np.abs(delta)), like=np.concatenate([a, b]))
    settled: Array = np.sign(delta) * sizes[1:]
    return settled


def column_differences(runs: Array) -> Array:
    """The differences of a table of two columns."""
    return differences(runs[:, 0], runs[:, 1])


# ---------------------------------------------------------------------- by signed ranks


def signed_rank(a: Array, b: Array) -> Tested:
    """Wilcoxon's signed-rank test of paired scores, exact for up to 200 pairs whatever the ties.

    Zeros are ranked with the others and then left out of the sums (Pratt 1959). Given the sizes of
    the differences every pattern of signs is equally likely under the null, so p counts patterns,
    and ties need no approximation. Splitting each zero's rank between both sums instead gives the
    same p: it only shifts both. The statistic is the smaller of the two rank sums.
    """
    return signed_rank_of(differences(a, b))


def signed_rank_of(delta: Array) -> Tested:
    """`signed_rank` of differences at hand."""
    size = len(delta)
    ranked = ranks(np.abs(delta))
    plus = float(ranked[delta > 0].sum())
    minus = float(ranked[delta < 0].sum())
    exact = size <= MOST_EXACT
    p = _exact_p(ranked[delta != 0], min(plus, minus)) if exact else _asymptotic_p(ranked, delta)
    return Tested(
        "Wilcoxon signed-rank, exact" if exact else "Wilcoxon signed-rank",
        statistic=min(plus, minus),
        p=p,
        smallest_p=smallest_signed_rank(size),
        better=int(np.sign(plus - minus)),
        exact=exact,
    )


def signed_ranks(delta: Array) -> Array:
    """The ranks of the differences' sizes, with their signs; zeros take part in the ranking."""
    ranked: Array = np.sign(delta) * ranks(np.abs(delta))
    return ranked


def pseudo_median(delta: Array) -> float:
    """Hodges and Lehmann's (1963) estimate of the centre: the median of the means of every two.

    It is above 0 where the signed-rank test sees the first ahead, and needs no number for a run
    that failed: a difference of minus infinity counts as lower than all others, and is balanced by
    one of plus infinity.
    """
    first, second = np.triu_indices(len(delta))
    with np.errstate(invalid="ignore"):  # inf - inf, the balanced ones
        means = (delta[first] + delta[second]) / 2
        means[np.isnan(means)] = 0.0
        middle = float(np.median(means))
    return 0.0 if np.isnan(middle) else middle


def _exact_p(ranked: Array, statistic: float) -> float:
    """Twice the share of patterns of signs with a rank sum as small; ranks of zeros left out."""
    doubled = np.sort(np.rint(2 * ranked).astype(int))
    tail = _lower_tail(tuple(doubled.tolist()))
    return float(min(1.0, 2 * tail[round(2 * statistic)]))


@functools.lru_cache(maxsize=256)
def _lower_tail(doubled: tuple[int, ...]) -> Array:
    """P(W <= w) for every doubled rank sum w: doubled, tied ranks are whole numbers, too."""
    chance = np.zeros(sum(doubled) + 1)
    chance[0] = 1.0
    for rank in doubled:
        # With a chance of 1/2 the rank is in the sum.
        shifted = np.concatenate([np.zeros(rank), chance[: len(chance) - rank]])
        chance = (chance + shifted) / 2
    return np.cumsum(chance)


def _asymptotic_p(ranked: Array, delta: Array) -> float:
    from scipy.stats import wilcoxon

    sign = np.sign(delta)
    if not sign.any():
        return 1.0
    found = wilcoxon(ranked * sign, zero_method="pratt", method="asymptotic")
    return float(found.pvalue)


# ---------------------------------------------------------------------- by the mean


def paired_t(delta: Array) -> Tested:
    """Student's test that the mean of finite differences is zero.

    It supposes nearly normal differences. Those of two strategies that are equal are symmetric
    whatever the shape of the runs, and there it keeps its level in simulation from three pairs on.
    """
    size = len(delta)
    mean = float(delta.mean())
    spread = float(delta.std(ddof=1))
    rounding = NO_SPREAD * float(np.abs(delta).max())
    better = int(np.sign(mean)) if abs(mean) > rounding else 0
    if spread <= rounding:
        return _without_spread(size, better)
    t = mean / (spread / math.sqrt(size))
    return Tested(PAIRED_T, t, _two_sided(t, size - 1), 0.0, better)


def _without_spread(size: int, better: int) -> Tested:
    """Then t is infinite, and means nothing: the signs alone have an answer."""
    p = smallest_signed_rank(size) if better else 1.0
    return Tested(PAIRED_T, math.nan, p, 0.0, better)


def _two_sided(t: float, df: int) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(t)))
