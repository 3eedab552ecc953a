"""What the tests look at: scores of runs, brought into blocks and into differences of pairs.

A table is `[seeds, k]`: scores oriented so that more is better, -inf for a run that failed, NaN
where a strategy has no run of a seed. Three questions make three kinds of evidence of such tables:

one scenario          blocks are its seeds
these scenarios       blocks are seeds; a block holds all scenarios, for one seed draws alike in all
scenarios like these  blocks are scenarios, of which those at hand are a sample

Where a run of a pair failed there is no mean to compare. Such a pair is compared by the signed
ranks of its differences, within each scenario, a failed run below every other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.stats.blocks import block_scores
from clbench.stats.families import Pair, all_pairs
from clbench.stats.paired import column_differences, differences, pseudo_median, signed_ranks
from clbench.typing import Array


def table_at(rows: Array, seeds: Sequence[Array], scores: Sequence[Array]) -> Array:
    """A table of the seeds `rows` (ascending), of strategies that each have some of them.

    For several scenarios the rows are those of all: row i of every table has to be the same seed.
    """
    table = np.full((len(rows), len(seeds)), np.nan)
    for column, (own, score) in enumerate(zip(seeds, scores, strict=True)):
        table[np.searchsorted(rows, own), column] = score
    return table


def both_ran(table: Array, pair: Pair) -> Array:
    """At which rows both strategies have a run, failed or not."""
    missing = np.isnan(table[:, pair]).any(axis=1)
    return np.asarray(~missing)


@dataclass(frozen=True)
class PairEvidence:
    """Two strategies at the blocks that both have."""

    first: int
    second: int
    blocks: Array  # [n], which ones: rows of the tables, or scenarios
    delta: Array  # [n], first minus second, a block each; infinite where a run failed
    steps: Array  # [n], what is tested: delta, or its signed ranks where a run failed
    failed: bool  # whether any run of the two did

    @property
    def strategies(self) -> Pair:
        """Their columns in the tables."""
        return self.first, self.second

    @property
    def size(self) -> int:
        """The blocks that both have."""
        return len(self.delta)


@dataclass(frozen=True)
class Evidence:
    """All that one question is answered from."""

    blocks: int
    pairs: tuple[PairEvidence, ...]
    ranks_of: Callable[[Sequence[int]], Array]  # centred ranks in blocks, among some strategies


def one_scenario(table: Array, pairs: Sequence[Pair]) -> Evidence:
    """How strategies compare on one scenario."""
    return these_scenarios([table], pairs)


def these_scenarios(tables: Sequence[Array], pairs: Sequence[Pair]) -> Evidence:
    """How strategies compare on these very scenarios; row i of every table is the same seed."""
    means = np.mean(tables, axis=0)
    found = tuple(_pair_over_seeds(tables, means, pair) for pair in pairs)
    return Evidence(len(means), found, functools.partial(_ranks_in_seeds, tables))


def scenarios_like_these(tables: Sequence[Array], pairs: Sequence[Pair]) -> Evidence:
    """How strategies would compare on other scenarios of the kind; seeds need not be the same."""
    found = tuple(_pair_over_scenarios(tables, pair) for pair in pairs)
    return Evidence(len(tables), found, functools.partial(_ranks_in_scenarios, tables))


# ---------------------------------------------------------------------- ranks in blocks


def _ranks_in_seeds(tables: Sequence[Array], strategies: Sequence[int]) -> Array:
    """Ranked within each scenario, so that none weighs more for its larger differences."""
    total: Array = np.sum([block_scores(table[:, strategies]) for table in tables], axis=0)
    return total


def _ranks_in_scenarios(tables: Sequence[Array], strategies: Sequence[int]) -> Array:
    """By how many strategies each is ahead of on a scenario, by their pairs at common seeds."""
    leads = np.zeros((len(tables), len(strategies)))
    for i, j in all_pairs(len(strategies)):
        pair = _pair_over_scenarios(tables, (strategies[i], strategies[j]))
        direction = np.sign(pair.delta) if pair.size else 0.0
        leads[:, i] += direction
        leads[:, j] -= direction
    return block_scores(leads)


# ---------------------------------------------------------------------- pairs


def _pair_over_seeds(tables: Sequence[Array], means: Array, pair: Pair) -> PairEvidence:
    both = both_ran(means, pair)
    runs = means[both][:, pair]
    delta = column_differences(runs)
    failed = not np.isfinite(runs).all()
    steps = _ranked_in_scenarios(tables, both, pair) if failed else delta
    return PairEvidence(*pair, np.flatnonzero(both), delta, steps, failed)


def _ranked_in_scenarios(tables: Sequence[Array], rows: Array, pair: Pair) -> Array:
    """Signed ranks within each scenario, where a failure counts; summed over them by seed."""
    gains = [column_differences(table[rows][:, pair]) for table in tables]
    total: Array = np.sum(list(map(signed_ranks, gains)), axis=0)
    return total


def _pair_over_scenarios(tables: Sequence[Array], pair: Pair) -> PairEvidence:
    """A difference a scenario: of means at common seeds, or where runs failed their centre."""
    by_scenario = [_at_common_seeds(table, pair) for table in tables]
    failed = not all(np.isfinite(runs).all() for runs in by_scenario)
    gains = list(map(column_differences, by_scenario))
    if not all(map(len, gains)):
        nothing = np.empty(0)
        return PairEvidence(*pair, nothing.astype(int), nothing, nothing, failed)
    delta = _centres(gains, failed)
    steps = signed_ranks(delta) if failed else delta
    return PairEvidence(*pair, np.arange(len(delta)), delta, steps, failed)


def _centres(gains: Sequence[Array], failed: bool) -> Array:
    centre = pseudo_median if failed else np.mean
    # Beside 0, so that what is 0 on paper is 0 here.
    return differences(np.array([centre(one) for one in gains]), np.zeros(len(gains)))


def _at_common_seeds(table: Array, pair: Pair) -> Array:
    common: Array = table[both_ran(table, pair)][:, pair]
    return common
