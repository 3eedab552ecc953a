"""What a comparison holds: its tables, and what was found, as data and in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from clbench.records import Results
from clbench.report.across import OverallRank
from clbench.report.contest import Omnibus, Pair
from clbench.report.findings import ChosenConfiguration, Finding
from clbench.report.looked import Looked
from clbench.report.runs import Runs

if TYPE_CHECKING:
    import pandas as pd

    from clbench.report.claims import Claim

Row = TypeVar("Row")

SUMMARY_KEYS = (
    "scenario",
    "strategy",
    "n",
    "n_requested",
    "mean",
    "ci_low",
    "ci_high",
    "iqm",
    "rank",
    "group",
    "difference",
    "p_adjusted",
    "effect",
    "rank_best",
    "rank_worst",
    "rank_reason",
    "interval",
    "iqm_low",
    "iqm_high",
    "difference_low",
    "difference_high",
    "compared",
    "won",
    "lost",
    "won_low",
    "won_high",
    "best_of",
    "optimism",
    "p_always",
)
OVERALL_PAIR_KEYS = (
    "a",
    "b",
    "n",
    "test",
    "statistic",
    "p",
    "p_adjusted",
    "smallest_p",
    "effect",
    "difference",
    "ci_low",
    "ci_high",
    "verdict",
    "better",
    "exact",
    "equivalence_p",
    "p_always",
    "decision",
    "interval",
    "together_low",
    "together_high",
    "won",
    "lost",
    "won_low",
    "won_high",
)
PAIR_KEYS = ("scenario", *OVERALL_PAIR_KEYS)
RANK_KEYS = (
    "strategy",
    "average_rank",
    "group",
    "mean",
    "ci_low",
    "ci_high",
    "rank_best",
    "rank_worst",
    "rank_reason",
)
TEST_KEYS = ("test", "statistic", "p")
OMNIBUS_KEYS = (
    "scenario",
    "question",
    *TEST_KEYS,
    "exact",
    "strategies",
    "blocks",
    "f",
    "f_p",
)
OVERALL_KEYS = ("question", *TEST_KEYS, "f", "f_p", "critical_difference", "correction")


class Rows(tuple[Row, ...]):
    """Rows of a table; `frame()` is the table in pandas."""

    __slots__ = ()

    def frame(self) -> pd.DataFrame:
        """A column a field."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self])  # type: ignore[call-overload]


@dataclass(frozen=True)
class SummaryRow:
    """One strategy on one scenario, and beside the baseline where there is one."""

    scenario: str
    strategy: str
    n: int
    n_requested: int
    mean: float
    ci_low: float
    ci_high: float
    iqm: float  # from ten runs on
    rank_best: int | None  # 1 + the number of strategies that are shown to be better
    rank_worst: int | None  # all but those that are shown to be worse
    rank_reason: str  # why there is no rank
    group: str  # who shares a letter cannot be told apart
    interval: str  # how the interval was made
    iqm_low: float
    iqm_high: float
    # Of the best of a method's configurations: of how many, and by how much its mean is too good.
    best_of: int = 0
    optimism: float = math.nan
    # The comparison with the baseline; NaN without one.
    difference: float = math.nan  # this strategy - baseline
    difference_low: float = math.nan
    difference_high: float = math.nan
    p_adjusted: float = math.nan
    p_always: float = math.nan  # where seeds were added
    effect: float = math.nan  # the chance that a run of it is better than one of the baseline
    compared: int = 0  # the seeds that both have
    won: int = 0  # of those: in which it is ahead, and in which the baseline is
    lost: int = 0
    won_low: float = math.nan  # of the share that it would win
    won_high: float = math.nan

    @property
    def rank(self) -> int | None:
        """The best one that is not excluded."""
        return self.rank_best


@dataclass(frozen=True)
class Overall:
    """One question over all scenarios: on these, or on scenarios like these."""

    question: str
    test: str | None
    statistic: float
    p: float
    f: float
    f_p: float
    critical_difference: float
    correction: str
    ranks: Rows[OverallRank]
    pairs: Rows[Pair]


@dataclass(frozen=True)
class Comparison:
    """Everything that `clbench compare` shows.

    `frame()` is the summary; `pairs.frame()` and `overall.ranks.frame()` are the others.
    """

    metric: str
    unit: str
    higher_is_better: bool
    alpha: float
    tests: str
    family: str
    correction: str | None  # of tests on ranks; `corrections` has those of tests by design
    unpaired: bool
    rope: float | None
    baseline: str | None
    design: str
    omnibus: tuple[Omnibus, ...]
    summary: Rows[SummaryRow]
    pairs: Rows[Pair]
    overall: Overall | None  # on these scenarios; of tests on ranks, on scenarios like these
    like_these: Overall | None  # the second question, where both are asked
    text: tuple[str, ...]
    left_out: tuple[str, ...]
    mixed: tuple[str, ...] = ()
    choices: tuple[ChosenConfiguration, ...] = ()
    claims: tuple[Claim, ...] = ()  # of a board: what its records show by themselves
    # By scenario, how the p of its pairs are adjusted.
    corrections: Mapping[str, str] = field(kw_only=True)
    # How seeds came together, where somebody looked before they all were there.
    looked: Looked | None = field(default=None, kw_only=True)
    # What the first of the sentences in `text` say.
    findings: tuple[Finding, ...] = field(repr=False, compare=False, kw_only=True)
    results: Results = field(repr=False, compare=False, kw_only=True)
    runs: tuple[Runs, ...] = field(repr=False, compare=False, kw_only=True)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from clbench.report.notebook import comparison_html

        return comparison_html(self)

    def frame(self) -> pd.DataFrame:
        """The summary: a row a strategy and scenario."""
        return self.summary.frame()

    @property
    def level(self) -> float:
        """That of the intervals."""
        return 1 - self.alpha

    @property
    def scenarios(self) -> list[str]:
        """In the suite's order."""
        return list(dict.fromkeys(one.scenario for one in self.runs))

    @property
    def limits(self) -> tuple[float, float] | None:
        """What no value of the metric lies beyond."""
        return self.runs[0].limits if self.runs else None

    def to_json(self) -> dict[str, Any]:
        """Plain data with fixed keys, from which every table can be made again.

        None stands for what has no value.
        """
        return {
            **self._plain_rules(),
            "omnibus": _plain(self._main_test(), TEST_KEYS),
            "omnibus_tests": _plain_rows(self.omnibus, OMNIBUS_KEYS),
            "summary": _plain_rows(self.summary, SUMMARY_KEYS),
            "pairs": _plain_rows(self.pairs, PAIR_KEYS),
            "overall": _plain_overall(self.overall),
            "like_these": _plain_overall(self.like_these),
            "looks": None if self.looked is None else self.looked.to_plain(),
            "choices": [asdict(choice) for choice in self.choices],
            "text": list(self.text),
            "left_out": list(self.left_out),
        }

    def _plain_rules(self) -> dict[str, Any]:
        """How the comparison was made."""
        return {
            "metric": self.metric,
            "unit": self.unit,
            "higher_is_better": self.higher_is_better,
            "baseline": self.baseline,
            "paired": not self.unpaired,
            "alpha": self.alpha,
            "level": self.level,
            "rope": self.rope,
            "tests": self.tests,
            "family": self.family,
            "correction": self.correction,
            "corrections": dict(self.corrections),
            "design": self.design,
        }

    def _main_test(self) -> Omnibus | None:
        """The test of all strategies: over scenarios where there are several."""
        over_scenarios = [one for one in self.omnibus if one.scenario is None]
        return next(iter([*over_scenarios, *self.omnibus]), None)


def _plain_overall(overall: Overall | None) -> dict[str, Any] | None:
    if overall is None:
        return None
    return {
        **_plain(overall, OVERALL_KEYS),
        "ranks": _plain_rows(overall.ranks, RANK_KEYS),
        "pairs": _plain_rows(overall.pairs, OVERALL_PAIR_KEYS),
    }


def _plain_rows(rows: Iterable[Any], keys: Sequence[str]) -> list[dict[str, Any]]:
    return [_plain(row, keys) for row in rows]


def _plain(row: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The keys of a row, or of none."""
    return {key: _plain_value(getattr(row, key, None)) for key in keys}


def _plain_value(value: Any) -> Any:
    """None for numbers that are not there, or infinite."""
    is_missing = isinstance(value, float) and not math.isfinite(value)
    return None if is_missing else value
