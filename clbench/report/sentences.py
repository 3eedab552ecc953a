"""What a comparison found, in words: a sentence for each finding, made last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from clbench.report.choice_words import best_words, chosen_words, only_choosing_words
from clbench.report.contest import LIKE_THESE, THESE, Omnibus, Pair, differs
from clbench.report.design_words import design
from clbench.report.findings import (
    AgainstBaseline,
    AllStrategies,
    Chance,
    ChosenTests,
    DesignedTests,
    Equivalence,
    Finding,
    IntervalsMade,
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
    Power,
    Probabilities,
    Probability,
    ProtocolsDiffer,
    Ranking,
    RunsWithoutValue,
    SeedsAdded,
    StatedNotUsed,
    TooFewScenarios,
    TwoStrategies,
    Unranked,
    Untested,
)
from clbench.report.look_words import p_words, seeds_added
from clbench.report.numbers import show_interval, show_level, show_number, show_p, unit_words
from clbench.report.population import words_on_test_set
from clbench.stats import design as designs

MAX_NAMED = 8  # of a list of strategies
MAX_PROTOCOLS = 12


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
def _(found: IntervalsMade) -> str:
    differences = "those of differences are of the differences seed by seed"
    if found.unpaired:
        differences = "those of differences are Welch's"
    level = show_level(found.level)
    together = ""
    if found.family > 1:
        together = (
            f"; those that hold for all {found.family} differences together are as much longer as"
            " Bonferroni asks (together_low and together_high in --format csv and json)"
        )
    return (
        f"Intervals are Student's t, {level} for one mean at a time ({differences}): unlike p they"
        " are not adjusted for their number, and two means whose intervals overlap may differ all"
        f" the same{together}. The effect A is how often a run of the one is better than a run of"
        " the other, of all that can be paired, whatever their seeds (Vargha, Delaney); a test seed"
        " by seed may find a difference where A is near 0.5."
    )


# ---------------------------------------------------------------------- what could be shown at all


@sentence.register
def _(found: Power) -> str:
    unit = "runs" if found.unpaired else _plural(found.n, "seed")
    after = ""
    if found.penalty > 1:
        after = f", {found.after_correction:.3g} after the correction"
    told = f"A pair of {found.n} {unit} can have no p smaller than {found.smallest_p:.3g}{after}"
    level = f"alpha = {found.alpha:g}"
    if found.is_enough:
        agree = "" if found.unpaired else " where all seeds agree"
        return f"{told}: enough for {level}{agree}."
    if found.unpaired:
        return f"{told}: nothing could be shown at {level}, however large; more seeds are needed."
    more = found.seeds_needed - found.n
    return (
        f"{told}: no difference could be shown at {level}, however large it is; with"
        f" {found.seeds_needed} seeds, {more} more, one could be, if all of them agree."
    )


@sentence.register
def _(found: Chance) -> str:
    return (
        f"With {_counted(found.n, 'seed')} a difference of one standard deviation (of a seed's"
        f" differences) is found in about {_percent(found.one_sd)} of cases, one of two in"
        f" {_percent(found.two_sd)}; to find one of one in 80 % takes {found.needed} seeds."
    )


@sentence.register
def _(found: Untested) -> str:
    pairs = "A pair" if found.pairs == 1 else f"{found.pairs} pairs"
    have = "has" if found.pairs == 1 else "have"
    return (
        f"{pairs} {have} {_counted(found.n, 'seed')} in common, and nothing can be shown of so few:"
        f" not tested, and in nobody's family; {found.fewest} are the fewest."
    )


def _percent(share: float) -> str:
    return "more than 99 %" if share > 0.995 else f"{100 * share:.0f} %"


@sentence.register
def _(found: MissingSeeds) -> str:
    told = f"{found.scenario}: seeds are missing: of {_counted(found.asked, 'seed')} "
    if found.missing_to_all:
        return f"{told}that the suite asks for no strategy has {found.missing_to_all}."
    short = listed([f"{strategy} has {count}" for strategy, count in found.counts])
    taken = "runs are compared as they are"
    if not found.unpaired:
        taken = "pairs are the seeds that both have, the omnibus test takes those that all have"
    return f"{told}{short}; {taken}. Whoever lacks its bad seeds looks better than it is."


# ---------------------------------------------------------------------- one scenario


@sentence.register
def _(found: OneStrategy) -> str:
    return (
        f"{found.scenario}: only {found.strategy} has runs, so there is nothing to compare it with."
    )


@sentence.register
def _(found: TwoStrategies) -> str:
    where = where_words(found.scenario, found.pair.question, found.scenarios)
    return f"{where}: {_of_two(found)}"


def where_words(scenario: str | None, question: str, scenarios: int) -> str:
    """On which scenario; or which question over so many of them."""
    if scenario is not None:
        return scenario
    if question == THESE:
        return f"On these {scenarios} scenarios together"
    return f"On scenarios like these {scenarios}"


def _of_two(found: TwoStrategies) -> str:
    pair = found.pair
    if not pair.is_tested:
        return _untested(pair)
    numbers = f"({pair.a} - {pair.b}: {_numbers(found)})"
    if not differs(pair, found.alpha):
        return f"{pair.a} and {pair.b} cannot be told apart {numbers}."
    told = f"{pair.winner} is better than {pair.loser} {numbers}."
    # A few runs far off move a mean, and no ranks.
    if pair.better * found.sign * pair.difference < 0:
        told += f" The ranks of the runs decide: {_ahead(pair)}; its mean is the worse of the two."
    return told


def _ahead(pair: Pair) -> str:
    """In how many of the seeds, or scenarios, the winner is ahead."""
    won = pair.won if pair.better > 0 else pair.lost
    blocks = "scenarios" if pair.question == LIKE_THESE else "seeds"
    return f"{pair.winner} is ahead in {won} of {pair.n} {blocks}"


def _untested(pair: Pair) -> str:
    if pair.n:
        return f"{pair.a} and {pair.b} have too few seeds in common to be tested ({pair.n})."
    return (
        f"{pair.a} and {pair.b} have no seeds in common;"
        " --unpaired compares them as independent runs."
    )


def _numbers(found: TwoStrategies) -> str:
    """Size, effect and test of a pair."""
    pair = found.pair
    counted = "scenarios" if pair.question == LIKE_THESE else "seeds"
    if found.unpaired and pair.question != LIKE_THESE:
        counted = "runs"
    size = show_interval(pair.difference, pair.ci_low, pair.ci_high, found.unit)
    won = "" if found.unpaired else f"{pair.a} ahead in {pair.won} of {pair.n}, "
    return (
        f"difference {size}{unit_words(found.unit)}, {won}A = {pair.effect:.2f}, {pair.test},"
        f" {pair.n} {counted}, {p_words(pair.p_adjusted, pair.p_always)}"
    )


@sentence.register
def _(found: AllStrategies) -> str:
    one = found.omnibus
    where = where_words(one.scenario, one.question, found.scenarios)
    shown = f"{one.test} over {one.strategies} strategies and {one.blocks} {_blocks(one)}: "
    if one.test in (designs.FRIEDMAN, designs.KRUSKAL_WALLIS):
        shown += f"chi-square({one.strategies - 1}) = {one.statistic:.2f}, "
    if one.test == designs.FRIEDMAN:
        # Not that of chi-square or F, which err for few blocks.
        counted = "counted" if one.exact else "by permutation"
        shown += f"p {_equals(one.p)} ({counted})"
    else:
        shown += f"p {_equals(one.p)}"
    if one.p <= found.alpha:
        return f"{where}: {shown}: not all strategies are alike."
    return (
        f"{where}: {shown}: no difference is shown;"
        " the pairs are tested all the same, and the verdicts say so."
    )


def _blocks(one: Omnibus) -> str:
    """What the test takes as its blocks."""
    if one.test == designs.KRUSKAL_WALLIS:
        return "runs"
    return "scenarios" if one.question == LIKE_THESE else "seeds"


@sentence.register
def _(found: Ranking) -> str:
    where = where_words(found.scenario, found.question, found.scenarios)
    if not found.pairs:
        return f"{where}: no pair has enough in common to be tested."
    count = f"{found.differing} of {found.pairs} pairs differ"
    if not found.differing or not found.first:
        if found.differing:
            return f"{where}: {count}."
        every = f"of the {found.strategies} " if found.strategies > 2 else ""
        return f"{where}: no two {every}strategies can be told apart."
    if found.winner is not None:
        return f"{where}: {found.winner} is better than every other; {count}."
    first = listed(found.first)
    return f"{where}: no strategy is shown to be better than {first}; {count}."


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
    told = listed(same) if same else "no pair"
    if found.failed:
        told += f"; nothing is where runs failed ({listed(found.failed)})"
    if found.too_few_seeds is not None:
        told += f"; {_counted(found.too_few_seeds, 'seed')} are too few to show it"
    size = _size(found.rope, found.unit)
    return f"{found.scenario}: equivalent within {size} by two one-sided tests: {told}."


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
        return f"{one.strategy} not given, for {_counted(one.pairs, 'pair')} are too few"
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
    # Strategies of which the same is to be said are named together.
    labels_of: dict[str, list[str]] = {}
    for one in found.differences:
        said = f"{one.difference} ({', '.join(one.scenarios)})"
        labels_of.setdefault(said, []).append(one.label)
    lines = [f"{listed(labels)}: {said}" for said, labels in labels_of.items()]
    if len(lines) > MAX_PROTOCOLS:
        lines[MAX_PROTOCOLS:] = [f"and {len(lines) - MAX_PROTOCOLS} more"]
    return f"Protocols differ, by declaration: {'; '.join(lines)}."


@sentence.register
def _(found: PartlyStated) -> str:
    told = []
    if found.rivals:
        told.append(
            f"that a seed is the same stream as for {listed(found.rivals)} is not stated"
            " (--unpaired does not pair them)"
        )
    if found.unstated:
        told.append(f"not stated are {listed(found.unstated)}")
    if found.alone:
        told.append(f"stated here alone are {listed(found.alone)}")
    return f"{listed(found.labels)}, from another library: {'; '.join(told)}."


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


sentence.register(best_words)
sentence.register(chosen_words)
sentence.register(only_choosing_words)
sentence.register(words_on_test_set)

# ---------------------------------------------------------------------- words


def _counted(number: int, noun: str) -> str:
    return f"{number} {_plural(number, noun)}"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"


def _equals(p: float) -> str:
    return show_p(p) if p < 1e-4 else f"= {show_p(p)}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`, and no more than a few of them."""
    shown = list(names[:MAX_NAMED])
    if len(names) > MAX_NAMED:
        shown.append(f"{len(names) - MAX_NAMED} more")
    if len(shown) == 1:
        return shown[0]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
