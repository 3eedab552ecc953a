"""What a test of two strategies says."""

from __future__ import annotations

from dataclasses import dataclass

from clbench.typing import Array


@dataclass(frozen=True)
class Tested:
    """A two-sided test."""

    test: str
    statistic: float
    p: float
    smallest_p: float  # what this design could have reached at best
    better: int  # 1 where the first scored higher, -1 where the second did, 0 where neither
    exact: bool = False  # p was counted, and is no approximation


def drawn_p(far: Array) -> float:
    """The p of a test that drew its patterns at random: which of them are as `far` as the observed.

    The observed pattern counts as one of the drawn ones, so that the test is never too keen
    (Phipson and Smyth 2010).
    """
    return (int(far.sum()) + 1) / (len(far) + 1)
