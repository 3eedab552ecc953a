"""All pairs of a family by exact sign flips: each seed's differences change their signs together.

If strategies were equal, turning all of a seed's differences round would change nothing. So a
pair's adjusted p is the share of the 2^n patterns of signs under which any pair of the family leads
by as much as this one does. That keeps what ties the pairs together (they share strategies, and
seeds), so it finds more than corrections that know nothing of it; and it keeps every strategy's own
spread, which permuting the runs of a seed does not: where strategies vary unequally, permutations
raise 6.5 % false alarms instead of 5.

Each pair alone is exact whatever the shape of the runs. Together they are exact for symmetric
noise, and keep alpha in simulation for skewed noise and for runs that collapse.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clbench.stats.families import Pair, close_over_hypotheses, has_partitions
from clbench.stats.ranks import unsorted
from clbench.typing import Array

MOST_LISTED = 13  # blocks whose 2^12 patterns (and their mirror images) are all tried
DRAWS = 9_999  # patterns drawn beyond that
FEWEST_DRAWS = 999  # for families so large that so many would not fit into memory
MOST_NUMBERS = 5_000_000  # patterns times pairs
GENERATOR_SEED = 1976  # of the drawn patterns: one record has one p
EQUAL_LEADS = 1e-9  # of the observed one: leads closer than this are equal on paper


@dataclass(frozen=True)
class JointFlips:
    """The adjusted p of every pair, and the test that all are equal, which is part of it."""

    adjusted: Array
    omnibus_lead: float  # of the strongest pair: its mean by its spread around zero, times sqrt(n)
    omnibus_p: float


def joint_flips(steps: Array, pairs: Sequence[Pair]) -> JointFlips:
    """The test of a family; `steps [blocks, pairs]` are differences, or their signed ranks.

    0 where a pair has no block. "Every pair" of few strategies is tested over partitions (which
    know that a = b and b = c make a = c), any other family by stepping down.
    """
    leads = _leads(steps)
    strongest = leads.max(axis=1)
    closed = has_partitions(pairs)
    adjusted = _over_partitions(leads, pairs) if closed else _stepping_down(leads)
    return JointFlips(adjusted, float(strongest[0]), _share(strongest))


def _leads(steps: Array) -> Array:
    """`[patterns, pairs]`, the observed pattern first: how far each pair leads under each pattern.

    The statistic is |sum of differences| / sqrt(sum of their squares). It grows with |t|, and is of
    one size for pairs with more and fewer blocks, by means and by ranks.
    """
    blocks, pairs = steps.shape
    draws = max(FEWEST_DRAWS, min(DRAWS, MOST_NUMBERS // pairs))
    spread = np.sqrt(np.square(steps).sum(axis=0))
    sums = np.abs(_patterns(blocks, draws) @ steps)
    leads: Array = np.divide(sums, spread, out=np.zeros_like(sums), where=spread > 0)
    return leads


def _over_partitions(leads: Array, pairs: Sequence[Pair]) -> Array:
    """The closed test (Marcus, Peritz and Gabriel 1976).

    A partition says which strategies are equal. Two are shown to differ where every partition that
    keeps them together is rejected.
    """
    return close_over_hypotheses(pairs, lambda equal: _share(leads[:, equal].max(axis=1)))


def _stepping_down(leads: Array) -> Array:
    """The strongest pair against all, the next against all but that one (Westfall and Young 1993).

    It is the closed test over all sets of pairs, which takes any number of them for equal.
    """
    weakest_first = np.argsort(leads[0], kind="stable")
    of_rest = np.maximum.accumulate(leads[:, weakest_first], axis=1)
    observed = leads[0, weakest_first] * (1 - EQUAL_LEADS)
    p: Array = (of_rest >= observed).mean(axis=0)
    # None is smaller than that of a pair which leads by more.
    steps = np.maximum.accumulate(p[::-1])[::-1]
    return unsorted(steps, weakest_first)


def _share(strongest: Array) -> float:
    """Of the patterns under which the strongest pair leads as it does under the first."""
    return float((strongest >= strongest[0] * (1 - EQUAL_LEADS)).mean())


@functools.lru_cache(maxsize=8)
def _patterns(blocks: int, draws: int) -> Array:
    """`[patterns, blocks]` of signs, the observed one (all as they are) first.

    A pattern and its mirror image have the same leads, so one of the two is enough.
    """
    if blocks <= MOST_LISTED:
        codes = np.arange(2 ** max(0, blocks - 1))[:, None]
        return 1.0 - 2.0 * (codes >> np.arange(blocks) & 1)
    drawn = np.random.default_rng(GENERATOR_SEED).integers(0, 2, (draws, blocks))
    return np.vstack([np.ones(blocks), 1.0 - 2.0 * drawn])
