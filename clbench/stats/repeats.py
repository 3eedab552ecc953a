"""The same seeds run again, elsewhere or later: what differs, paired by seed.

Whether the new mean lies in the old interval is no test of that: it ignores that the seeds are the
same, calls every fifth honest repeat different, and a shift of half a standard deviation in every
seed equal. The question is how large the difference is, and how sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench.stats.flips import flips_p, smallest_flips
from clbench.stats.intervals import Interval, mean_interval
from clbench.stats.paired import differences, paired_t
from clbench.typing import Array

FEWEST_SEEDS = 5  # for a verdict; below, the numbers stand for themselves

SAME, DIFFERS, NOT_SHOWN, TOO_FEW = "same", "differs", "no difference shown", "too few seeds"


@dataclass(frozen=True)
class Repeated:
    """A run again minus the run before."""

    verdict: str  # SAME, DIFFERS, NOT_SHOWN or TOO_FEW
    seeds: int
    difference: float  # the mean, of the seeds that finished both times
    interval: Interval
    largest_gap: float  # of any seed, in either direction
    unlike: int  # seeds that failed one time and not the other
    p: float  # NaN for too few seeds


def repeated(before: Array, after: Array, alpha: float = 0.05) -> Repeated:
    """Compare values of the same seeds, in one order; what is not finite failed."""
    finished, finished_again = np.isfinite(before), np.isfinite(after)
    both = finished & finished_again
    delta = differences(after[both], before[both])
    unlike = int((finished != finished_again).sum())
    p = _p(delta, alpha)
    return Repeated(
        verdict=_verdict(delta, unlike, p, alpha),
        seeds=len(before),
        difference=_mean(delta),
        interval=mean_interval(delta, 1 - alpha),
        largest_gap=float(np.abs(delta).max(initial=0.0)),
        unlike=unlike,
        p=p,
    )


def _mean(delta: Array) -> float:
    return float(delta.mean()) if len(delta) else float("nan")


def _p(delta: Array, alpha: float) -> float:
    """Of the sign flips where so many can reach alpha, of the t test otherwise."""
    if len(delta) < FEWEST_SEEDS:
        return float("nan")
    return flips_p(delta) if smallest_flips(len(delta)) <= alpha else paired_t(delta).p


def _verdict(delta: Array, unlike: int, p: float, alpha: float) -> str:
    # The same bits, or the same on paper; that needs no test, and no number of seeds.
    if not delta.any() and not unlike:
        return SAME
    if len(delta) < FEWEST_SEEDS:
        return TOO_FEW
    return DIFFERS if p <= alpha or _is_shifted_alike(delta) else NOT_SHOWN


def _is_shifted_alike(delta: Array) -> bool:
    """Then the differences have no spread for a t test; their interval is a point."""
    return bool((delta == delta[0]).all() and delta[0])
