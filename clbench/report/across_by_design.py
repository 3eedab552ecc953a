"""Two questions over several scenarios, each by the tests that its design asks for.

On these scenarios together: a seed, with its runs on all of them, is one block, and the mean over
scenarios its value. On scenarios like these: a scenario is a block, a sample of others of the kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from clbench.report.across import (
    NO_INTERVAL,
    Across,
    Estimates,
    at_seeds,
    by_seed,
    finished_scenarios,
    overall_ranks,
    ranks_by_lead,
)
from clbench.report.across_by_ranks import means_over_scenarios
from clbench.report.contenders import Contenders
from clbench.report.contest import (
    BASELINE,
    LIKE_THESE,
    NAN,
    THESE,
    Pair,
    Rules,
    with_verdicts,
)
from clbench.report.runs import Runs, common_seeds
from clbench.report.score_tables import Tables, tables_of
from clbench.report.sizes import Apart, with_sizes
from clbench.report.within_by_design import omnibus_of, pair_of
from clbench.stats.effects import vargha_delaney
from clbench.stats.evidence import PairEvidence, scenarios_like_these, these_scenarios
from clbench.stats.families import all_pairs
from clbench.stats.intervals import mean_interval
from clbench.stats.paired import differences
from clbench.stats.questions import Answer, over_scenarios_like_these, over_these_scenarios
from clbench.typing import Array


@dataclass(frozen=True)
class _Asked:
    """One question with its answer, before sizes and words."""

    question: str
    answer: Answer
    apart: Sequence[Apart]  # of the same pairs
    means: Estimates
    finished: dict[str, tuple[int, int]]  # by strategy: its blocks, of how many


def across(contenders: Contenders, rules: Rules) -> tuple[Across, ...]:
    """The questions that can be asked; that on these scenarios comes first."""
    if rules.family == BASELINE and rules.baseline not in contenders.names:
        return ()
    tables = tables_of(contenders.runs)
    asked = [_these(contenders, tables, rules), *_like_these(contenders, tables, rules)]
    average_rank = _average_ranks(tables)
    return tuple(_across(one, contenders, tables, average_rank, rules) for one in asked)


def _these(contenders: Contenders, tables: Tables, rules: Rules) -> _Asked:
    answer = over_these_scenarios(tables.scores, tables.plan(rules))
    means = np.mean(tables.scores, axis=0)
    apart = []
    for one in these_scenarios(tables.scores, tables.places(rules)).pairs:
        gains = one.delta[_both_finished(means, one)]
        apart.append(_apart(tables, one, contenders.sign * gains))
    finished = _finished_seeds(tables.names, means)
    return _Asked(THESE, answer, apart, _means_by_seed(contenders, rules), finished)


def _finished_seeds(names: Sequence[str], means: Array) -> dict[str, tuple[int, int]]:
    """Of each strategy the seeds that it finished on all scenarios, and those that it has."""
    finished = np.isfinite(means).sum(axis=0)
    there = (~np.isnan(means)).sum(axis=0)
    counts = zip(finished.tolist(), there.tolist(), strict=True)
    return dict(zip(names, counts, strict=True))


def _both_finished(means: Array, pair: PairEvidence) -> Array:
    """Of the pair's seeds, those that both finished on all scenarios."""
    runs = means[:, list(pair.strategies)][pair.blocks]
    return np.asarray(np.isfinite(runs).all(axis=1))


def _like_these(contenders: Contenders, tables: Tables, rules: Rules) -> Iterable[_Asked]:
    answer = over_scenarios_like_these(tables.scores, tables.plan(rules))
    if answer is None:
        return
    apart = []
    for one in scenarios_like_these(tables.scores, tables.places(rules)).pairs:
        gains = _mean_gains(tables, one)
        apart.append(_apart(tables, one, contenders.sign * gains))
    means, finished = means_over_scenarios(contenders, rules), finished_scenarios(contenders)
    yield _Asked(LIKE_THESE, answer, apart, means, finished)


def _mean_gains(tables: Tables, pair: PairEvidence) -> Array:
    """On each scenario, over the seeds that both finished; without those that have none."""
    found = []
    for table in tables.scores:
        runs = table[:, list(pair.strategies)]
        first, second = runs[np.isfinite(runs).all(axis=1)].T
        if len(first):
            found.append(differences(first, second).mean())
    return np.array(found)


def _across(
    asked: _Asked,
    contenders: Contenders,
    tables: Tables,
    average_rank: Array,
    rules: Rules,
) -> Across:
    pairs = _pairs(asked, tables, rules)
    omnibus = next(iter(omnibus_of(None, asked.answer, pairs, asked.question)), None)
    rejected = omnibus is None or omnibus.p <= rules.alpha
    pairs = with_verdicts(pairs, {None: rejected}, rules)
    average = average_rank.tolist()
    return Across(
        question=asked.question,
        omnibus=omnibus,
        correction=asked.answer.correction,
        critical_difference=NAN,
        ranks=overall_ranks(contenders, average, asked.means, asked.finished, pairs, rules),
        pairs=tuple(pairs),
    )


def _pairs(asked: _Asked, tables: Tables, rules: Rules) -> list[Pair]:
    pairs = []
    for one in asked.answer.pairs:
        names = tables.names[one.first], tables.names[one.second]
        pairs.append(pair_of(None, *names, one, asked.question))
    sized = with_sizes(pairs, asked.apart, rules)
    if rules.looked is not None and asked.question == THESE:
        return rules.looked.over(sized, tables, rules)
    return sized


def _apart(tables: Tables, pair: PairEvidence, deltas: Array) -> Apart:
    """The effect is the mean over scenarios of that on each."""
    effects = [vargha_delaney(*runs) for runs in tables.of_both(*pair.strategies)]
    return Apart(pair.delta, deltas, float(np.mean(effects)))


def _average_ranks(tables: Tables) -> Array:
    """Over scenarios, of 1 + how many strategies are ahead, those even counted half.

    Nothing is decided by them: they are for figures, and sort what has the same rank.
    """
    count = len(tables.names)
    lead = np.zeros((count, count))
    for pair in scenarios_like_these(tables.scores, all_pairs(count)).pairs:
        ahead = float(np.sign(pair.delta).mean()) if pair.size else 0.0
        lead[pair.first, pair.second] = ahead
        lead[pair.second, pair.first] = -ahead
    return ranks_by_lead(lead)


# ---------------------------------------------------------------------- means


def _means_by_seed(contenders: Contenders, rules: Rules) -> Estimates:
    """Of the seeds that all strategies have everywhere, each one's mean over the scenarios.

    Of a strategy that did not finish a seed somewhere, over the seeds that it finished.
    """
    found = {}
    columns = _shared_rows(contenders.runs).T
    for one, column in zip(contenders.runs[0], columns, strict=True):
        means = column[np.isfinite(column)]
        if len(means):
            ends = mean_interval(means, rules.level).cut(one.limits)
            found[one.strategy] = float(means.mean()), ends
        else:
            found[one.strategy] = NAN, NO_INTERVAL
    return found


def _shared_rows(scenarios: Sequence[Sequence[Runs]]) -> Array:
    """`[seeds, k]`: means over scenarios at the seeds that everybody has on all of them."""
    shared = common_seeds(list(chain.from_iterable(scenarios)))
    tables = []
    for here in scenarios:
        tables.append(by_seed(at_seeds(here, shared)))
    means: Array = np.mean(tables, axis=0)
    return means
