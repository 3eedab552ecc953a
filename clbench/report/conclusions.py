"""What follows from the tests of a comparison: findings, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from clbench.records import Results
from clbench.report.across import Across, OverallRank
from clbench.report.configurations import best_configurations
from clbench.report.contest import (
    BASELINE,
    BY_DESIGN,
    LIKE_THESE,
    Omnibus,
    Pair,
    Rules,
    differs,
    is_equivalent,
)
from clbench.report.findings import (
    AgainstBaseline,
    AllStrategies,
    Equivalence,
    Finding,
    MeasuredInstead,
    MissingSeeds,
    MixedRecords,
    NoBaseline,
    NothingToCompare,
    OneStrategy,
    OverallRanking,
    Probabilities,
    Probability,
    Ranking,
    SeedsAdded,
    TooFewScenarios,
    TwoStrategies,
    Unranked,
)
from clbench.report.findings_of_design import (
    ChosenTests,
    IntervalsMade,
    Power,
    TestsOverScenarios,
)
from clbench.report.planned import chances, designed_tests
from clbench.report.population import shared_test_sets
from clbench.report.protocols import protocol_differences
from clbench.report.ranking import BOUND, Entry, Place, ranking
from clbench.report.runs import Runs, common_seeds
from clbench.report.tested import Tested
from clbench.stats import design as designs
from clbench.stats.equivalence import bayesian_signed_rank
from clbench.stats.families import worth_testing
from clbench.stats.intervals import interquartile_mean
from clbench.stats.paired import differences
from clbench.stats.power import penalty, seeds_needed, smallest_equivalence

# Metrics that a stream has in which old tasks are not tested again.
WITHOUT_OLD_TASKS = ("learning_accuracy", "online_accuracy")
MOST_LETTERS = 26  # beyond so many strategies letters of groups are no longer single ones


def conclusions(tested: Tested) -> Iterable[Finding]:
    """Everything that was found."""
    if tested.pooled.mixed:
        yield MixedRecords(tested.pooled.mixed)
    if not tested.by_scenario:
        metric = tested.rules.metric
        yield NothingToCompare(metric)
        yield from _measured_instead(tested.pooled.results, metric)
        return
    if tested.rules.tests == BY_DESIGN:
        yield designed_tests(tested)
        yield from tested.pooled.choices
        yield from chances(tested)
    else:
        yield chosen_tests(tested)
        yield from tested.pooled.choices
        yield from _power(tested)
    yield from _seeds_added(tested)
    for scenario, here in tested.by_scenario.items():
        yield from _on_scenario(tested, scenario, here)
    for over in tested.over:
        yield from _over_scenarios(tested, over)
    yield from best_configurations(tested.pooled.results.cells, tested.runs)
    yield from shared_test_sets(tested)
    yield from protocol_differences(tested.pooled.results)
    several = any(len(here) > 1 for here in tested.by_scenario.values())
    if tested.rules.baseline is None and several:
        yield NoBaseline()
    family = sum(pair.is_tested for pair in tested.within.pairs)
    yield IntervalsMade(tested.rules.unpaired, tested.rules.level, family)


def chosen_tests(tested: Tested) -> ChosenTests:
    """The tests, and the reason for them."""
    rules = tested.rules
    # The design of the scenario with most strategies is told; the others have fewer of its tests.
    most = max(map(len, tested.by_scenario.values()), default=0)
    planned = designs.within_scenario(
        most, paired=not rules.unpaired, streams_known=tested.streams_known
    )
    known = [pair for pair in tested.within.pairs if not np.isnan(pair.p)]
    return ChosenTests(
        reason=planned.reason,
        pairs=None if planned.pairs == "none" else planned.pairs,
        omnibus=planned.omnibus if tested.within.omnibus else None,
        exact=not rules.unpaired and all(pair.exact for pair in known),
        correction=rules.correction,
        family=len(known),
        over=next(map(_tests_over, tested.over), None),
        agents_of=tested.agents_of,
    )


def _tests_over(over: Across) -> TestsOverScenarios:
    planned = designs.across_scenarios(len(over.ranks))
    blocks = 0 if over.omnibus is None else over.omnibus.blocks
    return TestsOverScenarios(blocks, planned.omnibus is not None)


def _measured_instead(results: Results, metric: str) -> Iterable[MeasuredInstead]:
    """Where old tasks are not tested, what a long stream can be compared by."""
    for name in WITHOUT_OLD_TASKS:
        if name == metric or name not in results.metric_names():
            continue
        summaries = [results.metric(name, cell).summary for cell in results.cells]
        if any(np.isfinite(summary).any() for summary in summaries):
            yield MeasuredInstead(name)
            return


def _seeds_added(tested: Tested) -> Iterable[SeedsAdded]:
    looked, rules = tested.rules.looked, tested.rules
    if looked is not None:
        yield SeedsAdded(
            looked.earlier,
            () if looked.plan is None else looked.plan.looks,
            looked.problem,
            rules.alpha,
            rules.unpaired,
            any(over.question == LIKE_THESE for over in tested.over),
        )


def _power(tested: Tested) -> Iterable[Power]:
    """For every number of pairs there is."""
    rules = tested.rules
    known = [pair for pair in tested.within.pairs if not np.isnan(pair.p)]
    # Pairs that could never be shown to differ are in nobody's family, where there are others.
    fit = int(worth_testing(np.array([pair.smallest_p for pair in known]), rules.alpha).sum())
    factor = penalty(fit or len(known), rules.correction)
    # The same for all: it depends on the family, not on the pair.
    needed = seeds_needed(rules.alpha, factor)
    for n, smallest in sorted({(pair.n, pair.smallest_p) for pair in known}):
        yield Power(n, smallest, factor, rules.alpha, rules.unpaired, needed)


# ---------------------------------------------------------------------- one scenario


def _on_scenario(tested: Tested, scenario: str, here: Sequence[Runs]) -> Iterable[Finding]:
    rules = tested.rules
    yield from _missing_seeds(tested, scenario, here)
    pairs = tested.pairs_on(scenario)
    if len(here) == 1:
        yield OneStrategy(scenario, here[0].strategy)
        return
    if len(here) == 2 and pairs:
        yield _of_two(tested, pairs[0])
    else:
        yield from _of_all(
            tested, [one for one in tested.within.omnibus if one.scenario == scenario]
        )
        yield from _ranked_on(tested, scenario, here, pairs)
    if rules.baseline is not None and len(here) > 2:
        yield from _against_baseline(tested, pairs, scenario)
    if rules.rope is not None:
        yield from _equivalence(tested, scenario, here, pairs)


def _of_two(tested: Tested, pair: Pair) -> TwoStrategies:
    rules = tested.rules
    return TwoStrategies(
        pair.scenario,
        pair,
        tested.unit,
        tested.sign,
        rules.alpha,
        rules.unpaired,
        len(tested.by_scenario),
    )


def _of_all(tested: Tested, omnibus: Iterable[Omnibus]) -> Iterable[AllStrategies]:
    if tested.rules.looked is not None:
        return  # a test of all strategies has no p that holds however often one looks
    for one in omnibus:
        yield AllStrategies(one, tested.rules.alpha, len(tested.by_scenario))


def _ranked_on(
    tested: Tested, scenario: str, here: Sequence[Runs], pairs: Sequence[Pair]
) -> Iterable[Finding]:
    places = ranked(here, pairs, tested.rules)
    yield from _ranking(tested, pairs, places, scenario)


def ranked(here: Sequence[Runs], pairs: Sequence[Pair], rules: Rules) -> list[Place]:
    """The strategies of a scenario, best first.

    Within a rank they are sorted by the middle half of their runs, a failed one below all others:
    no single run decides.
    """
    entries = []
    for one in here:
        value = interquartile_mean(one.score)
        entries.append(Entry(one.strategy, value, len(one.finished), len(one.seed), one.is_bound))
    return ranking(entries, pairs, rules)


def _ranking(
    tested: Tested,
    pairs: Sequence[Pair],
    places: Sequence[Place | OverallRank],
    scenario: str | None = None,
    question: str = "",
) -> Iterable[Finding]:
    """Who is ahead, and who has no rank."""
    where = (scenario, question, len(tested.by_scenario))
    rules = tested.rules
    with_rank = [place for place in places if place.rank_best is not None]
    first = [place.strategy for place in with_rank if place.rank_best == 1]
    winners = [place.strategy for place in with_rank if place.rank_worst == 1]
    differing = sum(differs(pair, rules.alpha) for pair in pairs)
    # Of comparisons with a baseline alone nobody comes out first.
    if rules.family != BASELINE:
        yield Ranking(
            *where,
            strategies=len(with_rank),
            first=tuple(first),
            winner=winners[0] if winners and len(with_rank) > 1 else None,
            differing=differing,
            pairs=sum(pair.is_tested for pair in pairs),
        )
    without = [one for one in places if one.rank_reason not in ("", BOUND)]
    if without:
        yield Unranked(*where, tuple((one.strategy, one.rank_reason) for one in without))


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


def _against_baseline(
    tested: Tested, pairs: Sequence[Pair], scenario: str | None = None, question: str = ""
) -> Iterable[AgainstBaseline]:
    rules = tested.rules
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
        scenarios = len(tested.by_scenario)
        yield AgainstBaseline(
            scenario, rules.baseline, **named, question=question, scenarios=scenarios
        )


# ---------------------------------------------------------------------- equivalence


def _equivalence(
    tested: Tested, scenario: str, here: Sequence[Runs], pairs: Sequence[Pair]
) -> Iterable[Finding]:
    """By two one-sided tests, and in probabilities."""
    rules = tested.rules
    rope = rules.rope or 0.0
    same = [(pair.a, pair.b) for pair in pairs if is_equivalent(pair, rules.alpha)]
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
    if len(over.ranks) == 2 and over.pairs:
        yield _of_two(tested, over.pairs[0])
        return
    if over.omnibus is not None:
        yield from _of_all(tested, [over.omnibus])
    if not np.isnan(over.critical_difference):
        yield from _by_average_rank(tested, over)
    else:
        yield from _ranking(tested, over.pairs, over.ranks, question=over.question)
        if tested.rules.baseline is not None:
            yield from _against_baseline(tested, over.pairs, question=over.question)


def _by_average_rank(tested: Tested, over: Across) -> Iterable[Finding]:
    """By Nemenyi's critical difference."""
    rules = tested.rules
    differing = sum(differs(pair, rules.alpha) for pair in over.pairs)
    best = min(over.ranks, key=lambda rank: rank.average_rank)
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
        yield TooFewScenarios(len(tested.by_scenario))


def _tied_with(best: OverallRank, ranks: Sequence[OverallRank]) -> list[str]:
    """Who shares a letter with the best, where letters are single ones."""
    if len(ranks) > MOST_LETTERS:
        return []
    tied = [rank.strategy for rank in ranks if set(rank.group) & set(best.group)]
    return [name for name in tied if name != best.strategy]
