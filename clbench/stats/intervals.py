"""Intervals for means of few runs, and what bootstraps add from ten runs on.

Every mean of runs that anything here shows has Student's t interval: `mean_interval`. It is exact
for normal data; the difference of two strategies with runs of like shape is symmetric, and it holds
its level there, too. For a mean of few skewed runs it falls short (`benchmarks/inference.py` prints
by how much), and so do bootstraps, which draw from those few: they are here to be compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clbench.typing import Array

RESAMPLES = 5000
FEWEST_SCENARIOS = 3  # from which on there is an interval over them
RESAMPLED_SCENARIOS = 5  # from which on they are resampled
MANY = 10  # runs from which on interquartile means are shown
NO_SPREAD = 1e-9  # of the spread of all runs: resamples with less are one run drawn n times

STUDENT, SIMULTANEOUS, WELCH = "Student t", "Student t, simultaneous", "Welch t"
NONE = "none"


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`; NaN where the runs say nothing of their spread."""

    low: float
    high: float
    method: str

    def cut(self, limits: tuple[float, float] | None) -> Interval:
        """The part of it that is possible, for figures: an accuracy is no larger than 1."""
        if limits is None:
            return self
        low = float(np.clip(self.low, *limits))
        high = float(np.clip(self.high, *limits))
        return Interval(low, high, self.method)


# ---------------------------------------------------------------------- means


def mean_interval(values: Array, level: float = 0.95) -> Interval:
    """The interval that is shown for a mean of runs, or of differences of runs, wherever one is."""
    return mean_intervals(np.asarray(values, dtype=np.float64)[:, None], level)[0]


def mean_intervals(values: Array, level: float = 0.95) -> list[Interval]:
    """`mean_interval` of every column of `[n, K]`."""
    return _intervals(values, level, STUDENT)


def simultaneous_intervals(values: Array, alpha: float = 0.05) -> list[Interval]:
    """Intervals of all columns of `[n, K]` that hold together with a chance of 1 - alpha.

    Each is as much longer as Bonferroni asks. Shorter ones (Tukey's, or by the largest t) hold
    where all columns vary alike, which strategies do not.
    """
    return _intervals(values, simultaneous_level(alpha, values.shape[1]), SIMULTANEOUS)


def simultaneous_level(alpha: float, family: int) -> float:
    """The level of each of so many intervals that hold together with a chance of 1 - alpha."""
    return 1 - alpha / max(1, family)


def _intervals(values: Array, level: float, method: str) -> list[Interval]:
    if len(values) < 2:
        return [Interval(np.nan, np.nan, NONE)] * values.shape[1]
    ends = zip(*student(values, level), strict=True)
    return [Interval(float(low), float(high), method) for low, high in ends]


def student(values: Array, level: float = 0.95) -> tuple[Array, Array]:
    """Student's t for the mean of every column, both ends.

    Exact for normal data, short of its level for skewed data.
    """
    from scipy.special import stdtrit

    size = len(values)
    mean = values.mean(axis=0)
    # Of equal runs it is a point, as if their spread were known to be none.
    half = stdtrit(size - 1, (1 + level) / 2) * values.std(axis=0, ddof=1) / np.sqrt(size)
    return mean - half, mean + half


# ---------------------------------------------------------------------- unpaired differences


def welch(a: Array, b: Array, level: float = 0.95) -> Interval:
    """The difference of two independent means, with Welch's degrees of freedom."""
    from scipy.special import stdtrit

    if min(len(a), len(b)) < 2:
        return Interval(np.nan, np.nan, NONE)
    difference = float(a.mean() - b.mean())
    error, df = welch_error(a, b)
    if error == 0:
        return Interval(difference, difference, WELCH)
    half = float(stdtrit(df, (1 + level) / 2) * error)
    return Interval(difference - half, difference + half, WELCH)


def welch_error(a: Array, b: Array) -> tuple[float, float]:
    """The standard error of the difference of two independent means, and its degrees of freedom."""
    errors = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    variance = errors.sum()
    if variance == 0:
        return 0.0, 1.0
    df = variance**2 / (errors**2 / [len(a) - 1, len(b) - 1]).sum()
    return float(np.sqrt(variance)), float(df)


# ---------------------------------------------------------------------- bootstraps of a mean


def percentile(
    values: Array, rng: np.random.Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The plain bootstrap of a mean: too short for few runs."""
    means = _resampled(values, rng, resamples).mean(axis=1)
    return _quantiles(means, _tails(level))


def bca(
    values: Array, rng: np.random.Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The bias-corrected and accelerated bootstrap of a mean (Efron 1987).

    No better than the plain one for few runs.
    """
    from scipy.special import ndtr, ndtri

    values = np.asarray(values, dtype=np.float64)
    means = _resampled(values, rng, resamples).mean(axis=1)
    bias = _bias(means, values.mean())
    z = bias + ndtri(_tails(level))
    return _quantiles(means, ndtr(bias + z / (1 - _acceleration(values) * z)))


def _bias(means: Array, mean: float) -> float:
    """How far the median of the resampled means is from the mean, in standard errors."""
    from scipy.special import ndtri

    resamples = len(means)
    below = (np.sum(means < mean) + np.sum(means == mean) / 2) / resamples
    # 0 and 1 would be infinitely far.
    return float(ndtri(np.clip(below, 1 / resamples, 1 - 1 / resamples)))


def _acceleration(values: Array) -> float:
    """How the standard error changes with the mean: the skewness of what each run moves it by."""
    leaps = (values - values.mean()) / (len(values) - 1)
    spread = np.square(leaps).sum()
    return float((leaps**3).sum() / (6 * spread**1.5)) if spread > 0 else 0.0


def studentised(
    values: Array, rng: np.random.Generator, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """The bootstrap-t of a mean (Efron & Tibshirani 1993, chapter 12).

    It keeps its level, but one outlier among five runs sends it anywhere.
    """
    values = np.asarray(values, dtype=np.float64)
    mean = float(values.mean())
    t = _resampled_t(values, _resampled(values, rng, resamples))
    if not len(t):
        return mean, mean
    low, high = _quantiles(t, _tails(level))
    spread = float(values.std(ddof=1))
    # A t that is high in the resamples stands for a mean that is too high: the ends change places.
    return mean - high * spread, mean - low * spread


def _resampled_t(values: Array, drawn: Array) -> Array:
    """Resamples without spread have no t, and are left out."""
    errors = drawn.std(axis=1, ddof=1)
    spread = errors > NO_SPREAD * values.std()
    t: Array = (drawn[spread].mean(axis=1) - float(values.mean())) / errors[spread]
    return t


def _tails(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]


def _quantiles(values: Array, ends: Sequence[float] | Array) -> tuple[float, float]:
    low, high = np.quantile(values, ends)
    return float(low), float(high)


def _resampled(values: Array, rng: np.random.Generator, resamples: int) -> Array:
    """`[resamples, n]`."""
    size = len(values)
    drawn: Array = np.asarray(values, dtype=np.float64)[rng.integers(0, size, (resamples, size))]
    return drawn


# ---------------------------------------------------------------------- the middle half


def interquartile_mean(values: Array) -> float:
    """The mean of the middle half (Agarwal et al. 2021): a quarter is left out at either end."""
    return float(_middle(np.asarray(values, dtype=np.float64)))


def interquartile_interval(
    strata: Sequence[Array],
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """The interquartile mean of all runs, resampled within every scenario (a stratum).

    So no scenario is ever missing.
    """
    draws = [_resampled(stratum, rng, resamples) for stratum in strata]
    tail = _wider_tail(float(np.mean([len(stratum) for stratum in strata])), level)
    low, high = _quantiles(_middle(np.concatenate(draws, axis=1)), [tail, 1 - tail])
    return Interval(low, high, "stratified bootstrap")


def _wider_tail(size: float, level: float) -> float:
    """Resamples of n runs vary as if by n where they should by n - 1; percentiles are taken as
    much further out.
    """
    from scipy.special import ndtr, ndtri

    return float(ndtr(ndtri((1 - level) / 2) * np.sqrt(size / (size - 1))))


def _middle(values: Array) -> Array:
    size = values.shape[-1]
    cut = size // 4
    middle: Array = np.sort(values, axis=-1)[..., cut : size - cut].mean(axis=-1)
    return middle


# ---------------------------------------------------------------------- several scenarios


def hierarchical_means(
    strata: Sequence[Array],
    rng: np.random.Generator,
    *,
    paired: bool = True,
    resamples: int = RESAMPLES,
) -> Array:
    """`[resamples, K]`: means over scenarios of means over seeds, both resampled.

    `strata[s]` is `[seeds, K]`, NaN where a run failed. A scenario that is drawn m times is drawn
    with m sets of seeds of its own: together m n draws from its n seeds. `paired` draws the same
    seeds for all K strategies.
    """
    count, columns = len(strata), strata[0].shape[1]
    drawn = rng.multinomial(count, np.full(count, 1 / count), resamples)
    total = np.zeros((resamples, columns))
    for s, runs in enumerate(strata):
        for block in _drawn_together(columns, paired):
            total[:, block] += drawn[:, [s]] * _means_of_draws(runs[:, block], drawn[:, s], rng)
    return total / count


def _drawn_together(columns: int, paired: bool) -> list[slice]:
    """Paired, one draw of seeds serves all strategies; otherwise each has a draw of its own."""
    return [slice(None)] if paired else [slice(k, k + 1) for k in range(columns)]


def _means_of_draws(runs: Array, times: Array, rng: np.random.Generator) -> Array:
    """Means over `times` resamples of the seeds, over those that finished.

    The plain mean where no run that was drawn did.
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
    """The interval of every column's mean over scenarios, both ends.

    `means [S, K]` as measured, `drawn [resamples, K]` by `hierarchical_means`. Two scenarios say
    nothing of a third. Three and four have Student's t of their means, which vary by the scenarios
    and by the seeds within them: resampling so few cannot show what another would have been. From
    five on the bootstrap is as good, and follows skewness.
    """
    scenarios = len(means)
    if scenarios < FEWEST_SCENARIOS:
        missing = np.full(means.shape[1:], np.nan)
        return missing, missing
    if resamples_scenarios(scenarios):
        return expanded(drawn, scenarios, level)
    return student(means, level)


def expanded(means: Array, scenarios: int, level: float = 0.95) -> tuple[Array, Array]:
    """Percentiles of hierarchical means, moved outwards (Hesterberg 2015).

    By what plain ones are too short for so few scenarios.
    """
    from scipy.special import ndtr, stdtrit

    t = stdtrit(scenarios - 1, (1 - level) / 2)
    tail = float(ndtr(t * np.sqrt(scenarios / (scenarios - 1))))
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high
