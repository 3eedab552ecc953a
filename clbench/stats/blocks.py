"""Do strategies differ at all? The omnibus test by permutation within blocks (seeds, or scenarios).

If all strategies were alike, their ranks within a block could stand in any order. So p is the
share of arrangements that set the strategies' rank sums at least as far apart as they are:
Friedman's test (1937), with its exact distribution instead of chi-square or F, which are wrong for
few blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from clbench.stats.ranks import ranks
from clbench.stats.result import drawn_p
from clbench.typing import Array

MOST_LISTED = 50_000  # arrangements that are all tried
DRAWS = 9_999  # arrangements drawn beyond that
GENERATOR_SEED = 1940  # of the drawn arrangements: one record has one p
EQUAL_STATISTICS = 1e-9  # of the observed one: statistics closer than this are equal on paper


@dataclass(frozen=True)
class Omnibus:
    """Whether the strategies differ at all. `exact`: every arrangement was tried."""

    test: str
    statistic: float
    p: float
    exact: bool
    blocks: int
    strategies: int


def permutation_omnibus(scores: Array, draws: int = DRAWS) -> Omnibus:
    """The test of `scores [blocks, k]`: more is better, -inf failed, NaN where there is no run.

    A block is permuted among the strategies that have it, so that one short entry does not take the
    test away from all others (Skillings and Mack 1981).
    """
    return omnibus_of(block_scores(scores), draws)


def omnibus_of(values: Array, draws: int = DRAWS) -> Omnibus:
    """The test of what strategies score in each block, `[blocks, k]`, every block centred at 0."""
    blocks = _blocks(values)
    observed = float(blocks.spread(blocks.sums()[None])[0])
    if blocks.arrangements <= MOST_LISTED:
        far = _far(blocks.spread(blocks.listed_sums()), observed)
        return blocks.omnibus("Friedman, exact", observed, float(far.mean()), exact=True)
    far = _far(blocks.spread(blocks.drawn_sums(draws)), observed)
    name = f"Friedman, {draws:,} permutations"
    return blocks.omnibus(name, observed, drawn_p(far), exact=False)


def block_scores(scores: Array) -> Array:
    """Ranks within each block, the best highest, centred and scaled so that full blocks weigh most.

    For complete blocks the test is Friedman's with his correction for ties: that is a constant.
    """
    return np.stack([_ranked(row) for row in np.asarray(scores, dtype=np.float64)])


def _ranked(row: Array) -> Array:
    known = ~np.isnan(row)
    ranked = np.full(len(row), np.nan)
    ranked[known] = _centred_ranks(row[known])
    return ranked


def _centred_ranks(values: Array) -> Array:
    size = len(values)
    centred: Array = (ranks(values) - (size + 1) / 2) * math.sqrt(12 / (size + 1))
    return centred


def _far(statistics: Array, observed: float) -> Array:
    far: Array = statistics >= observed * (1 - EQUAL_STATISTICS)
    return far


# ---------------------------------------------------------------------- arranging blocks


@dataclass(frozen=True)
class _Blocks:
    """Blocks of at least two strategies, and the columns of those that have a run there."""

    present: tuple[Array, ...]
    columns: tuple[Array, ...]
    strategies: int

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return zip(self.present, self.columns, strict=True)

    @property
    def arrangements(self) -> int:
        """How many ways there are to arrange all blocks."""
        return math.prod(math.factorial(len(block)) for block in self.present)

    def omnibus(self, test: str, statistic: float, p: float, *, exact: bool) -> Omnibus:
        """The result of a test of these blocks."""
        strategies = int((self.counts() > 0).sum())
        return Omnibus(test, statistic, p, exact, len(self.present), strategies)

    def counts(self) -> Array:
        """In how many blocks each strategy is."""
        counts = np.zeros(self.strategies)
        for _, where in self:
            counts[where] += 1
        return counts

    def spread(self, sums: Array) -> Array:
        """How far apart sums over blocks are, each strategy's for the number of its blocks."""
        apart: Array = np.square(sums) @ (1 / np.maximum(self.counts(), 1))
        return apart

    def sums(self) -> Array:
        """The strategies' sums as they are."""
        sums = np.zeros(self.strategies)
        for values, where in self:
            sums[where] += values
        return sums

    def listed_sums(self) -> Array:
        """The strategies' sums under every arrangement: `[arrangements, k]`."""
        sums = np.zeros((1, self.strategies))
        for values, where in self:
            orders = list(permutations(values))
            placed = np.zeros((len(orders), self.strategies))
            placed[:, where] = orders
            sums = (sums[:, None] + placed).reshape(-1, self.strategies)
        return sums

    def drawn_sums(self, draws: int) -> Array:
        """Under random arrangements, the same for every table: `[draws, k]`."""
        rng = np.random.default_rng(GENERATOR_SEED)
        sums = np.zeros((draws, self.strategies))
        for values, where in self:
            # Sorted, so that the order in which strategies are listed does not move p.
            block = np.tile(np.sort(values), (draws, 1))
            sums[:, where] += rng.permuted(block, axis=1)
        return sums


def _blocks(values: Array) -> _Blocks:
    known = ~np.isnan(values)
    several = known.sum(axis=1) > 1  # a block of one cannot be arranged in another way
    columns = tuple(np.flatnonzero(row) for row in known[several])
    rows = values[several]
    present = tuple(row[where] for row, where in zip(rows, columns, strict=True))
    return _Blocks(present, columns, values.shape[1])
