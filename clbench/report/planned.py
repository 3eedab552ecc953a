"""What the design of an experiment asked for, and what it can find: findings of tests by design."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clbench.report.across import Across
from clbench.report.contest import BASELINE, Pair
from clbench.report.findings_of_design import Chance, DesignedTests, TestsOverByDesign, Untested
from clbench.report.tested import Tested
from clbench.stats import design
from clbench.stats.by_design import FEWEST_FOR_T, FLIPS, STUDENT
from clbench.stats.families import family_multipliers
from clbench.stats.paired import PAIRED_T
from clbench.stats.power import power_of_t, seeds_to_find
from clbench.stats.questions import SIGNED_RANKS


def designed_tests(tested: Tested) -> DesignedTests:
    """The tests, and the reason for them."""
    rules, within = tested.rules, tested.within
    most = max(map(len, tested.by_scenario.values()), default=0)
    planned = design.within_scenario(most, paired=True, streams_known=tested.streams_known)
    known = [pair for pair in within.pairs if pair.is_tested]
    scenarios = {one.scenario for one in known}
    corrections = [how for name, how in within.corrections.items() if name in scenarios]
    students = [pair for pair in known if pair.test == PAIRED_T]
    flipped = [pair for pair in known if pair.test not in (PAIRED_T, SIGNED_RANKS)]
    omnibus = [one.test for one in within.omnibus if one.strategies > 2]
    over = [_over(one, len(tested.by_scenario)) for one in tested.over]
    return DesignedTests(
        reason=planned.reason,
        flipped=_sizes(flipped),
        students=_sizes(students),
        by_ranks=any(pair.test == SIGNED_RANKS for pair in known),
        omnibus=_each_once(omnibus),
        corrections=_each_once(corrections),
        family=len(known),
        scenarios=len(scenarios),
        baseline=rules.baseline if rules.family == BASELINE else None,
        alpha=rules.alpha,
        over=tuple(over),
        agents_of=tested.agents_of,
    )


def _over(over: Across, scenarios: int) -> TestsOverByDesign:
    tests = _each_once(_kind(pair) for pair in over.pairs if pair.is_tested)
    return TestsOverByDesign(over.question, scenarios, tests, over.correction)


def _kind(pair: Pair) -> str:
    if pair.test == SIGNED_RANKS:
        return SIGNED_RANKS
    return STUDENT if pair.test == PAIRED_T else FLIPS


def _sizes(pairs: Iterable[Pair]) -> tuple[int, ...]:
    return tuple(sorted({pair.n for pair in pairs}))


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


# ---------------------------------------------------------------------- what can be found


def chances(tested: Tested) -> Iterable[Chance | Untested]:
    """For every number of seeds that pairs have in common."""
    pairs = tested.within.pairs
    known = [pair for pair in pairs if pair.is_tested]
    if known:
        level = _first_level(known, tested.rules.alpha)
        needed = seeds_to_find(1.0, level)
        for n in _sizes(known):
            yield Chance(n, power_of_t(n, 1.0, level), power_of_t(n, 2.0, level), needed)
    untested = [pair for pair in pairs if pair.n and not pair.is_tested]
    for n in _sizes(untested):
        count = sum(pair.n == n for pair in untested)
        yield Untested(n, count, FEWEST_FOR_T)


def _first_level(known: Sequence[Pair], alpha: float) -> float:
    """What the p of the clearest difference of the largest family has to be below."""
    families: dict[str | None, list[Pair]] = {}
    for pair in known:
        families.setdefault(pair.scenario, []).append(pair)
    largest = max(map(_multiplier, families.values()))
    return alpha / len(families) / largest


def _multiplier(family: Sequence[Pair]) -> int:
    place: dict[str, int] = {}
    numbered = []
    for pair in family:
        first = place.setdefault(pair.a, len(place))
        second = place.setdefault(pair.b, len(place))
        numbered.append((min(first, second), max(first, second)))
    return max(family_multipliers(numbered))
