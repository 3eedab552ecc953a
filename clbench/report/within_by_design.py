"""The tests within scenarios that the design of the experiment asks for (`stats.questions`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from clbench.report.contest import (
    Omnibus,
    Pair,
    Rules,
    Within,
    of_pair,
    rejected,
    tested_pair,
    with_verdicts,
)
from clbench.report.runs import Runs
from clbench.report.score_tables import Tables, tables_of
from clbench.report.sizes import by_name, paired_sizes
from clbench.stats.questions import Answer, PairAnswer, Plan, within_scenarios


def within(by_scenario: Mapping[str, Sequence[Runs]], rules: Rules) -> Within:
    """All the pairs of all scenarios are one family, or those with the baseline are."""
    if not by_scenario:
        return Within((), (), {})
    tables = tables_of(by_scenario.values())
    answers = adjusted_answers(tables, tables.plan(rules))
    omnibus: list[Omnibus] = []
    pairs: list[Pair] = []
    corrections = {}
    for (scenario, here), answer in zip(by_scenario.items(), answers, strict=True):
        present = {one.strategy for one in here}
        pairs_here = list(_pairs_on(scenario, present, answer, tables.names))
        pairs += pairs_here
        omnibus += omnibus_of(scenario, answer, pairs_here)
        corrections[scenario] = answer.correction
    sized = paired_sizes(pairs, by_name(by_scenario.values()), rules)
    judged = with_verdicts(sized, rejected(omnibus, rules), rules)
    return Within(tuple(omnibus), tuple(judged), corrections)


def adjusted_answers(tables: Tables, plan: Plan) -> list[Answer]:
    """A scenario each: the one place where the adjusted p of its pairs comes from."""
    return within_scenarios(tables.scores, plan)


def _pairs_on(
    scenario: str, present: set[str], answer: Answer, names: Sequence[str]
) -> Iterable[Pair]:
    for one in answer.pairs:
        both = names[one.first], names[one.second]
        if present.issuperset(both):
            yield pair_of(scenario, *both, one)


def pair_of(scenario: str | None, a: str, b: str, one: PairAnswer, question: str = "") -> Pair:
    """A pair without sizes and a verdict yet."""
    pair = tested_pair(scenario, a, b, one.size, one)
    return replace(pair, p_adjusted=float(one.p_adjusted), question=question)


def omnibus_of(
    scenario: str | None, answer: Answer, pairs: Sequence[Pair], question: str = ""
) -> Iterable[Omnibus]:
    """The test of all strategies; of a single pair it is that of the pair."""
    one = answer.omnibus
    if one is not None:
        yield Omnibus(
            scenario=scenario,
            test=one.test,
            statistic=one.statistic,
            p=one.p,
            strategies=one.strategies,
            blocks=one.blocks,
            exact=one.exact,
            question=question,
        )
        return
    tested = [pair for pair in pairs if pair.is_tested]
    if len(tested) == 1:
        yield of_pair(tested[0])
