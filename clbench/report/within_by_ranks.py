"""The tests within scenarios that are on ranks alone: of paired runs and of independent ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    rejected,
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
from clbench.typing import Array

UNTESTED = Tested("none", NAN, NAN, NAN, 0)


def within(by_scenario: Mapping[str, Sequence[Runs]], rules: Rules) -> Within:
    """All the pairs of all scenarios are one family."""
    tested, with_sizes = (_unpaired, unpaired_sizes) if rules.unpaired else (_paired, paired_sizes)
    omnibus: list[Omnibus] = []
    pairs: list[Pair] = []
    for here in by_scenario.values():
        found = tested(here)
        pairs += found
        omnibus += _omnibus(here, found, unpaired=rules.unpaired)
    sized = with_sizes(_adjusted(pairs, rules), by_name(by_scenario.values()), rules)
    # Pairs are tested whatever the omnibus test says; their verdicts mention it.
    judged = with_verdicts(sized, rejected(omnibus, rules), rules)
    return Within(tuple(omnibus), tuple(judged), dict.fromkeys(by_scenario, rules.correction))


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
        pairs.append(_pair(a, b, len(seeds), tested))
    return pairs


def _unpaired(here: Sequence[Runs]) -> list[Pair]:
    pairs = []
    for (i, j), tested in _unpaired_tests(here).items():
        a, b = here[i], here[j]
        pairs.append(_pair(a, b, len(a.seed) + len(b.seed), tested))
    return pairs


def _pair(a: Runs, b: Runs, size: int, tested: Tested) -> Pair:
    return tested_pair(a.scenario, a.strategy, b.strategy, size, tested)


def _unpaired_tests(here: Sequence[Runs]) -> dict[tuple[int, int], Tested]:
    """Of every two of them, in order."""
    scores = [one.score for one in here]
    if len(scores) > 2:
        return dunn(scores)
    return {(0, 1): mann_whitney(*scores)} if len(scores) == 2 else {}


# ---------------------------------------------------------------------- all strategies


def _omnibus(here: Sequence[Runs], pairs: Sequence[Pair], *, unpaired: bool) -> Iterable[Omnibus]:
    """The test of all strategies of a scenario; of two it is that of the pair."""
    if len(here) <= 2:
        return map(of_pair, pairs)
    return [_kruskal_wallis(here)] if unpaired else _friedman(here)


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


def _friedman(here: Sequence[Runs]) -> Iterable[Omnibus]:
    """Friedman's statistic with the p of its permutations: chi-square and F err for few seeds.

    A seed that some strategies lack is ranked among those that have it; entries of one or two runs
    are left out where there are others. Nothing where no two strategies share a seed.
    """
    enough = [one for one in here if len(one.seed) >= FEWEST_RUNS]
    table = tables_of([enough if len(enough) > 1 else here]).scores[0]
    found = permutation_omnibus(table)
    if not found.blocks:
        return
    omnibus = Omnibus(
        scenario=here[0].scenario,
        test=design.FRIEDMAN,
        statistic=found.statistic,
        p=found.p,
        strategies=found.strategies,
        blocks=found.blocks,
        exact=found.exact,
    )
    is_complete = len(table) > 1 and not np.isnan(table).any()
    yield _with_f(omnibus, table) if is_complete else omnibus


def _with_f(omnibus: Omnibus, table: Array) -> Omnibus:
    """The statistic as scipy has it, and F: of a table in which everybody has every seed."""
    found = friedman(table)
    return replace(omnibus, statistic=found.statistic, f=found.f, f_df=found.f_df, f_p=found.f_p)
