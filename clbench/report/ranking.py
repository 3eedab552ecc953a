"""Ranks and letters: what the tests of all pairs say of each strategy's place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clbench.report.contest import (
    BASELINE,
    Pair,
    Rules,
    better_matrix,
    difference_matrix,
    equivalence_matrix,
)
from clbench.stats.letters import letters
from clbench.stats.ranking import RankInterval, rank_intervals

BOUND = "bound"  # why an entry has no rank, beside the reasons of `stats.ranking`


@dataclass(frozen=True)
class Entry:
    """Who is to be ranked. Bounds (joint training) are not: they stand apart."""

    strategy: str
    value: float  # more is better; it sorts those whose ranks are the same
    finished: int  # runs
    runs: int
    is_bound: bool = False


@dataclass(frozen=True)
class Place:
    """A strategy's place: the ranks that are not excluded, and its letters.

    None stands for no rank, and `rank_reason` says why there is none.
    """

    strategy: str
    rank_best: int | None
    rank_worst: int | None
    rank_reason: str
    group: str


def ranking(entries: Iterable[Entry], pairs: Sequence[Pair], rules: Rules) -> list[Place]:
    """Best first, then those without a rank, then bounds."""
    entries = list(entries)
    rivals = [entry for entry in entries if not entry.is_bound]
    found = dict.fromkeys(entries, RankInterval(None, None, BOUND))
    found |= zip(rivals, _intervals(rivals, pairs, rules), strict=True)
    order = sorted(entries, key=lambda entry: _order(entry, found[entry]))
    ranked = [entry.strategy for entry in order if found[entry].ranked]
    group = _letters(ranked, pairs, rules)
    return [_place(entry, found[entry], group.get(entry.strategy, "")) for entry in order]


def _place(entry: Entry, rank: RankInterval, group: str) -> Place:
    return Place(entry.strategy, rank.best, rank.worst, rank.reason, group)


def _intervals(
    rivals: Sequence[Entry], pairs: Sequence[Pair], rules: Rules
) -> Sequence[RankInterval]:
    names = [entry.strategy for entry in rivals]
    finished = [entry.finished for entry in rivals]
    runs = [entry.runs for entry in rivals]
    better = better_matrix(names, pairs, rules.alpha)
    return rank_intervals(better, finished, runs, equivalence_matrix(names, pairs, rules.alpha))


def _order(entry: Entry, rank: RankInterval) -> tuple[float, float, float]:
    """By rank; of equal ones by value, and who has no value last of them."""
    below = math.inf if math.isnan(entry.value) else -entry.value
    if rank.best is None or rank.worst is None:
        return (math.inf, float(entry.is_bound), below)
    return (rank.best, rank.worst, below)


def _letters(names: Sequence[str], pairs: Sequence[Pair], rules: Rules) -> dict[str, str]:
    """Who shares a letter cannot be told apart.

    Comparisons with a baseline say nothing of two others, so there are no letters of them.
    """
    if rules.family == BASELINE:
        return {}
    return dict(zip(names, letters(difference_matrix(names, pairs, rules.alpha)), strict=True))


def show_rank(best: int | None, worst: int | None, reason: str) -> str:
    """`2`, `1-3`, or why there is none."""
    if best is None or worst is None:
        return reason
    return str(best) if best == worst else f"{best}-{worst}"
