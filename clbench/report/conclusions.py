"""What follows from the tests of a comparison: findings, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.records import Results
from clbench.report.across import Across, OverallRank
from clbench.report.configurations import best_configurations
from clbench.report.contest import Omnibus, Pair, Rules, differs, ranking
from clbench.report.findings import (
    AgainstBaseline,
    AllStrategies,
    ChosenTests,
    Equivalence,
    Finding,
    IntervalsMade,
    MeasuredInstead,
    MissingSeeds,
    MixedRecords,
    NoBaseline,
    NothingToCompare,
    OneStrategy,
    OverallRanking,
    Power,
    Probabilities,
    Probability,
    Ranking,
    TestsOverScenarios,
    TooFewScenarios,
    TwoStrategies,
)
from clbench.report.pool import Pool
from clbench.report.protocols import protocol_differences
from clbench.report.runs import Runs, common_seeds
from clbench.stats import design as designs
from clbench.stats.equivalence import bayesian_signed_rank
from clbench.stats.paired import differences
from clbench.stats.power import penalty, seeds_needed, smallest_equivalence

# Metrics that a stream has in which old tasks are not tested again.
WITHOUT_OLD_TASKS = ("learning_accuracy", "online_accuracy")
MOST_LETTERS = 26  # beyond so many strategies letters of groups are no longer single ones


@dataclass(frozen=True)
class Tested:
    """A comparison with all its tests done."""

    pooled: Pool
    rules: Rules
    runs: Sequence[Runs]
    by_scenario: Mapping[str, Sequence[Runs]]
    pairs: Sequence[Pair]
    omnibus: Sequence[Omnibus]
    over: Across | None

    @property
    def unit(self) -> str:
        """That of the metric."""
        return self.runs[0].unit if self.runs else ""

    @property
    def sign(self) -> int:
        """-1 where less is better."""
        return min((one.sign for one in self.runs), default=1)


def conclusions(tested: Tested) -> Iterable[Finding]:
    """Everything that was found."""
    if tested.pooled.mixed:
        yield MixedRecords(tested.pooled.mixed)
    if not tested.by_scenario:
        metric = tested.rules.metric
        yield NothingToCompare(metric)
        yield from _measured_instead(tested.pooled.results, metric)
        return
    yield chosen_tests(tested)
    yield from tested.pooled.choices
    yield from _power(tested)
    for scenario, here in tested.by_scenario.items():
        yield from _on_scenario(tested, scenario, here)
    if tested.over is not None:
        yield from _over_scenarios(tested, tested.over)
    yield from best_configurations(tested.pooled.results.cells, tested.runs)
    yield from protocol_differences(tested.pooled.results)
    several = any(len(here) > 1 for here in tested.by_scenario.values())
    if tested.rules.baseline is None and several:
        yield NoBaseline()
    yield IntervalsMade(tested.rules.unpaired)


def chosen_tests(tested: Tested) -> ChosenTests:
    """The tests, and the reason for them."""
    rules = tested.rules
    # The design of the scenario with most strategies is told; the others have fewer of its tests.
    most = max(map(len, tested.by_scenario.values()), default=0)
    planned = designs.within_scenario(most, paired=not rules.unpaired)
    known = [pair for pair in tested.pairs if not np.isnan(pair.p)]
    return ChosenTests(
        reason=planned.reason,
        pairs=None if planned.pairs == "none" else planned.pairs,
        omnibus=planned.omnibus,
        exact=not rules.unpaired and all(pair.exact for pair in known),
        correction=rules.correction,
        family=len(known),
        over=_tests_over(tested.over),
        agents_of=_agents_of(tested),
    )


def _tests_over(over: Across | None) -> TestsOverScenarios | None:
    if over is None:
        return None
    planned = designs.across_scenarios(len(over.ranks))
    return TestsOverScenarios(over.omnibus.blocks, planned.omnibus is not None)


def _agents_of(tested: Tested) -> dict[str, int]:
    """By scenario: how many agents each seed has."""
    found = {}
    for scenario, here in tested.by_scenario.items():
        found[scenario] = max(one.agents for one in here)
    return found


def _measured_instead(results: Results, metric: str) -> Iterable[MeasuredInstead]:
    """Where old tasks are not tested, what a long stream can be compared by."""
    for name in WITHOUT_OLD_TASKS:
        if name == metric or name not in results.metric_names():
            continue
        summaries = [results.metric(name, cell).summary for cell in results.cells]
        if any(np.isfinite(summary).any() for summary in summaries):
            yield MeasuredInstead(name)
            return


def _power(tested: Tested) -> Iterable[Power]:
    """For every number of pairs there is."""
    rules = tested.rules
    known = [pair for pair in tested.pairs if not np.isnan(pair.p)]
    factor = penalty(len(known), rules.correction)
    # The same for all: it depends on the family, not on the pair.
    needed = seeds_needed(rules.alpha, factor)
    for n, smallest in sorted({(pair.n, pair.smallest_p) for pair in known}):
        yield Power(n, smallest, factor, rules.alpha, rules.unpaired, needed)


# ---------------------------------------------------------------------- one scenario


def _on_scenario(tested: Tested, scenario: str, here: Sequence[Runs]) -> Iterable[Finding]:
    rules = tested.rules
    yield from _missing_seeds(tested, scenario, here)
    pairs = [pair for pair in tested.pairs if pair.scenario == scenario]
    if len(here) == 1:
        yield OneStrategy(scenario, here[0].strategy)
        return
    if len(here) == 2:
        yield _of_two(tested, pairs[0])
    else:
        for one in tested.omnibus:
            if one.scenario == scenario:
                yield AllStrategies(one, rules.alpha)
        yield _ranking(scenario, here, pairs, rules)
    if rules.baseline is not None and len(here) > 2:
        yield from _against_baseline(scenario, pairs, rules)
    if rules.rope is not None:
        yield from _equivalence(tested, scenario, here, pairs)


def _of_two(tested: Tested, pair: Pair) -> TwoStrategies:
    rules = tested.rules
    return TwoStrategies(pair.scenario, pair, tested.unit, tested.sign, rules.alpha, rules.unpaired)


def _missing_seeds(tested: Tested, scenario: str, here: Sequence[Runs]) -> Iterable[MissingSeeds]:
    """A strategy may look better for the want of its bad seeds."""
    known = [set(one.seed.tolist()) for one in here]
    some = set.union(*known)
    # Seeds that the suite asks for may be missing to all.
    everybody = some | set(tested.pooled.asked)
    counts = []
    for one, seeds in zip(here, known, strict=True):
        if seeds != everybody:
            counts.append((one.strategy, len(seeds)))
    if not counts:
        return
    all_have_the_same = all(seeds == some for seeds in known)
    missing_to_all = len(everybody - some) if all_have_the_same else 0
    yield MissingSeeds(
        scenario, len(everybody), tuple(counts), missing_to_all, tested.rules.unpaired
    )


def _ranking(scenario: str, here: Sequence[Runs], pairs: Sequence[Pair], rules: Rules) -> Ranking:
    names = [one.strategy for one in here]
    order = [one.sign * one.mean for one in here]
    first = [
        place.strategy for place in ranking(names, order, pairs, rules.alpha) if place.rank == 1
    ]
    winners = [pair.winner for pair in pairs if differs(pair, rules.alpha)]
    return Ranking(
        scenario,
        strategies=len(here),
        first=tuple(first),
        wins=winners.count(first[0]) if first else 0,
        differing=len(winners),
        pairs=len(pairs),
    )


def _against_baseline(
    scenario: str, pairs: Sequence[Pair], rules: Rules
) -> Iterable[AgainstBaseline]:
    assert rules.baseline is not None
    sides: dict[str, list[str]] = {"better": [], "worse": [], "neither": []}
    for pair in pairs:
        if rules.baseline not in (pair.a, pair.b):
            continue
        other = pair.b if pair.a == rules.baseline else pair.a
        if not differs(pair, rules.alpha):
            sides["neither"].append(other)
        elif pair.winner == other:
            sides["better"].append(other)
        else:
            sides["worse"].append(other)
    if any(sides.values()):
        named = {side: tuple(names) for side, names in sides.items()}
        yield AgainstBaseline(scenario, rules.baseline, **named)


# ---------------------------------------------------------------------- equivalence


def _equivalence(
    tested: Tested, scenario: str, here: Sequence[Runs], pairs: Sequence[Pair]
) -> Iterable[Finding]:
    """By two one-sided tests, and in probabilities."""
    rules = tested.rules
    rope = rules.rope or 0.0
    same = [(pair.a, pair.b) for pair in pairs if pair.equivalence_p <= rules.alpha]
    failed = [one.strategy for one in here if one.failed.any()]
    too_few = _too_few_seeds(pairs, rules)
    yield Equivalence(scenario, rope, tested.unit, tuple(same), tuple(failed), too_few)
    known = {one.strategy: one for one in here}
    against = known.get(rules.baseline or "")
    if against is None or rules.unpaired:
        return
    each = []
    for one in here:
        if one is not against and len(common_seeds([one, against])):
            each.append(_probability(one, against, rope, rules))
    yield Probabilities(scenario, against.strategy, rope, tested.unit, tuple(each))


def _too_few_seeds(pairs: Sequence[Pair], rules: Rules) -> int | None:
    """How many seeds the pair with the fewest has, where those are too few to show equivalence."""
    # The pair with the fewest decides: what it cannot show is not shown of all pairs.
    fewest = min((pair.n for pair in pairs if pair.n), default=0)
    if not fewest or rules.unpaired or smallest_equivalence(fewest) <= rules.alpha:
        return None
    return fewest


def _probability(one: Runs, against: Runs, rope: float, rules: Rules) -> Probability:
    """The Bayesian answer, which knows no differences but those that it has seen.

    So there is none from few pairs, nor where runs failed.
    """
    seeds = common_seeds([one, against])
    first, second = one.at(seeds), against.at(seeds)
    failed = int((~np.isfinite(first) | ~np.isfinite(second)).sum())
    if failed or smallest_equivalence(len(seeds)) > rules.alpha:
        return Probability(one.strategy, len(seeds), failed)
    found = bayesian_signed_rank(differences(first, second), rope, rules.rng())
    return Probability(one.strategy, len(seeds), failed, found.first, found.neither, found.second)


# ---------------------------------------------------------------------- over scenarios


def _over_scenarios(tested: Tested, over: Across) -> Iterable[Finding]:
    rules = tested.rules
    if len(over.ranks) == 2:
        yield _of_two(tested, over.pairs[0])
        return
    yield AllStrategies(over.omnibus, rules.alpha)
    differing = sum(differs(pair, rules.alpha) for pair in over.pairs)
    # They are sorted, best first.
    best = over.ranks[0]
    yield OverallRanking(
        over.critical_difference,
        rules.alpha,
        differing,
        len(over.pairs),
        best.strategy,
        best.average_rank,
        tuple(_tied_with(best, over.ranks)),
    )
    if not differing and over.critical_difference > len(over.ranks) - 1:
        yield TooFewScenarios(over.omnibus.blocks)


def _tied_with(best: OverallRank, ranks: Sequence[OverallRank]) -> list[str]:
    """Who shares a letter with the best, where letters are single ones."""
    if len(ranks) > MOST_LETTERS:
        return []
    tied = [rank.strategy for rank in ranks if set(rank.group) & set(best.group)]
    return tied[1:]  # the best is among them, and the first
