"""p-values that stay true however often one looks: for records to which seeds are added.

A test at every size of a record finds "something" sooner or later: 5 % become 19 % for who starts
at five seeds and stops at thirty. An e-process is a bet against "the two are equal" that starts at
1 and cannot be expected to grow while they are: that it ever exceeds 1 / alpha has a chance of
alpha at most (Ville 1939), so 1 / its largest value so far is a p at any time, whatever made one
stop.

The bet is on signs. Given the sizes of all differences so far, the next sign is a fair coin if the
two runs of a seed can be exchanged; the bet is the higher the larger that difference is among those
before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clbench.stats.evidence import both_ran
from clbench.stats.families import (
    Pair,
    members_of,
    pairs_in_classes,
    partitions,
    renumbered,
)
from clbench.stats.intervals import Interval
from clbench.stats.paired import differences
from clbench.typing import Array

BOLDNESS = (1.0, 2.0)  # how fast bets grow with the size of a difference; the capital is split
MOST_STRATEGIES = 7  # 877 partitions; beyond, averages of pairs that know no partition
INTERVAL = "always valid"


@dataclass(frozen=True)
class AlwaysValid:
    """What may be said of every pair after each seed: `[seeds, pairs]`."""

    p: Array  # of each pair alone
    p_adjusted: Array  # within the family

    @property
    def last(self) -> Array:
        """The adjusted p after all seeds; 1 before the first."""
        after: Array = self.p_adjusted[-1] if len(self.p_adjusted) else np.ones(self.p.shape[1])
        return after


def always_valid(scores: Array, pairs: Sequence[Pair], alpha: float = 0.05) -> AlwaysValid:
    """The p-values of pairs; `scores [seeds, k]` in the order in which seeds were added.

    -inf is a failed run, NaN none at all: a pair's bet then stays as it is. With adjusted p the
    chance that any two equal strategies are ever called different stays below alpha. Pairs with too
    few seeds to reach alpha are in nobody's way; their own p is adjusted for all.
    """
    capital = _capital(scores, pairs)
    adjusted = _adjusted(capital, pairs)
    family = _able(scores, pairs, alpha)
    if 0 < len(family) < len(pairs):
        adjusted[:, family] = _adjusted(capital[:, family], [pairs[place] for place in family])
    return AlwaysValid(_p_of(capital), adjusted)


def _capital(scores: Array, pairs: Sequence[Pair]) -> Array:
    """`[seeds, pairs]`."""
    capital = np.ones((len(scores), len(pairs)))
    for column, (first, second) in enumerate(pairs):
        capital[:, column] = e_process(scores[:, first], scores[:, second])
    return capital


def _able(scores: Array, pairs: Sequence[Pair], alpha: float) -> list[int]:
    """The places of the pairs that have seeds enough to reach alpha."""
    least = fewest_seeds(alpha)
    return [place for place, pair in enumerate(pairs) if both_ran(scores, pair).sum() >= least]


def fewest_seeds(alpha: float) -> int:
    """So many can reach alpha, where all agree and each by more than the ones before: 6 for 5 %."""
    seeds = 1
    while _most_capital(seeds) < 1 / alpha:
        seeds += 1
    return seeds


def _most_capital(seeds: int) -> float:
    """After so many seeds that all agree, each by more than the ones before."""
    growing = np.arange(1.0, seeds + 1)
    return float(e_process(growing, np.zeros(seeds))[-1])


def e_process(a: Array, b: Array) -> Array:
    """The capital after each seed; 1 before the first. NaN where one of the two has no run."""
    known = ~(np.isnan(a) | np.isnan(b))
    # The logarithm of what each step multiplies the capital by; 0 where one has no run.
    steps = np.zeros((len(a), 2 * len(BOLDNESS)))
    steps[known] = _log_steps(_bets(differences(a[known], b[known])))
    capital: Array = np.exp(np.cumsum(steps, axis=0)).mean(axis=1)
    return capital


def _log_steps(bets: Array) -> Array:
    """`[seeds, 2 * boldness]`: half of the capital bets on the first, half on the second."""
    one_each = []
    for boldness in BOLDNESS:
        one_each += [np.tanh(boldness * bets), np.tanh(-boldness * bets)]
    steps: Array = np.log1p(np.stack(one_each, axis=1))
    return steps


def _bets(delta: Array) -> Array:
    bets: Array = np.sign(delta) * _bet_sizes(np.abs(delta))
    return bets


def always_valid_interval(delta: Array, alpha: float = 0.05) -> Interval:
    """Of the mean of differences, at all sizes at once; without ends for fewer than five.

    For nearly normal differences, which those of equal shapes are near enough to. Means of skewed
    runs it misses too often (Lai 1976; Wang and Ramdas 2024).
    """
    size = len(delta)
    factor = always_valid_quantile(size, alpha)
    if not math.isfinite(factor):
        return Interval(-math.inf, math.inf, INTERVAL)
    mean = float(delta.mean())
    half = factor * float(delta.std(ddof=1)) / math.sqrt(size)
    return Interval(mean - half, mean + half, INTERVAL)


def always_valid_quantile(size: int, alpha: float = 0.05) -> float:
    """What stands in the place of Student's quantile: infinite where so few can exclude nothing."""
    if size < 2:
        return math.inf
    room = (1 - (alpha**2 / (1 + size)) ** (1 / size)) * (1 + size) / size
    return math.sqrt((size - 1) * room / (1 - room)) if room < 1 else math.inf


# ---------------------------------------------------------------------- the bets


def _bet_sizes(sizes: Array) -> Array:
    """Normal scores of each size's rank among those up to it: no later seed changes a bet."""
    from scipy.special import ndtri

    count = np.arange(1, len(sizes) + 1)
    scores: Array = ndtri(0.5 + (_ranks_so_far(sizes) - 0.5) / (2 * count))
    return scores


def _ranks_so_far(sizes: Array) -> Array:
    """Of each number among those up to it; equal ones share the mean of their ranks."""
    so_far = np.tri(len(sizes), dtype=bool)
    smaller = (so_far & (sizes < sizes[:, None])).sum(axis=1)
    equal = (so_far & (sizes == sizes[:, None])).sum(axis=1)
    ranks: Array = smaller + (equal + 1) / 2
    return ranks


def _p_of(capital: Array) -> Array:
    """1 / the largest capital so far: what was once shown stays shown."""
    p: Array = np.minimum(1.0, 1 / np.maximum.accumulate(capital, axis=0))
    return p


# ---------------------------------------------------------------------- families


def _adjusted(capital: Array, pairs: Sequence[Pair]) -> Array:
    strategies = len(members_of(pairs))
    if strategies > MOST_STRATEGIES:
        return _p_of(_smallest_averages(capital))
    return _over_partitions(capital, renumbered(pairs), strategies)


def _over_partitions(capital: Array, pairs: Sequence[Pair], strategies: int) -> Array:
    """The closed test: a pair's p is the largest of the partitions that keep it together.

    An average of bets is a bet whatever ties them together, so a partition's is the average of
    the pairs that lie in one of its classes.
    """
    adjusted = np.zeros(capital.shape)
    for partition in partitions(strategies):
        within = pairs_in_classes(partition, pairs)
        if within:
            p = _p_of(capital[:, within].mean(axis=1))
            adjusted[:, within] = np.maximum(adjusted[:, within], p[:, None])
    return adjusted


def _smallest_averages(capital: Array) -> Array:
    """For each pair the least average of any set of pairs with it in: Vovk and Wang (2021).

    That set holds the pair and some of those with the smallest capital.
    """
    tests = capital.shape[1]
    ascending = np.sort(capital, axis=1)
    sums = np.cumsum(ascending, axis=1)
    least = capital.copy()
    for others in range(1, tests):
        # Where the pair is among the smallest itself, one more of the others takes its place.
        smallest = sums[:, [others - 1]]
        among = capital <= ascending[:, [others - 1]]
        total = np.where(among, sums[:, [others]], smallest + capital)
        least = np.minimum(least, total / (others + 1))
    return least
