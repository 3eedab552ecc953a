"""Intervals for means of few runs, and what bootstraps add from ten runs on.

Every mean of runs that anything here shows has Student's t interval: `mean_interval`. It is exact
for normal data; the difference of two strategies with runs of like shape is symmetric, and it holds
its level there, too. For a mean of few skewed runs it falls short (`benchmarks/inference.py` prints
by how much), and so do bootstraps, which draw from those few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clbench.typing import Array

RESAMPLES = 5000
FEW_SCENARIOS = 3  # from which on there is an interval over them
RESAMPLED_SCENARIOS = 5  # from which on they are resampled
MANY = 10  # runs from which on interquartile means are shown


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`; NaN where the runs say nothing of their spread."""

    low: float
    high: float
    method: str

    def cut(self, limits: tuple[float, float] | None) -> Interval:
        """The part of it that is possible: an accuracy is no larger than 1."""
        if limits is None:
            return self
        low, high = (float(np.clip(end, *limits)) for end in (self.low, self.high))
        return Interval(low, high, self.method)


STUDENT, SIMULTANEOUS, NONE = "Student t", "Student t, simultaneous", "none"


def mean_interval(values: Array, level: float = 0.95) -> Interval:
    """The interval that is shown for a mean of runs, or of differences of runs, wherever one is."""
    return mean_intervals(np.asarray(values, dtype=np.float64)[:, None], level)[0]


def mean_intervals(values: Array, level: float = 0.95) -> list[Interval]:
    """`mean_interval` of every column of `[n, K]`."""
    if len(values) < 2:
        return [Interval(np.nan, np.nan, NONE)] * values.shape[1]
    low, high = student(values, level)
    return [
        Interval(float(one), float(other), STUDENT) for one, other in zip(low, high, strict=True)
    ]


def simultaneous_intervals(values: Array, alpha: float = 0.05) -> list[Interval]:
    """Intervals of all columns of `[n, K]` that hold together with a chance of 1 - alpha.

    Each is as much longer as Bonferroni asks. Shorter ones (Tukey's, or by the largest t) hold
    where all columns vary alike, which strategies do not.
    """
    found = mean_intervals(values, 1 - alpha / max(1, values.shape[1]))
    return [
        Interval(one.low, one.high, one.method if one.method == NONE else SIMULTANEOUS)
        for one in found
    ]


def student(values: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Student's t for the mean of every column: exact for normal data, short of its level for
    skewed data.
    """
    from scipy.special import stdtrit

    size = len(values)
    half = stdtrit(size - 1, (1 + level) / 2) * values.std(axis=0, ddof=1) / np.sqrt(size)
    return values.mean(axis=0) - half, values.mean(axis=0) + half


# ---------------------------------------------------------------------- bootstraps


def percentile(
    values: Array, rng: np.random.Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The plain bootstrap of a mean: too short for few runs."""
    means = _resampled(values, rng, resamples).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bca(
    values: Array, rng: np.random.Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The bias-corrected and accelerated bootstrap of a mean (Efron 1987): no better than the plain
    one for few runs.
    """
    from scipy.special import ndtr, ndtri

    values = np.asarray(values, dtype=np.float64)
    means, mean = _resampled(values, rng, resamples).mean(axis=1), values.mean()
    below = (np.sum(means < mean) + np.sum(means == mean) / 2) / resamples
    bias = ndtri(np.clip(below, 1 / resamples, 1 - 1 / resamples))
    leaps = (values - mean) / (len(values) - 1)
    spread = np.square(leaps).sum()
    acceleration = (leaps**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    z = bias + ndtri([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(means, ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def studentised(
    values: Array, rng: np.random.Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The bootstrap-t of a mean (Efron & Tibshirani 1993, chapter 12): keeps its level, but one
    outlier among five runs sends it anywhere.

    Resamples without spread have no t, and are left out.
    """
    values = np.asarray(values, dtype=np.float64)
    drawn = _resampled(values, rng, resamples)
    errors = drawn.std(axis=1, ddof=1)
    spread = errors > 1e-9 * values.std()
    mean = float(values.mean())
    if not spread.any():
        return mean, mean
    t = (drawn[spread].mean(axis=1) - mean) / errors[spread]
    tails = np.quantile(t, [(1 - level) / 2, (1 + level) / 2]) * values.std(ddof=1)
    return mean - float(tails[1]), mean - float(tails[0])


def _resampled(values: Array, rng: np.random.Generator, resamples: int) -> Array:
    drawn: Array = np.asarray(values, dtype=np.float64)[
        rng.integers(0, len(values), (resamples, len(values)))
    ]
    return drawn


# ---------------------------------------------------------------------- unpaired differences


def welch(a: Array, b: Array, level: float = 0.95) -> Interval:
    """The difference of two independent means, with Welch's degrees of freedom."""
    from scipy.special import stdtrit

    if min(len(a), len(b)) < 2:
        return Interval(np.nan, np.nan, NONE)
    errors = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    difference, variance = float(a.mean() - b.mean()), errors.sum()
    if variance == 0:
        return Interval(difference, difference, "Welch t")
    df = variance**2 / (errors**2 / [len(a) - 1, len(b) - 1]).sum()
    half = float(stdtrit(df, (1 + level) / 2) * np.sqrt(variance))
    return Interval(difference - half, difference + half, "Welch t")


# ---------------------------------------------------------------------- several scenarios


def interquartile_mean(values: Array) -> float:
    """The mean of the middle half: a quarter of the runs is left out at either end (Agarwal et al.
    2021).
    """
    return float(_middle(np.asarray(values, dtype=np.float64)))


def interquartile_interval(
    strata: Sequence[Array],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """The interquartile mean of all runs, resampled within every scenario (a stratum), so that none
    is ever missing.

    Resamples of n runs vary as if by n where they should by n - 1; percentiles are taken as much
    further out.
    """
    from scipy.special import ndtr, ndtri

    draws = [_resampled(stratum, rng, resamples) for stratum in strata]
    size = np.mean([len(stratum) for stratum in strata])
    tail = float(ndtr(ndtri((1 - level) / 2) * np.sqrt(size / (size - 1))))
    low, high = np.quantile(_middle(np.concatenate(draws, axis=1)), [tail, 1 - tail])
    return Interval(float(low), float(high), "stratified bootstrap")


def _middle(values: Array) -> Array:
    size = values.shape[-1]
    cut = size // 4
    middle: Array = np.sort(values, axis=-1)[..., cut : size - cut].mean(axis=-1)
    return middle


def hierarchical_means(
    strata: Sequence[Array],
    rng: np.random.Generator,
    *,
    paired: bool = True,
    resamples: int = RESAMPLES,
) -> Array:
    """`[resamples, K]`: means over scenarios of means over seeds, both resampled. `strata[s]` is
    `[seeds, K]`, NaN where a run failed.

    A scenario that is drawn m times is drawn with m sets of seeds of its own: together m n draws
    from its n seeds. `paired` draws the same seeds for all K strategies.
    """
    count, columns = len(strata), strata[0].shape[1]
    drawn = rng.multinomial(count, np.full(count, 1 / count), resamples)
    blocks = [slice(None)] if paired else [slice(k, k + 1) for k in range(columns)]
    total = np.zeros((resamples, columns))
    for s, runs in enumerate(strata):
        for block in blocks:
            total[:, block] += drawn[:, [s]] * _means_of_draws(runs[:, block], drawn[:, s], rng)
    return total / count


def _means_of_draws(runs: Array, times: Array, rng: np.random.Generator) -> Array:
    """Means over `times` resamples of the seeds, over those that finished; the plain mean where no
    draw did.
    """
    seeds = len(runs)
    weights = rng.multinomial(times * seeds, np.full(seeds, 1 / seeds))
    known = ~np.isnan(runs)
    values = np.where(known, runs, 0.0)
    weight = weights @ known
    mean = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(weight > 0, (weights @ values) / np.maximum(weight, 1), mean)


def resamples_scenarios(scenarios: int) -> bool:
    """Whether the interval over so many scenarios is a bootstrap."""
    return scenarios >= RESAMPLED_SCENARIOS


def over_scenarios(means: Array, drawn: Array, level: float = 0.95) -> tuple[Array, Array]:
    """The interval of every column's mean over scenarios: `means [S, K]` as measured, `drawn
    [resamples, K]` by `hierarchical_means`.

    Two scenarios say nothing of a third. Three and four have Student's t of their means, which vary
    by the scenarios and by the seeds within them: resampling so few cannot show what another would
    have been. From five on the bootstrap is as good, and follows skewness.
    """
    scenarios = len(means)
    if scenarios < FEW_SCENARIOS:
        missing = np.full(means.shape[1:], np.nan)
        return missing, missing
    if resamples_scenarios(scenarios):
        return expanded(drawn, scenarios, level)
    return student(means, level)


def expanded(means: Array, scenarios: int, level: float = 0.95) -> tuple[Array, Array]:
    """Percentiles of hierarchical means, moved outwards by what plain ones are too short for so few
    scenarios (Hesterberg 2015).
    """
    from scipy.special import ndtr, stdtrit

    tail = float(
        ndtr(stdtrit(scenarios - 1, (1 - level) / 2) * np.sqrt(scenarios / (scenarios - 1)))
    )
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high
