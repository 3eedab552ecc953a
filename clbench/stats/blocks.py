"""Do strategies differ at all? The omnibus test by permutation within blocks (seeds, or scenarios).

If all strategies were alike, their ranks within a block could stand in any order. So p is the
share of arrangements that set the strategies' rank sums at least as far apart as they are:
Friedman's test (1937), with its exact distribution instead of chi-square or F, which are wrong for
few blocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from clbench.stats.ranks import ranks
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
    known = ~np.isnan(values)
    values, known = values[known.sum(axis=1) > 1], known[known.sum(axis=1) > 1]
    counts = known.sum(axis=0)
    columns = [np.flatnonzero(row) for row in known]
    present = [row[where] for row, where in zip(values, columns, strict=True)]
    observed = float(_spread(values.sum(axis=0, where=known)[None], counts)[0])
    exact = math.prod(math.factorial(len(block)) for block in present) <= MOST_LISTED
    if exact:
        sums = _listed_sums(present, columns, values.shape[1])
        p = _share(_spread(sums, counts), observed, observed_too=0)
    else:
        sums = _drawn_sums(present, columns, values.shape[1], draws)
        # The observed arrangement counts as one of the drawn ones (Phipson and Smyth 2010).
        p = _share(_spread(sums, counts), observed, observed_too=1)
    test = "Friedman, exact" if exact else f"Friedman, {draws:,} permutations"
    return Omnibus(test, observed, p, exact, len(values), int((counts > 0).sum()))


def block_scores(scores: Array) -> Array:
    """Ranks within each block, the best highest, centred and scaled so that full blocks weigh most.

    For complete blocks the test is Friedman's with his correction for ties: that is a constant.
    """
    return np.stack([_ranked(row) for row in np.asarray(scores, dtype=np.float64)])


def _ranked(row: Array) -> Array:
    known = ~np.isnan(row)
    size = int(known.sum())
    ranked = np.full(len(row), np.nan)
    ranked[known] = (ranks(row[known]) - (size + 1) / 2) * math.sqrt(12 / (size + 1))
    return ranked


def _spread(sums: Array, counts: Array) -> Array:
    """How far apart the strategies' sums over blocks are, each for the number of its blocks."""
    apart: Array = np.square(sums) @ (1 / np.maximum(counts, 1))
    return apart


def _share(statistics: Array, observed: float, observed_too: int) -> float:
    far = int((statistics >= observed * (1 - EQUAL_STATISTICS)).sum())
    return (far + observed_too) / (len(statistics) + observed_too)


def _listed_sums(present: list[Array], columns: list[Array], strategies: int) -> Array:
    """The strategies' sums under every arrangement: `[arrangements, k]`."""
    sums = np.zeros((1, strategies))
    for values, where in zip(present, columns, strict=True):
        placed = np.zeros((math.factorial(len(values)), strategies))
        placed[:, where] = list(permutations(values))
        sums = (sums[:, None] + placed).reshape(-1, strategies)
    return sums


def _drawn_sums(present: list[Array], columns: list[Array], strategies: int, draws: int) -> Array:
    """The strategies' sums under random arrangements, the same for every table: `[draws, k]`."""
    rng = np.random.default_rng(GENERATOR_SEED)
    sums = np.zeros((draws, strategies))
    for values, where in zip(present, columns, strict=True):
        # Sorted, so that the order in which strategies are listed does not move p.
        block = np.tile(np.sort(values), (draws, 1))
        sums[:, where] += rng.permuted(block, axis=1)
    return sums
