"""What a comparison says in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.records import CellRecord, Results
from clbench.report.across import Across
from clbench.report.agents import means_of_agents
from clbench.report.contest import Omnibus, Pair, Rules, differs, ranking
from clbench.report.numbers import (
    show_interval,
    show_number,
    show_p,
    unit_words,
    value_words,
)
from clbench.report.pool import Pool
from clbench.report.runs import Runs, common_seeds
from clbench.stats import design as designs
from clbench.stats.corrections import WORDS
from clbench.stats.equivalence import bayesian_signed_rank
from clbench.stats.paired import differences
from clbench.stats.power import penalty, seeds_needed, smallest_equivalence

MOST_NAMED = 8
MOST_PROTOCOLS = 12
WITHOUT_OLD_TASKS = ("learning_accuracy", "online_accuracy")


@dataclass(frozen=True)
class Said:
    """Everything there is to put into words."""

    rules: Rules
    by_scenario: Mapping[str, Sequence[Runs]]
    pairs: Sequence[Pair]
    omnibus: Sequence[Omnibus]
    over: Across | None
    unit: str
    pooled: Pool

    @property
    def sign(self) -> int:
        """-1 where less is better."""
        return min((one.sign for here in self.by_scenario.values() for one in here), default=1)


def text(said: Said) -> Iterable[str]:
    """The sentences, in the order in which they are read."""
    if said.pooled.mixed:
        yield f"Mixed records, ranked together because that was insisted on; they differ: {'; '.join(said.pooled.mixed)}."
    if not said.by_scenario:
        yield f"There is nothing to compare: no run has a value of {said.rules.metric}."
        yield from _measured_instead(said)
        return
    yield f"{design(said)}."
    yield from _power(said)
    for scenario, here in said.by_scenario.items():
        yield from _scenario(said, scenario, here)
    if said.over is not None:
        yield from _overall(said, said.over)
    yield from _protocols(said.pooled.results)
    if said.rules.baseline is None and any(len(here) > 1 for here in said.by_scenario.values()):
        yield "No baseline was named; --baseline NAME adds every strategy's difference to it."
    yield intervals(said)


# ---------------------------------------------------------------------- what was done, and why


def design(said: Said) -> str:
    """The tests, and the reason for them, in one sentence."""
    rules = said.rules
    if not said.by_scenario:
        return "No test: there are no runs to compare"
    most = max(len(here) for here in said.by_scenario.values())
    planned = designs.within_scenario(most, paired=not rules.unpaired)
    if planned.pairs == "none":
        return f"No test within a scenario: {planned.reason}{_across_words(said)}{_unit(said)}"
    family = sum(not np.isnan(pair.p) for pair in said.pairs)
    exact = (
        "exact "
        if not rules.unpaired
        and all("exact" in pair.test or np.isnan(pair.p) for pair in said.pairs)
        else ""
    )
    first = (
        f"{planned.omnibus} test, then the {exact}{planned.pairs} test of every pair"
        if planned.omnibus
        else f"{exact}{planned.pairs} test"
    )
    corrected = f", {_corrected(rules.correction, family)}" if family > 1 else ""
    tests = f"{first}{corrected}{_across_words(said)}{_unit(said)}"
    return f"By the design of the experiment ({planned.reason}), not by a look at the data: {tests}"


def _unit(said: Said) -> str:
    """What counts as one run, where that is more than one network."""
    agents_of = {
        scenario: max(one.agents for one in here) for scenario, here in said.by_scenario.items()
    }
    means = means_of_agents(agents_of)
    return f"; {means}" if means else ""


def _corrected(correction: str, family: int) -> str:
    return (
        f"not adjusted for their number ({family})"
        if correction == "none"
        else f"adjusted by {WORDS[correction]} over the {family} pairs shown"
    )


def _across_words(said: Said) -> str:
    if said.over is None:
        return ""
    planned = designs.across_scenarios(len(said.over.ranks))
    many = f"; over the {said.over.omnibus.blocks} scenarios "
    if planned.omnibus:
        return (
            f"{many}Friedman's test of the strategies' ranks on each, with Iman and Davenport's F,"
            " then Nemenyi's of every pair, which adjusts itself"
        )
    return f"{many}the Wilcoxon signed-rank test of how far one is ahead on each"


def intervals(said: Said) -> str:
    """How the intervals were made, and what they do not say."""
    differences = "those of differences are of the differences seed by seed"
    if said.rules.unpaired:
        differences = "those of differences are Welch's"
    return (
        f"Intervals are Student's t, 95 % for one mean at a time ({differences}): unlike p they are"
        " not adjusted for their number, and two means whose intervals overlap may differ all the"
        " same. The effect A is how often a run of the one is better than a run of the other, of"
        " all that can be paired, whatever their seeds (Vargha, Delaney); a test seed by seed may"
        " find a difference where A is near 0.5."
    )


def _measured_instead(said: Said) -> Iterable[str]:
    """Where old tasks are not tested, what a long stream can be compared by."""
    results = said.pooled.results
    for name in WITHOUT_OLD_TASKS:
        if name == said.rules.metric or name not in results.metric_names():
            continue
        values = [results.metric(name, cell).summary for cell in results.cells]
        if any(np.isfinite(summary).any() for summary in values):
            yield f"There are values of {name}: `--metric {name}`, or `compare: {{metric: {name}}}` in the suite."
            return


# ---------------------------------------------------------------------- one scenario


def _scenario(said: Said, scenario: str, here: Sequence[Runs]) -> Iterable[str]:
    yield from _missing_seeds(said, scenario, here)
    pairs = [pair for pair in said.pairs if pair.scenario == scenario]
    if len(here) == 1:
        yield f"{scenario}: only {here[0].strategy} has runs, so there is nothing to compare it with."
        return
    if len(here) == 2:
        yield f"{scenario}: {pair_sentence(pairs[0], said)}"
    else:
        yield from (
            f"{scenario}: {omnibus_sentence(one, said.rules)}"
            for one in said.omnibus
            if one.scenario == scenario
        )
        yield f"{scenario}: {_ranking_sentence(here, pairs, said.rules)}"
    if said.rules.baseline is not None and len(here) > 2:
        yield from _against_baseline(scenario, pairs, said.rules)
    if said.rules.rope is not None:
        yield from _equivalence(scenario, here, pairs, said)


def _missing_seeds(said: Said, scenario: str, here: Sequence[Runs]) -> Iterable[str]:
    """Seeds that the suite asks for, or that others have: a strategy may look better for the want of them."""
    known = [set(one.seed.tolist()) for one in here]
    everybody = set(said.pooled.asked).union(*known)
    lacking = {len(everybody - seeds) for seeds in known}
    if lacking == {0}:
        return
    told = f"{scenario}: seeds are missing: of {_counted(len(everybody), 'seed')} "
    if len(lacking) == 1 and set.union(*known) == known[0]:
        yield f"{told}that the suite asks for no strategy has {lacking.pop()}."
        return
    short = [
        f"{one.strategy} has {len(seeds)}"
        for one, seeds in zip(here, known, strict=True)
        if seeds != everybody
    ]
    taken = "runs are compared as they are"
    if not said.rules.unpaired:
        taken = "pairs are the seeds that both have, the omnibus test takes those that all have"
    yield f"{told}{listed(short)}; {taken}. Whoever lacks its bad seeds looks better than it is."


def omnibus_sentence(one: Omnibus, rules: Rules) -> str:
    """The test of all strategies."""
    shown = f"{one.test} over {one.strategies} strategies and {one.blocks} {_blocks(one)}"
    shown += f": chi-square({one.strategies - 1}) = {one.statistic:.2f}, p {_equals(one.p)}"
    if one.test == designs.FRIEDMAN:
        f = f"{one.f:.2f}" if np.isfinite(one.f) else "infinite"
        shown += f" (Iman-Davenport F({one.f_df[0]}, {one.f_df[1]}) = {f}, p {_equals(one.f_p)})"
    if one.p <= rules.alpha:
        return f"{shown}: not all strategies are alike."
    return f"{shown}: no difference is shown; the pairs are tested all the same, and the verdicts say so."


def _blocks(one: Omnibus) -> str:
    """What the test takes as its blocks."""
    if one.test == designs.KRUSKAL_WALLIS:
        return "runs"
    return "scenarios" if one.scenario is None else "seeds"


def pair_sentence(pair: Pair, said: Said) -> str:
    """Two strategies in one sentence."""
    if np.isnan(pair.p):
        return f"{pair.a} and {pair.b} have no seeds in common; --unpaired compares them as independent runs."
    size = show_interval(pair.difference, pair.ci_low, pair.ci_high, said.unit)
    of = f"{pair.n} {'runs' if said.rules.unpaired else 'pairs'}"
    numbers = f"difference {size}{unit_words(said.unit)}, A = {pair.effect:.2f}, {pair.test}, {of}, p {_equals(pair.p_adjusted)}"
    if differs(pair, said.rules.alpha):
        better, worse = (pair.a, pair.b) if pair.better > 0 else (pair.b, pair.a)
        told = f"{better} is better than {worse} ({pair.a} - {pair.b}: {numbers})."
        if pair.better * said.sign * pair.difference < 0:
            told += f" The ranks of the runs decide; the mean of {better} is the worse of the two."
        return told
    return f"{pair.a} and {pair.b} cannot be told apart ({pair.a} - {pair.b}: {numbers})."


def _ranking_sentence(here: Sequence[Runs], pairs: Sequence[Pair], rules: Rules) -> str:
    found = sum(differs(pair, rules.alpha) for pair in pairs)
    if not found:
        return f"no two of the {len(here)} strategies can be told apart."
    places = ranking(
        [one.strategy for one in here], [one.sign * one.mean for one in here], pairs, rules.alpha
    )
    first = [place.strategy for place in places if place.rank == 1]
    wins = sum(
        differs(pair, rules.alpha) and first[0] == (pair.a if pair.better > 0 else pair.b)
        for pair in pairs
    )
    if len(first) == 1 and wins == len(here) - 1:
        return f"{first[0]} is better than every other; {found} of {len(pairs)} pairs differ."
    return (
        f"no strategy is shown to be better than {listed(first)};"
        f" {found} of {len(pairs)} pairs differ."
    )


def _against_baseline(scenario: str, pairs: Sequence[Pair], rules: Rules) -> Iterable[str]:
    sides: dict[int, list[str]] = defaultdict(list)
    for pair in pairs:
        if rules.baseline in (pair.a, pair.b):
            other, direction = (
                (pair.b, -pair.better) if pair.a == rules.baseline else (pair.a, pair.better)
            )
            sides[direction if differs(pair, rules.alpha) else 0].append(other)
    words = {1: "better", -1: "worse", 0: "not told apart from it"}
    told = [f"{words[side]}: {listed(sides[side])}" for side in (1, -1, 0) if sides[side]]
    if told:
        yield f"{scenario}: against {rules.baseline}: {'; '.join(told)}."


def _equivalence(
    scenario: str, here: Sequence[Runs], pairs: Sequence[Pair], said: Said
) -> Iterable[str]:
    """What lies within the region of practical equivalence: by two one-sided tests, and in probabilities."""
    rules = said.rules
    rope = rules.rope or 0.0
    size = f"{show_number(rope, said.unit)}{unit_words(said.unit)}"
    same = [f"{pair.a} = {pair.b}" for pair in pairs if pair.equivalence_p <= rules.alpha]
    yield (
        f"{scenario}: equivalent within {size} by two one-sided tests: "
        f"{listed(same) if same else 'no pair'}{_not_equivalent(here, pairs, rules)}."
    )
    known = {one.strategy: one for one in here}
    against = known.get(rules.baseline or "")
    if against is None or rules.unpaired:
        return
    told = [_probabilities(one, against, rope, rules) for one in here if one is not against]
    yield (
        f"{scenario}: against {against.strategy}, the probability of being better by more than {size}, about the same, worse by more "
        f"(Bayesian signed-rank): {'; '.join(filter(None, told))}."
    )


def _not_equivalent(here: Sequence[Runs], pairs: Sequence[Pair], rules: Rules) -> str:
    """Which pairs could not have been called equivalent, whatever their means."""
    told = ""
    failed = [one.strategy for one in here if one.failed.any()]
    if failed:
        told += f"; nothing is where runs failed ({listed(failed)})"
    fewest = min((pair.n for pair in pairs if pair.n), default=0)
    if fewest and not rules.unpaired and smallest_equivalence(fewest) > rules.alpha:
        told += f"; {_counted(fewest, 'seed')} are too few to show it"
    return told


def _probabilities(one: Runs, against: Runs, rope: float, rules: Rules) -> str:
    """The Bayesian answer, which knows no differences but those that it has seen: not from few, nor without failed runs."""
    seeds = common_seeds([one, against])
    first, second = one.at(seeds), against.at(seeds)
    if not len(seeds):
        return ""
    failed = int((~np.isfinite(first) | ~np.isfinite(second)).sum())
    if failed:
        return f"{one.strategy} not given, for runs failed in {failed} of {len(seeds)} pairs"
    if smallest_equivalence(len(seeds)) > rules.alpha:
        return f"{one.strategy} not given, for {_counted(len(seeds), 'pair')} are too few"
    found = bayesian_signed_rank(differences(first, second), rope, rules.rng())
    return f"{one.strategy} {found.first:.2f}, {found.neither:.2f}, {found.second:.2f}"


# ---------------------------------------------------------------------- what could have been shown at all


def _power(said: Said) -> Iterable[str]:
    """The smallest p within reach, and how many seeds it would take, for every number of pairs there is."""
    tested = [pair for pair in said.pairs if not np.isnan(pair.p)]
    factor = penalty(len(tested), said.rules.correction)
    for count in sorted({(pair.n, pair.smallest_p) for pair in tested}):
        yield _power_sentence(*count, factor, said)


def _power_sentence(n: int, smallest: float, factor: int, said: Said) -> str:
    rules = said.rules
    seeds = "seed" if n == 1 else "seeds"
    unit = "runs" if rules.unpaired else seeds
    least = min(1.0, smallest * factor)
    after = f", {least:.3g} after the correction" if factor > 1 else ""
    told = f"A pair of {n} {unit} can have no p smaller than {smallest:.3g}{after}"
    if least <= rules.alpha:
        agree = " where all seeds agree" if not rules.unpaired else ""
        return f"{told}: enough for alpha = {rules.alpha:g}{agree}."
    if rules.unpaired:
        return f"{told}: nothing could be shown at alpha = {rules.alpha:g}, however large; more seeds are needed."
    needed = seeds_needed(rules.alpha, factor)
    return (
        f"{told}: no difference could be shown at alpha = {rules.alpha:g}, however large it is; "
        f"with {needed} seeds, {needed - n} more, one could be, if all of them agree."
    )


# ---------------------------------------------------------------------- over scenarios


def _overall(said: Said, over: Across) -> Iterable[str]:
    rules, names = said.rules, [rank.strategy for rank in over.ranks]
    if len(names) == 2:
        yield f"Over {over.omnibus.blocks} scenarios: {pair_sentence(over.pairs[0], said).replace(' pairs,', ' scenarios,')}"
        return
    yield f"Over scenarios: {omnibus_sentence(over.omnibus, rules)}"
    found = sum(differs(pair, rules.alpha) for pair in over.pairs)
    first = over.ranks[0]
    equal = (
        [rank.strategy for rank in over.ranks if set(rank.group) & set(first.group)]
        if len(over.ranks) <= 26
        else []
    )
    together = f"; not told apart from it: {listed(equal[1:])}" if equal[1:] else ""
    yield (
        f"Over scenarios: strategies whose average ranks are {over.critical_difference:.2f} or more"
        f" apart are shown to differ (Nemenyi, alpha = {rules.alpha:g}): {found} of"
        f" {len(over.pairs)} pairs. {first.strategy} ranks best ({first.average_rank:.2f}){together}."
    )
    if not found and over.critical_difference > len(names) - 1:
        yield f"Over scenarios: {over.omnibus.blocks} of them are too few for any difference between average ranks to be that large."


# ---------------------------------------------------------------------- protocols


def _protocols(results: Results) -> Iterable[str]:
    """Where strategies of one scenario were trained under different protocols: what they do not share, strategy by strategy."""
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for scenario in dict.fromkeys(cell.scenario for cell in results.cells):
        for label, difference in _protocol_differences(
            [cell for cell in results.cells if cell.scenario == scenario and cell.protocol]
        ):
            told[label, difference].append(scenario)
    if told:
        lines = [
            f"{label}: {difference} ({', '.join(scenarios)})"
            for (label, difference), scenarios in told.items()
        ]
        shown = "; ".join(lines[:MOST_PROTOCOLS]) + (
            f"; and {len(lines) - MOST_PROTOCOLS} more" if len(lines) > MOST_PROTOCOLS else ""
        )
        yield f"Protocols differ, by declaration: {shown}."


def _protocol_differences(cells: Sequence[CellRecord]) -> Iterable[tuple[str, str]]:
    leaves = {cell.label: dict(_leaves(cell.protocol)) for cell in cells}
    keys = dict.fromkeys(key for flat in leaves.values() for key in flat)
    usual = {
        key: Counter(flat.get(key, "none") for flat in leaves.values()).most_common(1)[0][0]
        for key in keys
    }
    for label, flat in leaves.items():
        other = [
            f"{key} {flat.get(key, 'none')} instead of {usual[key]}"
            for key in keys
            if flat.get(key, "none") != usual[key]
        ]
        if other:
            yield label, ", ".join(other)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "none" if value is None else value_words(value)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _equals(p: float) -> str:
    return show_p(p) if p < 1e-4 else f"= {show_p(p)}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`, and no more than a few of them."""
    shown = list(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        shown.append(f"{len(names) - MOST_NAMED} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
