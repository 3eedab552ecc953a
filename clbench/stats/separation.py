"""Which of several strategies have been told apart, by name: `looks` on the runs of scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from clbench.stats.evidence import table_at
from clbench.stats.looks import (
    DECIDED,
    EQUIVALENT,
    FIRST,
    MORE,
    OPEN,
    SECOND,
    Decision,
    LookPlan,
    decide_scenarios,
)
from clbench.typing import Array


class Runs(Protocol):
    """The runs of a strategy on one scenario."""

    @property
    def strategy(self) -> str:
        """Its label."""

    @property
    def seed(self) -> Array:
        """Ascending."""

    @property
    def score(self) -> Array:
        """At each seed: more is better, -inf where the run failed."""


@dataclass(frozen=True)
class SeparatedPair:
    """What was decided of two strategies on a scenario, and at which look (a number of seeds)."""

    scenario: str
    a: str
    b: str
    verdict: str  # FIRST (a is better), SECOND, EQUIVALENT or OPEN
    look: int | None

    @property
    def is_open(self) -> bool:
        """Whether nothing has been shown yet; at the last look nothing will be."""
        return self.verdict == OPEN


@dataclass(frozen=True)
class Separation:
    """Whether seeds are to be added: MORE, up to `next_look`; else DECIDED, or UNDECIDED."""

    state: str
    next_look: int | None
    pairs: tuple[SeparatedPair, ...]

    @property
    def undecided(self) -> list[SeparatedPair]:
        """The pairs of which nothing has been shown."""
        return [pair for pair in self.pairs if pair.is_open]


NOTHING_TO_SEPARATE = Separation(DECIDED, None, ())


def separation(
    scenarios: Mapping[str, Sequence[Runs]],
    seeds: Sequence[int],
    plan: LookPlan,
    baseline: str | None = None,
) -> Separation:
    """What the looks of `plan` decide of the runs at these seeds, in the order they were added.

    Of the strategies that a scenario has, all pairs are to be decided, or those with the baseline
    where there is one. Alpha is shared among the scenarios that have any.
    """
    compared = _compared(scenarios, baseline)
    if not compared:
        return NOTHING_TO_SEPARATE
    tables = [_table(runs, seeds) for runs in compared.values()]
    column = None if baseline is None else 0
    state, decisions = decide_scenarios(tables, replace(plan, baseline=column))
    pairs: list[SeparatedPair] = []
    for (scenario, runs), decision in zip(compared.items(), decisions, strict=True):
        pairs += _named(scenario, runs, decision)
    looks = [decision.next_look for decision in decisions if decision.next_look is not None]
    return Separation(state, min(looks) if state == MORE else None, tuple(pairs))


def _compared(
    scenarios: Mapping[str, Sequence[Runs]], baseline: str | None
) -> dict[str, list[Runs]]:
    """The scenarios with anything to compare."""
    compared = {}
    for scenario, runs in scenarios.items():
        ordered = _baseline_first(runs, baseline)
        if len(ordered) > 1:
            compared[scenario] = ordered
    return compared


def _named(scenario: str, runs: Sequence[Runs], decision: Decision) -> Iterator[SeparatedPair]:
    for pair in decision.pairs:
        a, b = runs[pair.first].strategy, runs[pair.second].strategy
        yield SeparatedPair(scenario, a, b, pair.verdict, pair.look)


def _baseline_first(runs: Sequence[Runs], baseline: str | None) -> list[Runs]:
    """The strategies with the baseline in column 0; none where the scenario lacks it."""
    if baseline is None:
        return list(runs)
    first = [one for one in runs if one.strategy == baseline]
    others = [one for one in runs if one.strategy != baseline]
    return first + others if first else []


def _table(runs: Sequence[Runs], seeds: Sequence[int]) -> Array:
    """`[seeds, strategies]`, rows in the order of `seeds`."""
    ascending = np.sort(np.array(seeds, dtype=np.int64))
    known = [np.isin(one.seed, ascending) for one in runs]
    own = [one.seed[there] for one, there in zip(runs, known, strict=True)]
    scores = [one.score[there] for one, there in zip(runs, known, strict=True)]
    rows = np.searchsorted(ascending, np.array(seeds, dtype=np.int64))
    table: Array = table_at(ascending, own, scores)[rows]
    return table


__all__ = ["EQUIVALENT", "FIRST", "SECOND", "SeparatedPair", "Separation", "separation"]
