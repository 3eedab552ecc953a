"""What follows from the tests of a comparison: findings, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from clbench.records import Results
from clbench.report.across import Across, OverallRank
from clbench.report.configurations import best_configurations
from clbench.report.contest import (
    BASELINE,
    LIKE_THESE,
    Omnibus,
    Pair,
    Rules,
    differs,
)
from clbench.report.equivalence import equivalence
from clbench.report.findings import (
    AgainstBaseline,
    AllStrategies,
    Finding,
    MeasuredInstead,
    MissingSeeds,
    MixedRecords,
    NoBaseline,
    NothingToCompare,
    OneStrategy,
    OverallRanking,
    Ranking,
    SeedsAdded,
    TooFewScenarios,
    TwoStrategies,
    Unranked,
)
from clbench.report.findings_of_design import (
    ChosenTests,
    DesignedTests,
    IntervalsMade,
    Power,
    TestsOverScenarios,
)
from clbench.report.planned import chances, designed_tests
from clbench.report.population import shared_test_sets
from clbench.report.protocols import protocol_differences
from clbench.report.ranking import BOUND, Entry, Place, ranking
from clbench.report.runs import Runs
from clbench.report.tested import Tested
from clbench.stats import design as designs
from clbench.stats.families import worth_testing
from clbench.stats.intervals import interquartile_mean
from clbench.stats.power import penalty, seeds_needed

# Metrics that a stream has in which old tasks are not tested again.
WITHOUT_OLD_TASKS = ("learning_accuracy", "online_accuracy")
MOST_LETTERS = 26  # beyond so many strategies letters of groups are no longer single ones
BETTER, WORSE, NEITHER = "better", "worse", "neither"  # than the baseline


def conclusions(tested: Tested) -> Iterable[Finding]:
    """Everything that was found."""
    results = tested.pooled.results
    if tested.pooled.mixed:
        yield MixedRecords(tested.pooled.mixed)
    if not tested.by_scenario:
        yield NothingToCompare(tested.rules.metric)
        yield from _measured_instead(results, tested.rules.metric)
        return
    yield tests_made(tested)
    yield from tested.pooled.choices
    yield from chances(tested) if tested.is_by_design else _power(tested)
    yield from _seeds_added(tested)
    for scenario, here in tested.by_scenario.items():
        yield from _on_scenario(tested, scenario, here)
    for over in tested.over:
        yield from _over_scenarios(tested, over)
    yield from best_configurations(results.cells, tested.runs)
    yield from shared_test_sets(tested)
    yield from protocol_differences(results)
    yield from _baseline_and_intervals(tested)


def tests_made(tested: Tested) -> ChosenTests | DesignedTests:
    """Which they are, and why."""
    return designed_tests(tested) if tested.is_by_design else chosen_tests(tested)


def _baseline_and_intervals(tested: Tested) -> Iterable[Finding]:
    """What is to be known of the tables: no differences to a baseline, and what intervals are."""
    rules = tested.rules
    if rules.baseline is None and tested.has_rivals:
        yield NoBaseline()
    yield IntervalsMade(rules.unpaired, rules.level, len(tested.tested_pairs))


def chosen_tests(tested: Tested) -> ChosenTests:
    """The tests, and the reason for them."""
    paired, known = not tested.rules.unpaired, tested.tested_pairs
    # The design of the scenario with most strategies is told; the others have fewer of its tests.
    planned = designs.within_scenario(
        tested.most_strategies, paired=paired, streams_known=tested.streams_known
    )
    return ChosenTests(
        reason=planned.reason,
        pairs=None if planned.pairs == "none" else planned.pairs,
        omnibus=planned.omnibus if tested.within.omnibus else None,
        exact=paired and all(pair.exact for pair in known),
        correction=tested.rules.correction,
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
            looked.declared,
            looked.problem,
            rules.alpha,
            rules.unpaired,
            any(over.question == LIKE_THESE for over in tested.over),
        )


def _power(tested: Tested) -> Iterable[Power]:
    """For every number of pairs there is."""
    rules, known = tested.rules, tested.tested_pairs
    factor = penalty(_family(known, rules), rules.correction)
    # The same for all: it depends on the family, not on the pair.
    needed = seeds_needed(rules.alpha, factor)
    for n, smallest in sorted({(pair.n, pair.smallest_p) for pair in known}):
        yield Power(n, smallest, factor, rules.alpha, rules.unpaired, needed)


def _family(known: Sequence[Pair], rules: Rules) -> int:
    """Pairs that could never be shown to differ are in nobody's, where there are others."""
    smallest = np.array([pair.smallest_p for pair in known])
    return int(worth_testing(smallest, rules.alpha).sum()) or len(known)


# ---------------------------------------------------------------------- one scenario


def _on_scenario(tested: Tested, scenario: str, here: Sequence[Runs]) -> Iterable[Finding]:
    yield from _missing_seeds(tested, scenario, here)
    if len(here) == 1:
        yield OneStrategy(scenario, here[0].strategy)
        return
    pairs = tested.pairs_on(scenario)
    if len(here) == 2 and pairs:
        yield _of_two(tested, pairs[0])
    else:
        yield from _of_all(tested, tested.omnibus_on(scenario))
        yield from _ranking(tested, pairs, ranked(here, pairs, tested.rules), scenario)
    if len(here) > 2:
        yield from _against_baseline(tested, pairs, scenario)
    yield from equivalence(tested, scenario, here, pairs)


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
    # Of comparisons with a baseline alone nobody comes out first.
    if tested.rules.family != BASELINE:
        yield _who_is_first(where, pairs, places, tested.rules.alpha)
    without = [one for one in places if one.rank_reason not in ("", BOUND)]
    if without:
        yield Unranked(*where, tuple((one.strategy, one.rank_reason) for one in without))


def _who_is_first(
    where: tuple[str | None, str, int],
    pairs: Sequence[Pair],
    places: Iterable[Place | OverallRank],
    alpha: float,
) -> Ranking:
    with_rank = [place for place in places if place.rank_best is not None]
    first = [place.strategy for place in with_rank if place.rank_best == 1]
    winner = [place.strategy for place in with_rank if place.rank_worst == 1]
    return Ranking(
        *where,
        strategies=len(with_rank),
        first=tuple(first),
        winner=winner[0] if winner and len(with_rank) > 1 else None,
        differing=_differing(pairs, alpha),
        pairs=sum(pair.is_tested for pair in pairs),
    )


def _differing(pairs: Iterable[Pair], alpha: float) -> int:
    return sum(differs(pair, alpha) for pair in pairs)


def _missing_seeds(tested: Tested, scenario: str, here: Sequence[Runs]) -> Iterable[MissingSeeds]:
    """A strategy may look better for the want of its bad seeds."""
    known = {one.strategy: set(one.seed.tolist()) for one in here}
    some = set.union(*known.values())
    # Seeds that the suite asks for may be missing to all.
    everybody = some | set(tested.pooled.asked)
    short = {name: seeds for name, seeds in known.items() if seeds != everybody}
    if short:
        all_have_the_same = all(seeds == some for seeds in known.values())
        yield MissingSeeds(
            scenario=scenario,
            asked=len(everybody),
            counts=tuple((name, len(seeds)) for name, seeds in short.items()),
            missing_to_all=len(everybody - some) if all_have_the_same else 0,
            unpaired=tested.rules.unpaired,
        )


def _against_baseline(
    tested: Tested, pairs: Sequence[Pair], scenario: str | None = None, question: str = ""
) -> Iterable[AgainstBaseline]:
    baseline = tested.rules.baseline
    sides: dict[str, list[str]] = {BETTER: [], WORSE: [], NEITHER: []}
    for pair in pairs:
        if baseline in (pair.a, pair.b):
            other = pair.b if pair.a == baseline else pair.a
            sides[_side(pair, other, tested.rules.alpha)].append(other)
    if baseline is not None and any(sides.values()):
        yield AgainstBaseline(
            scenario,
            baseline,
            better=tuple(sides[BETTER]),
            worse=tuple(sides[WORSE]),
            neither=tuple(sides[NEITHER]),
            question=question,
            scenarios=len(tested.by_scenario),
        )


def _side(pair: Pair, strategy: str, alpha: float) -> str:
    """How a strategy of the pair compares with the other one."""
    if not differs(pair, alpha):
        return NEITHER
    return BETTER if pair.winner == strategy else WORSE


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
        yield from _against_baseline(tested, over.pairs, question=over.question)


def _by_average_rank(tested: Tested, over: Across) -> Iterable[Finding]:
    """By Nemenyi's critical difference."""
    alpha = tested.rules.alpha
    differing = _differing(over.pairs, alpha)
    best = min(over.ranks, key=lambda rank: rank.average_rank)
    yield OverallRanking(
        over.critical_difference,
        alpha,
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
    others = [rank for rank in ranks if rank is not best]
    letters = set(best.group)
    return [rank.strategy for rank in others if letters.intersection(rank.group)]
