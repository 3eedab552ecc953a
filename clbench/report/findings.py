"""What a comparison found, as data. `clbench.report.conclusions` finds it, `sentences` says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clbench.report.findings_of_design import (
    Chance,
    ChosenTests,
    DesignedTests,
    IntervalsMade,
    Power,
    Untested,
)

if TYPE_CHECKING:
    from clbench.report.contest import Omnibus, Pair


@dataclass(frozen=True)
class MixedRecords:
    """Records that are not comparable were ranked together, because somebody insisted."""

    differences: tuple[str, ...]


@dataclass(frozen=True)
class NothingToCompare:
    """No run has a value of the metric."""

    metric: str


@dataclass(frozen=True)
class MeasuredInstead:
    """A metric of which there are values."""

    metric: str


@dataclass(frozen=True)
class Unranked:
    """Strategies without a rank, and why; `scenario` is None over scenarios."""

    scenario: str | None
    question: str
    scenarios: int
    each: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MissingSeeds:
    """Seeds that the suite asks for, or that others have, and that some strategies have not."""

    scenario: str
    asked: int
    counts: tuple[tuple[str, int], ...]  # of those that lack some: the seeds they have
    missing_to_all: int  # where all lack the same ones: how many; else 0
    unpaired: bool


@dataclass(frozen=True)
class OneStrategy:
    """A scenario on which only one strategy has runs."""

    scenario: str
    strategy: str


@dataclass(frozen=True)
class TwoStrategies:
    """The pair that is all there is to compare; over scenarios where `scenario` is None."""

    scenario: str | None
    pair: Pair
    unit: str
    sign: int  # -1 where less is better
    alpha: float
    unpaired: bool
    scenarios: int  # in the comparison


@dataclass(frozen=True)
class AllStrategies:
    """The test of whether the strategies differ at all."""

    omnibus: Omnibus
    alpha: float
    scenarios: int  # in the comparison


@dataclass(frozen=True)
class Ranking:
    """Who is better than the others, as far as that is shown; `scenario` is None over scenarios."""

    scenario: str | None
    question: str
    scenarios: int  # in the comparison
    strategies: int  # that have a rank
    first: tuple[str, ...]  # better than whom nobody is shown to be
    winner: str | None  # the one that is better than every other
    differing: int
    pairs: int  # that were tested


@dataclass(frozen=True)
class AgainstBaseline:
    """The strategies that are better than the baseline, worse, or neither."""

    scenario: str | None  # None over scenarios
    baseline: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    neither: tuple[str, ...]
    question: str
    scenarios: int  # in the comparison


@dataclass(frozen=True)
class Equivalence:
    """The pairs whose difference lies within the region of practical equivalence."""

    scenario: str
    rope: float
    unit: str
    same: tuple[tuple[str, str], ...]
    failed: tuple[str, ...]  # with whose failed runs nothing can be shown
    too_few_seeds: int | None  # to show it, where they are


@dataclass(frozen=True)
class Probability:
    """Of being better than the baseline by more than the region, about the same, worse by more.

    Without probabilities where runs failed in some pairs, or where the pairs are too few.
    """

    strategy: str
    pairs: int
    failed: int
    better: float | None = None
    same: float | None = None
    worse: float | None = None


@dataclass(frozen=True)
class Probabilities:
    """The Bayesian answer to whether strategies are equivalent to the baseline."""

    scenario: str
    against: str
    rope: float
    unit: str
    each: tuple[Probability, ...]


@dataclass(frozen=True)
class OverallRanking:
    """Whose average ranks over the scenarios are far enough apart."""

    critical_difference: float
    alpha: float
    differing: int
    pairs: int
    best: str
    best_rank: float
    tied: tuple[str, ...]  # who is not told apart from the best


@dataclass(frozen=True)
class TooFewScenarios:
    """No difference between average ranks could be as large as the critical one."""

    scenarios: int


@dataclass(frozen=True)
class ProtocolDifference:
    """What of a strategy's protocol is not as that of most others, and on which scenarios."""

    label: str
    difference: str
    scenarios: tuple[str, ...]


@dataclass(frozen=True)
class ProtocolsDiffer:
    """Strategies of one scenario were trained under different protocols, by declaration."""

    differences: tuple[ProtocolDifference, ...]


@dataclass(frozen=True)
class PartlyStated:
    """Strategies of other libraries, of which the record says in part how they were trained."""

    labels: tuple[str, ...]
    unsaid: tuple[str, ...]  # what files of their kind never say
    unstated: tuple[str, ...]  # keys of the protocol that the others state
    alone: tuple[str, ...]  # keys that only these state
    rivals: tuple[str, ...]  # beside them, whose streams are known


@dataclass(frozen=True)
class BestConfiguration:
    """The best of a method's configurations, by the metric that is reported for it."""

    scenario: str
    strategy: str
    count: int  # of the configurations
    optimism: float  # by how much its mean is too good at most; NaN where the seeds are too few
    unit: str


@dataclass(frozen=True)
class BestConfigurations:
    """Those of one scenario, a method each."""

    scenario: str
    each: tuple[BestConfiguration, ...]


@dataclass(frozen=True)
class ChosenConfiguration:
    """A configuration that was chosen on some seeds and is reported on others, and the default."""

    scenario: str
    metric: str
    tuned: str  # the row of the chosen one
    chosen: str  # its label in the record
    count: int  # of the configurations
    chosen_on: tuple[int, ...]
    reported_on: tuple[int, ...]
    default: str | None  # the label of the default one, where it is among them
    default_row: str | None  # its row, which is the tuned one's where that is the default
    default_known: bool  # whether anybody knows the defaults


@dataclass(frozen=True)
class SharedTestSet:
    """The test set that all runs share, where a proven difference is below its sampling error."""

    scenario: str
    images: int
    error: float  # half the width of the interval that so many images give
    accuracy: float  # at which it has that error
    difference: float  # the smallest proven one

    @property
    def images_apart(self) -> float:
        """How many images the difference is."""
        return self.difference * self.images


@dataclass(frozen=True)
class NoBaseline:
    """Nobody named one."""


@dataclass(frozen=True)
class SeedsAdded:
    """Somebody looked before all seeds were there, or a run added them by what they showed."""

    earlier: tuple[tuple[int, str], ...]  # looks at fewer seeds: how many, and the day
    by_looks: tuple[int, ...]  # looks that were declared, where verdicts go by them
    problem: str  # why they do not, where a run went by some
    alpha: float
    unpaired: bool
    scenarios_like_these: bool  # whether that question was asked, too


@dataclass(frozen=True)
class LostRuns:
    """Runs of a strategy that did not finish: they rank last."""

    ended: str  # how, as `FAILED_WORDS` has it
    count: int
    total: int


@dataclass(frozen=True)
class RunsWithoutValue:
    """Runs of a strategy that are left out."""

    metric: str
    reason: str
    count: int
    total: int


@dataclass(frozen=True)
class LeftOutRuns:
    """What is missing of a strategy on a scenario."""

    scenario: str
    strategy: str
    runs: LostRuns | RunsWithoutValue


@dataclass(frozen=True)
class NotEverywhere:
    """A strategy without runs on some scenarios has no place over all of them."""

    strategy: str
    scenarios: int  # on which it has runs
    total: int


@dataclass(frozen=True)
class NoCommonSeeds:
    """Nor has one that shares no seeds with another on some scenario."""

    first: str
    second: str
    left_out: str  # one of the two


@dataclass(frozen=True)
class StatedNotUsed:
    """Something that the suite says of its comparison, and that cannot be followed."""

    what: str
    error: str


@dataclass(frozen=True)
class OnlyChoosingSeeds:
    """A strategy that has runs on those seeds alone on which configurations were chosen."""

    scenario: str
    strategy: str


Omission = StatedNotUsed | OnlyChoosingSeeds | LeftOutRuns | NotEverywhere | NoCommonSeeds

Finding = (
    MixedRecords
    | NothingToCompare
    | MeasuredInstead
    | ChosenTests
    | DesignedTests
    | Chance
    | Untested
    | Unranked
    | Power
    | MissingSeeds
    | OneStrategy
    | TwoStrategies
    | AllStrategies
    | Ranking
    | AgainstBaseline
    | Equivalence
    | Probabilities
    | OverallRanking
    | TooFewScenarios
    | ProtocolsDiffer
    | PartlyStated
    | BestConfigurations
    | ChosenConfiguration
    | SharedTestSet
    | NoBaseline
    | SeedsAdded
    | IntervalsMade
)
