"""Findings on what was done and what it could find: tests, their family, power, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TestsOverScenarios:
    """The tests over scenarios; `omnibus` where there are more than two strategies."""

    scenarios: int
    omnibus: bool


@dataclass(frozen=True)
class ChosenTests:
    """Which tests belong to this experiment, and why."""

    reason: str
    pairs: str | None  # None where there is nothing to test within a scenario
    omnibus: str | None
    exact: bool
    correction: str
    family: int  # the pairs that p is adjusted over
    over: TestsOverScenarios | None
    agents_of: Mapping[str, int]  # by scenario: how many agents each seed has


@dataclass(frozen=True)
class TestsOverByDesign:
    """What answers one question over several scenarios."""

    question: str
    scenarios: int
    tests: tuple[str, ...]  # FLIPS or STUDENT of `stats.by_design`, those that were made
    correction: str


@dataclass(frozen=True)
class DesignedTests:
    """The tests that the design of the experiment asks for, and why."""

    reason: str
    flipped: tuple[int, ...]  # sizes of pairs (seeds) that are tested by sign flips
    students: tuple[int, ...]  # and by the paired t test, for want of patterns of signs
    by_ranks: bool  # pairs in which a run failed
    omnibus: tuple[str, ...]  # the tests of all strategies that were made
    corrections: tuple[str, ...]
    family: int  # the pairs that are tested together
    scenarios: int
    baseline: str | None  # where the family is the comparisons with it
    alpha: float
    over: tuple[TestsOverByDesign, ...]
    agents_of: Mapping[str, int]  # by scenario: how many agents each seed has


@dataclass(frozen=True)
class Power:
    """The smallest p that pairs of so many runs could reach, and how many seeds it would take."""

    n: int
    smallest_p: float
    penalty: int  # by which the correction at least multiplies it
    alpha: float
    unpaired: bool
    seeds_needed: int

    @property
    def after_correction(self) -> float:
        """The smallest p that could be shown."""
        return min(1.0, self.smallest_p * self.penalty)

    @property
    def is_enough(self) -> bool:
        """Whether anything could be shown at all."""
        return self.after_correction <= self.alpha


@dataclass(frozen=True)
class Chance:
    """How likely pairs of so many seeds show a difference of so many standard deviations."""

    n: int
    one_sd: float
    two_sd: float
    needed: int  # seeds that find a difference of one in 80 % of cases


@dataclass(frozen=True)
class Untested:
    """Pairs with so few seeds in common that they could show nothing, and are in no family."""

    n: int
    pairs: int
    fewest: int


@dataclass(frozen=True)
class IntervalsMade:
    """How the intervals were made."""

    unpaired: bool
    level: float
    family: int  # the differences whose intervals hold together, too
