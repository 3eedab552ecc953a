"""What the design of an experiment asked for, and what it can find: findings of tests by design."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence

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
    rules, known = tested.rules, tested.tested_pairs
    scenarios = {pair.scenario for pair in known}
    planned = design.within_scenario(
        tested.most_strategies, paired=True, streams_known=tested.streams_known
    )
    omnibus = [one.test for one in tested.within.omnibus if one.strategies > 2]
    over = [_over(one, len(tested.by_scenario)) for one in tested.over]
    return DesignedTests(
        reason=planned.reason,
        flipped=_sizes_of(FLIPS, known),
        students=_sizes_of(STUDENT, known),
        by_ranks=any(_kind(pair) == SIGNED_RANKS for pair in known),
        omnibus=_each_once(omnibus),
        corrections=_corrections(tested, scenarios),
        family=len(known),
        scenarios=len(scenarios),
        baseline=rules.baseline if rules.family == BASELINE else None,
        alpha=rules.alpha,
        over=tuple(over),
        agents_of=tested.agents_of,
    )


def _corrections(tested: Tested, scenarios: Container[str | None]) -> tuple[str, ...]:
    """How p are adjusted on these scenarios."""
    corrections = tested.within.corrections.items()
    return _each_once(how for name, how in corrections if name in scenarios)


def _over(over: Across, scenarios: int) -> TestsOverByDesign:
    tests = _each_once(_kind(pair) for pair in over.pairs if pair.is_tested)
    return TestsOverByDesign(over.question, scenarios, tests, over.correction)


def _kind(pair: Pair) -> str:
    if pair.test == SIGNED_RANKS:
        return SIGNED_RANKS
    return STUDENT if pair.test == PAIRED_T else FLIPS


def _sizes_of(kind: str, pairs: Iterable[Pair]) -> tuple[int, ...]:
    return _sizes(pair for pair in pairs if _kind(pair) == kind)


def _sizes(pairs: Iterable[Pair]) -> tuple[int, ...]:
    return tuple(sorted({pair.n for pair in pairs}))


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


# ---------------------------------------------------------------------- what can be found


def chances(tested: Tested) -> Iterable[Chance | Untested]:
    """For every number of seeds that pairs have in common."""
    known = tested.tested_pairs
    if known:
        level = _first_level(known, tested.rules.alpha)
        needed = seeds_to_find(1.0, level)
        for n in _sizes(known):
            yield Chance(n, power_of_t(n, 1.0, level), power_of_t(n, 2.0, level), needed)
    yield from _untested(tested.within.pairs)


def _untested(pairs: Iterable[Pair]) -> Iterable[Untested]:
    """By how many seeds they have in common, where they have any."""
    counts = Counter(pair.n for pair in pairs if pair.n and not pair.is_tested)
    for n, count in sorted(counts.items()):
        yield Untested(n, count, FEWEST_FOR_T)


def _first_level(known: Sequence[Pair], alpha: float) -> float:
    """What the p of the clearest difference of the largest family has to be below."""
    families: dict[str | None, list[Pair]] = defaultdict(list)
    for pair in known:
        families[pair.scenario].append(pair)
    largest = max(map(_multiplier, families.values()))
    return alpha / len(families) / largest


def _multiplier(family: Sequence[Pair]) -> int:
    place: dict[str, int] = {}
    numbered = []
    for pair in family:
        both = [place.setdefault(name, len(place)) for name in (pair.a, pair.b)]
        numbered.append((min(both), max(both)))
    return max(family_multipliers(numbered))
