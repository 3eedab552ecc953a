"""The tests within scenarios that are on ranks alone: of paired runs and of independent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from clbench.report.contest import (
    NAN,
    Omnibus,
    Pair,
    Rules,
    Within,
    of_pair,
    tested_pair,
    with_verdicts,
)
from clbench.report.runs import Runs, common_seeds
from clbench.report.score_tables import tables_of
from clbench.report.sizes import by_name, paired_sizes, unpaired_sizes
from clbench.stats import design
from clbench.stats.blocks import permutation_omnibus
from clbench.stats.corrections import adjust_testable
from clbench.stats.paired import signed_rank
from clbench.stats.ranking import FEWEST_RUNS
from clbench.stats.result import Tested
from clbench.stats.several import friedman
from clbench.stats.unpaired import dunn, kruskal_wallis, mann_whitney

UNTESTED = Tested("none", NAN, NAN, NAN, 0)


def within(by_scenario: Mapping[str, Sequence[Runs]], rules: Rules) -> Within:
    """All the pairs of all scenarios are one family."""
    omnibus: list[Omnibus] = []
    pairs: list[Pair] = []
    for here in by_scenario.values():
        found = _unpaired(here) if rules.unpaired else _paired(here)
        pairs += found
        test = _omnibus(here, found, unpaired=rules.unpaired)
        if test is not None:
            omnibus.append(test)
    # Pairs are tested whatever the omnibus test says; their verdicts mention it.
    rejected: dict[str | None, bool] = {one.scenario: one.p <= rules.alpha for one in omnibus}
    known = by_name([one for here in by_scenario.values() for one in here])
    size = unpaired_sizes if rules.unpaired else paired_sizes
    sized = size(_adjusted(pairs, rules), known, rules)
    corrections = dict.fromkeys(by_scenario, rules.correction)
    return Within(tuple(omnibus), tuple(with_verdicts(sized, rejected, rules)), corrections)


def _adjusted(pairs: Sequence[Pair], rules: Rules) -> list[Pair]:
    """A pair that could never be shown to differ is in nobody's way (Tarone 1990)."""
    p = np.array([pair.p for pair in pairs])
    smallest = np.array([pair.smallest_p for pair in pairs])
    adjusted = adjust_testable(p, smallest, rules.correction, rules.alpha).tolist()
    return [replace(pair, p_adjusted=one) for pair, one in zip(pairs, adjusted, strict=True)]


def _paired(here: Sequence[Runs]) -> list[Pair]:
    pairs = []
    for a, b in combinations(here, 2):
        seeds = common_seeds([a, b])
        tested = signed_rank(a.at(seeds), b.at(seeds)) if len(seeds) else UNTESTED
        pairs.append(tested_pair(a.scenario, a.strategy, b.strategy, len(seeds), tested))
    return pairs


def _unpaired(here: Sequence[Runs]) -> list[Pair]:
    tested = _unpaired_tests(here)
    pairs = []
    for i, j in combinations(range(len(here)), 2):
        a, b = here[i], here[j]
        size = len(a.seed) + len(b.seed)
        pairs.append(tested_pair(a.scenario, a.strategy, b.strategy, size, tested[i, j]))
    return pairs


def _unpaired_tests(here: Sequence[Runs]) -> dict[tuple[int, int], Tested]:
    scores = [one.score for one in here]
    if len(here) < 2:
        return {}
    return {(0, 1): mann_whitney(*scores)} if len(here) == 2 else dunn(scores)


# ---------------------------------------------------------------------- all strategies


def _omnibus(here: Sequence[Runs], pairs: Sequence[Pair], *, unpaired: bool) -> Omnibus | None:
    """The test of all strategies of a scenario; of two it is that of the pair."""
    if len(here) < 2:
        return None
    if len(here) == 2:
        return of_pair(pairs[0])
    return _kruskal_wallis(here) if unpaired else _friedman(here)


def _kruskal_wallis(here: Sequence[Runs]) -> Omnibus:
    found = kruskal_wallis([one.score for one in here])
    return Omnibus(
        scenario=here[0].scenario,
        test=design.KRUSKAL_WALLIS,
        statistic=found.statistic,
        p=found.p,
        strategies=len(here),
        blocks=sum(len(one.seed) for one in here),
    )


def _friedman(here: Sequence[Runs]) -> Omnibus | None:
    """Friedman's statistic with the p of its permutations: chi-square and F err for few seeds.

    A seed that some strategies lack is ranked among those that have it; entries of one or two runs
    are left out where there are others. None where no two strategies share a seed.
    """
    enough = [one for one in here if len(one.seed) >= FEWEST_RUNS]
    table = tables_of([enough if len(enough) > 1 else here]).scores[0]
    found = permutation_omnibus(table)
    if not found.blocks:
        return None
    omnibus = Omnibus(
        scenario=here[0].scenario,
        test=design.FRIEDMAN,
        statistic=found.statistic,
        p=found.p,
        strategies=found.strategies,
        blocks=found.blocks,
        exact=found.exact,
    )
    if len(table) < 2 or np.isnan(table).any():
        return omnibus
    complete = friedman(table)
    return replace(
        omnibus,
        statistic=complete.statistic,
        f=complete.f,
        f_df=complete.f_df,
        f_p=complete.f_p,
    )
