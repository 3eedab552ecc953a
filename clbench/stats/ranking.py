"""Ranks as intervals: what is shown of a strategy's place, and no more.

A strategy that was shown to lose to two of seven others has at best rank 3, and one that was shown
to beat four of them has at worst rank 3. With pairs whose false alarms are controlled together at
alpha, all intervals hold all true ranks at once with a chance of 1 - alpha (Mogstad, Romano, Shaikh
and Wilhelm 2024). A rank as a point would say of two equal strategies that one is the better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clbench.typing import Array

FEWEST_RUNS = 3  # finished ones, from which on an entry is ranked

RANKED, TOO_FEW_RUNS, TOO_MANY_FAILED = "", "too few runs", "too many runs failed"


@dataclass(frozen=True)
class RankInterval:
    """From the best rank to the worst that is not excluded; None for an entry without a rank."""

    best: int | None
    worst: int | None
    reason: str = RANKED  # a code, for entries without one

    @property
    def ranked(self) -> bool:
        """Whether it has a rank."""
        return self.best is not None


def rank_intervals(
    better: Array, finished: Sequence[int], runs: Sequence[int], equivalent: Array | None = None
) -> list[RankInterval]:
    """The rank interval of every entry among those that have one.

    `better [k, k]`: the row is shown to be better than the column. `equivalent [k, k]`: shown to
    differ by less than matters (the rope), which a proven win does not outweigh. `finished` and
    `runs` count each entry's runs: entries with too few finished ones are shown without a rank, for
    "was never shown to lose" is easiest for whoever has no data.
    """
    reasons = list(map(_reason, finished, runs))
    ranked = np.array([reason == RANKED for reason in reasons], dtype=bool)
    # Wins over entries without a rank, and theirs, move nobody.
    proven = np.asarray(better, dtype=bool) & ranked & ranked[:, None]
    if equivalent is not None:
        proven &= ~np.asarray(equivalent, dtype=bool)
    best = 1 + proven.sum(axis=0)
    worst = ranked.sum() - proven.sum(axis=1)
    return list(map(_interval, best.tolist(), worst.tolist(), reasons))


def _interval(best: int, worst: int, reason: str) -> RankInterval:
    if reason == RANKED:
        return RankInterval(best, worst)
    return RankInterval(None, None, reason)


def _reason(finished: int, runs: int) -> str:
    if finished >= FEWEST_RUNS:
        return RANKED
    return TOO_FEW_RUNS if runs < FEWEST_RUNS else TOO_MANY_FAILED
