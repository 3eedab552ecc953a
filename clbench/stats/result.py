"""What a test of two strategies says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tested:
    """A two-sided test."""

    test: str
    statistic: float
    p: float
    smallest_p: float  # what this design could have reached at best
    better: int  # 1 where the first scored higher, -1 where the second did, 0 where neither
    exact: bool = False  # p was counted, and is no approximation
