"""Who is compared over several scenarios, and who is left out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from clbench.report.contest import Pair, places_of
from clbench.report.findings import NoCommonSeeds, NotEverywhere
from clbench.report.runs import Runs

Places = tuple[int, int]  # of two strategies among the contenders, the first one first


@dataclass(frozen=True)
class Contenders:
    """The same strategies on every scenario: `runs[s][k]`, and `pairs[s][i, j]` with i < j, the
    comparison of two of them there.
    """

    names: tuple[str, ...]
    runs: tuple[tuple[Runs, ...], ...]
    pairs: tuple[Mapping[Places, Pair], ...]

    @property
    def sign(self) -> int:
        """-1 where less is better."""
        return self.runs[0][0].sign

    @property
    def by_strategy(self) -> dict[str, tuple[Runs, ...]]:
        """Its runs on every scenario."""
        return dict(zip(self.names, zip(*self.runs, strict=True), strict=True))

    @property
    def places(self) -> list[Places]:
        """Every pair of strategies."""
        return list(itertools.combinations(range(len(self.names)), 2))


def contenders_of(
    by_scenario: Mapping[str, Sequence[Runs]], pairs: Iterable[Pair]
) -> tuple[Contenders | None, list[NotEverywhere | NoCommonSeeds]]:
    """The strategies that can be compared on every scenario; None where there are not two.

    And who is left out, and why.
    """
    if len(by_scenario) < 2:
        return None, []
    pairs = list(pairs)
    everywhere, not_everywhere = _everywhere(by_scenario.values())
    names, without_seeds = _with_common_seeds(everywhere, pairs)
    left_out: list[NotEverywhere | NoCommonSeeds] = [*not_everywhere, *without_seeds]
    if len(names) < 2:
        return None, left_out
    runs = _runs_of(names, by_scenario.values())
    by_places = _pairs_by_scenario(names, by_scenario, pairs)
    return Contenders(tuple(names), tuple(runs), tuple(by_places)), left_out


def _everywhere(scenarios: Collection[Sequence[Runs]]) -> tuple[list[str], list[NotEverywhere]]:
    """The strategies that have runs on every scenario, and those that have not."""
    count: Counter[str] = Counter()  # keeps the order in which the strategies first appear
    for here in scenarios:
        count.update(one.strategy for one in here)
    everywhere, others = [], []
    for name, times in count.items():
        if times == len(scenarios):
            everywhere.append(name)
        else:
            others.append(NotEverywhere(name, times, len(scenarios)))
    return everywhere, others


def _runs_of(
    names: Sequence[str], scenarios: Iterable[Sequence[Runs]]
) -> Iterable[tuple[Runs, ...]]:
    for here in scenarios:
        known = {one.strategy: one for one in here}
        yield tuple(map(known.__getitem__, names))


def _with_common_seeds(
    names: Sequence[str], pairs: Iterable[Pair]
) -> tuple[list[str], list[NoCommonSeeds]]:
    """Those of which every two have seeds in common on every scenario.

    Whoever shares none with most others goes first.
    """
    kept = list(names)
    left: list[NoCommonSeeds] = []
    strangers = [(pair.a, pair.b) for pair in pairs if not pair.n]
    while apart := [pair for pair in strangers if set(pair) <= set(kept)]:
        alone = _most_alone(kept, apart)
        first, second = next(pair for pair in apart if alone in pair)
        kept.remove(alone)
        left.append(NoCommonSeeds(first, second, alone))
    return kept, left


def _most_alone(names: Sequence[str], apart: Iterable[tuple[str, str]]) -> str:
    """Who is in most of these pairs; of several the last one."""
    count = Counter(itertools.chain.from_iterable(apart))
    return max(reversed(names), key=lambda name: count[name])


def _pairs_by_scenario(
    names: Sequence[str], scenarios: Iterable[str], pairs: Iterable[Pair]
) -> Iterable[Mapping[Places, Pair]]:
    place = places_of(names)
    found: dict[str | None, dict[Places, Pair]] = {name: {} for name in scenarios}
    for pair in pairs:
        if pair.a in place and pair.b in place:
            first = pair if place[pair.a] < place[pair.b] else pair.turned()
            found[pair.scenario][place[first.a], place[first.b]] = first
    return found.values()
