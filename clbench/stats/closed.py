"""All pairs of few strategies, exactly: the closed test over partitions, by permutation.

A partition says which strategies are equal. Under it the runs of one seed can be exchanged within
each class; its p is the share of such permutations whose largest |t| of a pair within a class is at
least the observed one. Two strategies are shown to differ where every partition that keeps them
together is rejected (Marcus, Peritz and Gabriel 1976). That permutes only what the hypothesis calls
equal: a single permutation of all strategies (Westfall and Young's single step) lets those with a
wide spread speak for those with a narrow one, and raises twice the false alarms it may.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.stats.blocks import Omnibus
from clbench.stats.families import Pair, Partition, pairs_within, partitions
from clbench.stats.flips import flips_p
from clbench.typing import Array

MOST_STRATEGIES = 6  # 203 partitions; seven would have 877
DRAWS = 1_999  # permutations of each class
GENERATOR_SEED = 1976  # of the permutations: one record has one p
EQUAL_STATISTICS = 1e-9  # of the observed one: statistics closer than this are equal on paper


@dataclass(frozen=True)
class Closed:
    """The adjusted p of each pair of the family, and the test of all strategies that is part of
    it.
    """

    adjusted: Array
    omnibus: Omnibus


def closed_partitions(scores: Array, pairs: Sequence[Pair], draws: int = DRAWS) -> Closed:
    """The test of the pairs of a family; `scores [seeds, k]` are all finite."""
    scores, pairs = _in_order(scores, pairs)
    seeds, strategies = scores.shape
    strongest = _strongest_by_class(scores, pairs, draws)
    adjusted = np.zeros(len(pairs))
    for classes in _hypotheses(strategies, strongest):
        p = _partition_p(scores, classes, strongest)
        for members in classes:
            inside = pairs_within(members, pairs)
            adjusted[inside] = np.maximum(adjusted[inside], p)
    everybody = tuple(range(strategies))
    p = _partition_p(scores, (everybody,), strongest)
    t = _as_t(float(strongest[everybody][0]), seeds)
    omnibus = Omnibus(f"largest t, {draws:,} permutations", t, p, False, seeds, strategies)
    return Closed(adjusted, omnibus)


def _in_order(scores: Array, pairs: Sequence[Pair]) -> tuple[Array, list[Pair]]:
    """The strategies by their scores, so that the order they are listed in does not move p."""
    order = np.lexsort(scores)
    place = np.argsort(order)
    moved = [(int(place[first]), int(place[second])) for first, second in pairs]
    return scores[:, order], moved


def _hypotheses(strategies: int, strongest: Mapping[tuple[int, ...], Array]) -> set[Partition]:
    """The classes of every partition, without those that hold no pair of the family."""
    found = set()
    for partition in partitions(strategies):
        classes = tuple(members for members in partition if members in strongest)
        if classes:
            found.add(classes)
    return found


def _as_t(strongest: float, seeds: int) -> float:
    """|t| of the statistic, which is t^2 n / (t^2 + n - 1)."""
    left = seeds - strongest
    return float("inf") if left <= 0 else float(np.sqrt(strongest * (seeds - 1) / left))


def _partition_p(
    scores: Array, classes: Partition, strongest: Mapping[tuple[int, ...], Array]
) -> float:
    if len(classes) == 1 and len(classes[0]) == 2:
        # Nothing but one pair: the permutations are the flips of its signs, which can be counted.
        first, second = classes[0]
        return flips_p(scores[:, first] - scores[:, second])
    statistics = np.max([strongest[members] for members in classes], axis=0)
    # The observed arrangement is the first of them.
    return float((statistics >= statistics[0] * (1 - EQUAL_STATISTICS)).mean())


def _strongest_by_class(
    scores: Array, pairs: Sequence[Pair], draws: int
) -> dict[tuple[int, ...], Array]:
    """For every class with a pair of the family the statistics of its strongest pair."""
    strategies = scores.shape[1]
    found = {}
    for code in range(1, 2**strategies):
        members = tuple(one for one in range(strategies) if code >> one & 1)
        inside = [pairs[place] for place in pairs_within(members, pairs)]
        if inside:
            found[members] = _strongest(scores, members, inside, draws)
    return found


def _strongest(
    scores: Array, members: tuple[int, ...], inside: Sequence[Pair], draws: int
) -> Array:
    """`[1 + draws]`: the largest statistic of a pair, as observed and after each permutation.

    The statistic is (sum of differences)^2 / (sum of their squares), from 0 to n. It grows with
    |t|, and is n, not infinite, where all differences are the same.
    """
    own = scores[:, members]
    own = own - own.mean(axis=1, keepdims=True)  # a seed's level says nothing, and costs digits
    order = _orders(*scores.shape, draws, members)
    arranged = np.concatenate([own[None], own[np.arange(len(own))[:, None], order]])
    total = np.ones(len(own)) @ arranged  # the sums over seeds, faster than `sum`
    products = arranged.swapaxes(1, 2) @ arranged
    place = {strategy: position for position, strategy in enumerate(members)}
    first = [place[one] for one, _ in inside]
    second = [place[other] for _, other in inside]
    squares = products[:, first, first] + products[:, second, second]
    squares = squares - 2 * products[:, first, second]
    apart = np.square(total[:, first] - total[:, second])
    # Squares that are the rounding errors of equal runs are no spread to divide by.
    known = squares > np.square(EQUAL_STATISTICS * np.abs(scores).max())
    statistics = np.divide(apart, squares, out=np.zeros_like(apart), where=known)
    strongest: Array = statistics.max(axis=1)
    return strongest


@functools.lru_cache(maxsize=128)
def _orders(seeds: int, strategies: int, draws: int, members: tuple[int, ...]) -> Array:
    """`[draws, seeds, members]`: how each permutation arranges the runs of each seed.

    The order of random numbers, one a strategy: classes of one partition have no member in common,
    so they are permuted independently.
    """
    keys = _keys(seeds, strategies, draws)[:, :, members]
    return keys.argsort(axis=-1)


@functools.lru_cache(maxsize=4)
def _keys(seeds: int, strategies: int, draws: int) -> Array:
    return np.random.default_rng(GENERATOR_SEED).random((draws, seeds, strategies))
