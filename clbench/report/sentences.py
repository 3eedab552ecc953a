"""What a comparison found, in words: a sentence for each finding, made last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import singledispatch

from clbench.report.choice_words import best_words, chosen_words, only_choosing_words
from clbench.report.design_words import (
    chance_words,
    design,
    intervals_words,
    power_words,
    untested_words,
)
from clbench.report.findings import (
    AgainstBaseline,
    Equivalence,
    Finding,
    LeftOutRuns,
    LostRuns,
    MeasuredInstead,
    MissingSeeds,
    MixedRecords,
    NoBaseline,
    NoCommonSeeds,
    NotEverywhere,
    NothingToCompare,
    Omission,
    OneStrategy,
    OverallRanking,
    PartlyStated,
    Probabilities,
    Probability,
    ProtocolDifference,
    ProtocolsDiffer,
    Ranking,
    RunsWithoutValue,
    SeedsAdded,
    StatedNotUsed,
    TooFewScenarios,
    Unranked,
)
from clbench.report.findings_of_design import ChosenTests, DesignedTests
from clbench.report.look_words import seeds_added
from clbench.report.numbers import show_number, unit_words
from clbench.report.pair_words import omnibus_words, pair_words
from clbench.report.population import words_on_test_set
from clbench.report.words import listed, where_words
from clbench.words import counted

MAX_PROTOCOLS = 12
SAME_STREAMS_UNSTATED = (
    "that a seed is the same stream as for {} is not stated (--unpaired does not pair them)"
)
# What is compared where seeds are missing.
AS_THEY_ARE = "runs are compared as they are"
AT_COMMON_SEEDS = (
    "pairs are the seeds that both have, a test of all ranks each seed among those that have it"
)


@singledispatch
def sentence(finding: Finding | Omission) -> str:
    """The finding in words."""
    raise TypeError(f"{type(finding).__name__} is no finding that can be said")


@sentence.register
def _(found: MixedRecords) -> str:
    return (
        "Mixed records, ranked together because that was insisted on;"
        f" they differ: {'; '.join(found.differences)}."
    )


@sentence.register
def _(found: NothingToCompare) -> str:
    return f"There is nothing to compare: no run has a value of {found.metric}."


@sentence.register
def _(found: MeasuredInstead) -> str:
    name = found.metric
    return (
        f"There are values of {name}: `--metric {name}`,"
        f" or `compare: {{metric: {name}}}` in the suite."
    )


# ---------------------------------------------------------------------- what was done, and why


@sentence.register
def _(found: ChosenTests | DesignedTests) -> str:
    return f"{design(found)}."


@sentence.register
def _(found: SeedsAdded) -> str:
    return seeds_added(found)


@sentence.register
def _(found: NoBaseline) -> str:
    return "No baseline was named; --baseline NAME adds every strategy's difference to it."


@sentence.register
def _(found: MissingSeeds) -> str:
    told = f"{found.scenario}: seeds are missing: of {counted(found.asked, 'seed')} "
    if found.missing_to_all:
        return f"{told}that the suite asks for no strategy has {found.missing_to_all}."
    short = listed([f"{strategy} has {count}" for strategy, count in found.counts])
    taken = AS_THEY_ARE if found.unpaired else AT_COMMON_SEEDS
    return f"{told}{short}; {taken}. Whoever lacks its bad seeds looks better than it is."


# ---------------------------------------------------------------------- one scenario


@sentence.register
def _(found: OneStrategy) -> str:
    return (
        f"{found.scenario}: only {found.strategy} has runs, so there is nothing to compare it with."
    )


@sentence.register
def _(found: Ranking) -> str:
    where = where_words(found.scenario, found.question, found.scenarios)
    return f"{where}: {_who_is_first(found)}."


def _who_is_first(found: Ranking) -> str:
    if not found.pairs:
        return "no pair has enough in common to be tested"
    if not found.differing:
        every = f"of the {found.strategies} " if found.strategies > 2 else ""
        return f"no two {every}strategies can be told apart"
    count = f"{found.differing} of {found.pairs} pairs differ"
    if not found.first:
        return count
    if found.winner is not None:
        return f"{found.winner} is better than every other; {count}"
    return f"no strategy is shown to be better than {listed(found.first)}; {count}"


@sentence.register
def _(found: Unranked) -> str:
    where = where_words(found.scenario, found.question, found.scenarios)
    each = listed([f"{name} ({reason})" for name, reason in found.each])
    return f"{where}: without a rank: {each}."


@sentence.register
def _(found: AgainstBaseline) -> str:
    sides = {
        "better": found.better,
        "worse": found.worse,
        "not told apart from it": found.neither,
    }
    told = [f"{word}: {listed(names)}" for word, names in sides.items() if names]
    where = where_words(found.scenario, found.question, found.scenarios)
    return f"{where}: against {found.baseline}: {'; '.join(told)}."


@sentence.register
def _(found: Equivalence) -> str:
    same = [f"{a} = {b}" for a, b in found.same]
    told = [listed(same or ["no pair"])]
    if found.failed:
        told.append(f"nothing is where runs failed ({listed(found.failed)})")
    if found.too_few_seeds is not None:
        told.append(f"{counted(found.too_few_seeds, 'seed')} are too few to show it")
    size = _size(found.rope, found.unit)
    return f"{found.scenario}: equivalent within {size} by two one-sided tests: {'; '.join(told)}."


@sentence.register
def _(found: Probabilities) -> str:
    told = "; ".join(map(_probability, found.each))
    return (
        f"{found.scenario}: against {found.against}, the probability of being better by more than"
        f" {_size(found.rope, found.unit)}, about the same, worse by more"
        f" (Bayesian signed-rank): {told}."
    )


def _probability(one: Probability) -> str:
    if one.failed:
        return f"{one.strategy} not given, for runs failed in {one.failed} of {one.pairs} pairs"
    if one.better is None:
        return f"{one.strategy} not given, for {counted(one.pairs, 'pair')} are too few"
    return f"{one.strategy} {one.better:.2f}, {one.same:.2f}, {one.worse:.2f}"


def _size(rope: float, unit: str) -> str:
    return f"{show_number(rope, unit)}{unit_words(unit)}"


# ---------------------------------------------------------------------- over scenarios


@sentence.register
def _(found: OverallRanking) -> str:
    together = f"; not told apart from it: {listed(found.tied)}" if found.tied else ""
    return (
        f"Over scenarios: strategies whose average ranks are {found.critical_difference:.2f} or"
        f" more apart are shown to differ (Nemenyi, alpha = {found.alpha:g}): {found.differing} of"
        f" {found.pairs} pairs. {found.best} ranks best ({found.best_rank:.2f}){together}."
    )


@sentence.register
def _(found: TooFewScenarios) -> str:
    return (
        f"Over scenarios: {found.scenarios} of them are too few for any difference between average"
        " ranks to be that large."
    )


@sentence.register
def _(found: ProtocolsDiffer) -> str:
    labels_of = _labels_by_difference(found.differences)
    lines = [f"{listed(labels)}: {said}" for said, labels in labels_of.items()]
    beyond = len(lines) - MAX_PROTOCOLS
    if beyond > 0:
        lines[MAX_PROTOCOLS:] = [f"and {beyond} more"]
    return f"Protocols differ, by declaration: {'; '.join(lines)}."


def _labels_by_difference(differences: Iterable[ProtocolDifference]) -> dict[str, list[str]]:
    """Strategies of which the same is to be said are named together."""
    labels_of: dict[str, list[str]] = defaultdict(list)
    for one in differences:
        labels_of[f"{one.difference} ({', '.join(one.scenarios)})"].append(one.label)
    return labels_of


@sentence.register
def _(found: PartlyStated) -> str:
    told = {
        "the files do not say: {}": found.unsaid,
        SAME_STREAMS_UNSTATED: found.rivals,
        "not stated are {}": found.unstated,
        "stated here alone are {}": found.alone,
    }
    said = [words.format(listed(names)) for words, names in told.items() if names]
    return f"{listed(found.labels)}, from another library: {'; '.join(said)}."


# ---------------------------------------------------------------------- what is left out


@sentence.register
def _(found: LeftOutRuns) -> str:
    return f"{found.scenario}, {found.strategy}: {left_out_words(found.runs)}"


def left_out_words(runs: LostRuns | RunsWithoutValue) -> str:
    """What became of the runs, without whose they are."""
    counted = f"{runs.count} of {runs.total} runs"
    if isinstance(runs, LostRuns):
        return (
            f"{counted} {runs.ended}: they rank below every finished run,"
            " and means and intervals are over the others"
        )
    return f"{counted} have no value of {runs.metric} ({runs.reason}) and are left out"


@sentence.register
def _(found: NotEverywhere) -> str:
    return (
        f"{found.strategy} has runs on {found.scenarios} of {found.total} scenarios only,"
        " and no place over all of them"
    )


@sentence.register
def _(found: NoCommonSeeds) -> str:
    return (
        f"{found.first} and {found.second} have no seeds in common on some scenario,"
        f" so {found.left_out} has no place over all of them"
    )


@sentence.register
def _(found: StatedNotUsed) -> str:
    return f"{found.what} is not used: {found.error}"


sentence.register(pair_words)
sentence.register(omnibus_words)
sentence.register(power_words)
sentence.register(chance_words)
sentence.register(untested_words)
sentence.register(intervals_words)
sentence.register(best_words)
sentence.register(chosen_words)
sentence.register(only_choosing_words)
sentence.register(words_on_test_set)
