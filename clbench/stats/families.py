"""Families of tests: how many can be true at once, and what an adjusted p has to pay for it.

"Any two of k strategies" is a family whose members imply each other: if a = b and b = c, then a =
c. So not every number of pairs can be equal, and behind an omnibus test even fewer (Shaffer 1986).
`corrections` has the plain ones (Holm), which know nothing of that.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations

import numpy as np

from clbench.stats.ranks import unsorted
from clbench.typing import Array

Pair = tuple[int, int]
Partition = tuple[tuple[int, ...], ...]
MOST_IN_PARTITIONS = 6  # strategies: 203 partitions; seven would have 877


# ---------------------------------------------------------------------- which pairs


def all_pairs(strategies: int) -> list[Pair]:
    """Every two of them."""
    return list(combinations(range(strategies), 2))


def baseline_pairs(strategies: int, baseline: int) -> list[Pair]:
    """The k - 1 comparisons with one strategy: the whole family where only they were asked for."""
    return [pair for pair in all_pairs(strategies) if baseline in pair]


def is_complete(pairs: Sequence[Pair]) -> bool:
    """Whether the family is every pair of the strategies in it."""
    return len(pairs) == math.comb(len(members_of(pairs)), 2)


def members_of(pairs: Sequence[Pair]) -> list[int]:
    """The strategies in them, ascending."""
    return sorted(set(chain.from_iterable(pairs)))


def renumbered(pairs: Sequence[Pair]) -> list[Pair]:
    """The same with their strategies counted from 0, without gaps."""
    number = {strategy: place for place, strategy in enumerate(members_of(pairs))}
    return [(number[first], number[second]) for first, second in pairs]


# ---------------------------------------------------------------------- how many can be true


@functools.cache
def equal_counts(strategies: int) -> tuple[int, ...]:
    """How many pairs of k strategies can be equal at once, ascending."""
    bits = _count_bits(strategies)
    return tuple(count for count in range(bits.bit_length()) if bits >> count & 1)


@functools.cache
def _count_bits(strategies: int) -> int:
    """The same as a number, whose bit c says whether c pairs can be equal.

    S(k) is the union over j of C(j, 2) + x, for every x in S(k - j): j strategies are alike, and
    the rest somehow. Adding C(j, 2) to every member is one shift of all bits.
    """
    if strategies == 0:
        return 1
    bits = 0
    for alike in range(1, strategies + 1):
        bits |= _count_bits(strategies - alike) << math.comb(alike, 2)
    return bits


def shaffer_multipliers(strategies: int, *, gated: bool) -> list[int]:
    """What the 1st, 2nd, ... smallest p of all pairs is multiplied by.

    At step i, i - 1 pairs are known to differ; t_i is the most that can still be equal. `gated`: an
    omnibus test has rejected that all are equal, so that the first step knows as much as the
    second.
    """
    counts = equal_counts(strategies)
    pairs = math.comb(strategies, 2)
    # The largest possible count among those that are not more than the pairs still left.
    multipliers = [counts[bisect_right(counts, left) - 1] for left in range(pairs, 0, -1)]
    if gated and pairs > 1:
        multipliers[0] = multipliers[1]
    return multipliers


def holm_multipliers(tests: int) -> list[int]:
    """The same where any number of the tests can be true: Holm's (1979)."""
    return list(range(tests, 0, -1))


def family_multipliers(pairs: Sequence[Pair], *, gated: bool = True) -> list[int]:
    """Shaffer's for every pair of some strategies, Holm's for any other family.

    Comparisons with a baseline, and pairs of which some cannot be tested, can be true in any
    number: there a gate buys nothing.
    """
    if not is_complete(pairs):
        return holm_multipliers(len(pairs))
    return shaffer_multipliers(len(members_of(pairs)), gated=gated)


# ---------------------------------------------------------------------- adjusting


def step_down(p: Array, multipliers: Sequence[int], omnibus_p: float = 0.0) -> Array:
    """Adjusted p: multiplied in order, and none smaller than one before it or the gate."""
    order = np.argsort(p, kind="stable")
    # Running: a larger p is never adjusted to less than a smaller one.
    steps = np.maximum.accumulate(p[order] * np.array(multipliers))
    return unsorted(np.clip(steps, omnibus_p, 1.0), order)


def worth_testing(smallest: Array, alpha: float) -> Array:
    """Which tests are worth a place in the family: those that could reject in it (Tarone 1990).

    `smallest` is the least p that each test's design allows. A test that could never reject cannot
    raise a false alarm either, so nobody has to pay for it. Of the families {tests that can reach
    alpha / K} it is the one of the least K that has at most K members.
    """
    for members in range(1, len(smallest) + 1):
        fit = smallest * members <= alpha
        if fit.sum() <= members:
            return fit
    return np.zeros(len(smallest), dtype=bool)


def adjust_over_families(families: Sequence[Array]) -> list[Array]:
    """One family of several (one a scenario), each adjusted within itself: p adjusted over all.

    The closed test whose local tests are Bonferroni's over scenarios. A scenario counts against
    the others as long as anything in it may be equal; its largest adjusted p says how sure it is
    that nothing is. With one pair a scenario it is Holm's correction. NaN is not in the family.
    """
    largest = [_largest(family) for family in families]
    adjusted = []
    for position, family in enumerate(families):
        others = [*largest[:position], *largest[position + 1 :]]
        adjusted.append(_against_others(family, others))
    return adjusted


def _largest(family: Array) -> float:
    known = family[~np.isnan(family)]
    return float(known.max(initial=0.0))


def _against_others(family: Array, others: Sequence[float]) -> Array:
    adjusted = family.copy()
    # The others that are hardest to reject come first: any set of scenarios may be equal, and of
    # all sets with so many members theirs has the largest p.
    for count, largest in enumerate(sorted(others, reverse=True), start=2):
        adjusted = np.maximum(adjusted, count * np.minimum(family, largest))
    return np.minimum(adjusted, 1.0)


# ---------------------------------------------------------------------- partitions


def has_partitions(pairs: Sequence[Pair]) -> bool:
    """Whether the family is every pair of so few strategies that their partitions can be listed."""
    return is_complete(pairs) and len(members_of(pairs)) <= MOST_IN_PARTITIONS


def close_over_partitions(p: Array, pairs: Sequence[Pair], omnibus_p: float | None) -> Array:
    """Adjusted p by the closed test over partitions (Marcus, Peritz and Gabriel 1976).

    A partition says which strategies are equal. Its p is Bonferroni's over the pairs that are equal
    under it, or the omnibus test's where all are. Two strategies are shown to differ where every
    partition that keeps them together is rejected (Bergmann and Hommel 1988). It finds whatever
    Shaffer's multipliers find, and more.
    """

    def p_of(equal: list[int]) -> float:
        # All are equal: the omnibus test is the better one of that.
        if len(equal) == len(pairs) and omnibus_p is not None:
            return omnibus_p
        return _bonferroni(p[equal])

    return close_over_hypotheses(pairs, p_of)


def close_over_hypotheses(pairs: Sequence[Pair], p_of: Callable[[list[int]], float]) -> Array:
    """For each pair the largest p of the hypotheses that take it for equal.

    `p_of` is the local test: the p of "these pairs are all equal", which are given by position.
    """
    adjusted = np.zeros(len(pairs))
    for equal in hypotheses(pairs):
        adjusted[equal] = np.maximum(adjusted[equal], p_of(equal))
    return adjusted


def _bonferroni(p: Array) -> float:
    """Of the hypothesis that all of these pairs are equal."""
    return min(1.0, len(p) * float(p.min()))


def hypotheses(pairs: Sequence[Pair]) -> list[list[int]]:
    """For every partition of the strategies the pairs that are equal under it; each set once."""
    found = _equal_pairs(len(members_of(pairs)), tuple(renumbered(pairs)))
    return [list(equal) for equal in found]


@functools.cache
def _equal_pairs(strategies: int, pairs: tuple[Pair, ...]) -> list[tuple[int, ...]]:
    found = {tuple(sorted(pairs_in_classes(one, pairs))) for one in partitions(strategies)}
    return sorted(found - {()})


def partitions(strategies: int) -> Iterator[Partition]:
    """Every way to say which strategies are equal: 52 for five, 203 for six, 877 for seven."""
    if strategies == 0:
        yield ()
        return
    last = strategies - 1
    for partition in partitions(last):
        # The last strategy joins one of the classes of the others, or is alone.
        for position, members in enumerate(partition):
            yield (*partition[:position], (*members, last), *partition[position + 1 :])
        yield (*partition, (last,))


def pairs_within(members: Sequence[int], pairs: Sequence[Pair]) -> list[int]:
    """The positions of the pairs that lie in one class."""
    chosen = set(members)
    return [place for place, pair in enumerate(pairs) if chosen.issuperset(pair)]


def pairs_in_classes(partition: Partition, pairs: Sequence[Pair]) -> list[int]:
    """The positions of the pairs that lie in any class of a partition, class by class."""
    return list(chain.from_iterable(pairs_within(members, pairs) for members in partition))
