"""Who is compared over several scenarios, and who is left out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clbench.report.contest import Pair
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
    known: list[dict[str, Runs]] = []
    for here in by_scenario.values():
        known.append({one.strategy: one for one in here})
    everywhere, not_everywhere = _everywhere(known)
    pairs = list(pairs)
    names, without_seeds = _with_common_seeds(everywhere, pairs)
    left_out: list[NotEverywhere | NoCommonSeeds] = [*not_everywhere, *without_seeds]
    if len(names) < 2:
        return None, left_out
    runs: list[tuple[Runs, ...]] = []
    for runs_there in known:
        runs.append(tuple(runs_there[name] for name in names))
    by_places = _pairs_by_scenario(names, by_scenario, pairs)
    return Contenders(tuple(names), tuple(runs), tuple(by_places)), left_out


def _everywhere(known: Sequence[Mapping[str, Runs]]) -> tuple[list[str], list[NotEverywhere]]:
    """The strategies that have runs on every scenario, and those that have not."""
    count: Counter[str] = Counter()  # keeps the order in which the strategies first appear
    for here in known:
        count.update(here.keys())
    total = len(known)
    everywhere = [name for name in count if count[name] == total]
    others = [NotEverywhere(name, count[name], total) for name in count if count[name] < total]
    return everywhere, others


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
        count = Counter(itertools.chain.from_iterable(apart))
        # Of several who share none with equally many, the last one goes.
        alone = max(reversed(kept), key=lambda name: count[name])
        first, second = next(pair for pair in apart if alone in pair)
        kept.remove(alone)
        left.append(NoCommonSeeds(first, second, alone))
    return kept, left


def _pairs_by_scenario(
    names: Sequence[str], scenarios: Iterable[str], pairs: Iterable[Pair]
) -> Iterable[Mapping[Places, Pair]]:
    place = {name: position for position, name in enumerate(names)}
    found: dict[str | None, dict[Places, Pair]] = {name: {} for name in scenarios}
    for pair in pairs:
        if pair.a in place and pair.b in place:
            i, j = place[pair.a], place[pair.b]
            found[pair.scenario][min(i, j), max(i, j)] = pair if i < j else pair.turned()
    return found.values()
