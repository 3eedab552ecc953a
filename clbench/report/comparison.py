"""`clbench.compare`: records to a comparison, with its tests, its ranking and what it means in words."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from clbench.errors import RecordError, UserError, suggest
from clbench.records import Results
from clbench.records.apart import apart_line
from clbench.report import learning, sentences
from clbench.report.across import Across, OverallRank, across, contenders_of
from clbench.report.carrying import carrying_lines
from clbench.report.contest import Omnibus, Pair, Rules, judged, ranking, within
from clbench.report.marks import declared_lines
from clbench.report.pool import Pool, Source, pool
from clbench.report.runs import Runs, runs_of
from clbench.report.stated import stated_comparison
from clbench.stats.corrections import CORRECTIONS
from clbench.stats.intervals import MANY, interquartile_interval, interquartile_mean, mean_interval

if TYPE_CHECKING:
    import pandas as pd

    from clbench.host import Plugin

Row = TypeVar("Row")
NAN = float("nan")

SUMMARY_KEYS = (
    *(
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
    ),
    *("difference", "p_adjusted", "effect"),
)
PAIR_KEYS = (
    *("scenario", "a", "b", "n", "test", "statistic", "p", "p_adjusted", "smallest_p", "effect"),
    *("difference", "ci_low", "ci_high", "verdict"),
)
RANK_KEYS = ("strategy", "average_rank", "group")


class Rows(tuple[Row, ...]):
    """Rows of a table; `frame()` is the table in pandas."""

    __slots__ = ()

    def frame(self) -> pd.DataFrame:
        """A column a field."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self])  # type: ignore[call-overload]


@dataclass(frozen=True)
class SummaryRow:
    """One strategy on one scenario. Five fields compare it with the baseline; NaN where there is none."""

    scenario: str
    strategy: str
    n: int
    n_requested: int
    mean: float
    ci_low: float
    ci_high: float
    iqm: float  # from ten runs on
    rank: int  # 1 + the number of strategies that are better
    group: str  # who shares a letter cannot be told apart
    difference: float  # this strategy - baseline
    difference_low: float
    difference_high: float
    p_adjusted: float
    effect: float  # the chance that a run of it is better than one of the baseline
    interval: str  # how the interval was made
    iqm_low: float
    iqm_high: float


@dataclass(frozen=True)
class Overall:
    """The strategies over all scenarios."""

    test: str
    statistic: float
    p: float
    f: float
    f_p: float
    critical_difference: float
    ranks: Rows[OverallRank]
    pairs: Rows[Pair]


@dataclass(frozen=True)
class Comparison:
    """Everything that `clbench compare` shows. `frame()` is the summary; `pairs.frame()` and `overall.ranks.frame()` are the others."""

    metric: str
    unit: str
    higher_is_better: bool
    alpha: float
    correction: str
    unpaired: bool
    rope: float | None
    baseline: str | None
    design: str
    omnibus: tuple[Omnibus, ...]
    summary: Rows[SummaryRow]
    pairs: Rows[Pair]
    overall: Overall | None
    text: tuple[str, ...]
    left_out: tuple[str, ...]
    mixed: tuple[str, ...] = ()
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
    def scenarios(self) -> list[str]:
        """In the suite's order."""
        return list(dict.fromkeys(one.scenario for one in self.runs))

    @property
    def limits(self) -> tuple[float, float] | None:
        """What no value of the metric lies beyond."""
        return self.runs[0].limits if self.runs else None

    def to_json(self) -> dict[str, Any]:
        """Plain data with fixed keys; None stands for what has no value."""
        summary = [_plain(row, SUMMARY_KEYS) for row in self.summary]
        pairs = [_plain(pair, PAIR_KEYS) for pair in self.pairs]
        return {
            "metric": self.metric,
            "alpha": self.alpha,
            "correction": self.correction,
            "design": self.design,
            "omnibus": _plain(self._main_test(), ("test", "statistic", "p")),
            "summary": summary,
            "pairs": pairs,
            "overall": None if self.overall is None else _plain_overall(self.overall),
            "text": list(self.text),
            "left_out": list(self.left_out),
        }

    def _main_test(self) -> Omnibus | None:
        """The test of all strategies: over scenarios where there are several."""
        over = [one for one in self.omnibus if one.scenario is None]
        first = over or self.omnibus
        return first[0] if first else None


def _plain_overall(overall: Overall) -> dict[str, Any]:
    test = _plain(overall, ("test", "statistic", "p", "f", "f_p", "critical_difference"))
    ranks = [_plain(row, RANK_KEYS) for row in overall.ranks]
    pairs = [_plain(pair, PAIR_KEYS[1:]) for pair in overall.pairs]
    return {**test, "ranks": ranks, "pairs": pairs}


def compare(
    results: Source | Sequence[Source],
    *,
    metric: str | None = None,
    baseline: str | None = None,
    alpha: float | None = None,
    correction: str | None = None,
    unpaired: bool | None = None,
    rope: float | None = None,
    force_mixed: bool = False,
    seed: int = 0,
    plugins: Plugin | Iterable[Plugin] = (),
) -> Comparison:
    """Compare the strategies of one record or several (`Results`, or paths).

    What is not given is what the suite says under `compare:`. `rope` is in the metric's unit: 0.01 is one point of accuracy.
    `seed` is that of the bootstrap. `plugins` are files, modules or classes with metrics that are not installed.
    """
    given = {
        "metric": metric,
        "baseline": baseline,
        "alpha": alpha,
        "correction": correction,
        "unpaired": unpaired,
        "rope": rope,
    }
    opened = pool(results, force_mixed=force_mixed, plugins=plugins)
    return compare_pool(opened, given, seed)


def compare_pool(pooled: Pool, given: Mapping[str, Any], seed: int = 0) -> Comparison:
    """`compare` of records that were joined already; what is None is as the suite says."""
    rules, notes = _rules(
        pooled.results, {name: value for name, value in given.items() if value is not None}, seed
    )
    return _compared(pooled, rules, notes)


def _compared(pooled: Pool, rules: Rules, notes: list[str]) -> Comparison:
    results = pooled.results
    every = [runs_of(results, rules.metric, cell) for cell in results.cells]
    runs = [one for one in every if len(one.seed)]
    by_scenario: dict[str, list[Runs]] = defaultdict(list)
    for one in runs:
        by_scenario[one.scenario].append(one)
    tested = {scenario: within(here, rules) for scenario, here in by_scenario.items()}
    omnibus = [test for test, _ in tested.values() if test is not None]
    rejected = {test.scenario: test.p <= rules.alpha for test in omnibus}
    pairs = judged([pair for _, found in tested.values() for pair in found], rejected, rules)
    contenders, left = contenders_of(by_scenario, pairs)
    over = None if contenders is None else across(contenders, rules)
    unit = runs[0].unit if runs else ""
    said = sentences.Said(rules, by_scenario, pairs, omnibus, over, unit, pooled)
    return Comparison(
        metric=rules.metric,
        unit=unit,
        higher_is_better=all(one.sign > 0 for one in runs),
        alpha=rules.alpha,
        correction=rules.correction,
        unpaired=rules.unpaired,
        rope=rules.rope,
        baseline=rules.baseline,
        design=sentences.design(said),
        omnibus=(*omnibus, *([over.omnibus] if over else [])),
        summary=Rows(_summary(by_scenario, pairs, rules)),
        pairs=Rows(pairs),
        overall=_overall(over),
        text=(
            *sentences.text(said),
            *carrying_lines(results),
            *declared_lines(results.cells),
            *_not_learnt(results),
        ),
        left_out=(*notes, *_left_out(every), *left, *_kept_apart(results)),
        mixed=pooled.mixed,
        results=results,
        runs=tuple(runs),
    )


# ---------------------------------------------------------------------- what was asked


def _rules(results: Results, given: Mapping[str, Any], seed: int) -> tuple[Rules, list[str]]:
    """The suite's `compare:`, and what was given in its place; and what of the suite's could not be followed."""
    stated, notes = stated_comparison(results.record.suite_text)
    chosen = stated.model_dump() | dict(given)
    if not 0 < chosen["alpha"] < 1:
        raise UserError(f"alpha is {chosen['alpha']:g}; it must lie between 0 and 1")
    if chosen["correction"] not in CORRECTIONS:
        raise UserError(
            f"unknown correction {chosen['correction']!r}{suggest(chosen['correction'], CORRECTIONS)}"
        )
    if chosen["rope"] is not None and not (0 <= chosen["rope"] < math.inf):
        raise UserError(
            f"the region of practical equivalence is {chosen['rope']:g}; it must be a finite size, 0 or more"
        )
    try:
        chosen["baseline"] = (
            None if chosen["baseline"] is None else _label(results, chosen["baseline"])
        )
    except RecordError as error:
        if "baseline" in given:
            raise
        notes.append(f"the baseline that the suite names is not used: {error}")
        chosen["baseline"] = None
    return Rules(**chosen, seed=seed), notes


def _label(results: Results, name: str) -> str:
    """A baseline's label: one strategy, on however many scenarios."""
    labels = list(dict.fromkeys(cell.label for cell in results.find(name)))
    if len(labels) > 1:
        raise RecordError(
            f"{name!r} names {len(labels)} strategies; choose one as the baseline: {', '.join(labels)}"
        )
    return labels[0]


# ---------------------------------------------------------------------- the tables


def _summary(
    by_scenario: Mapping[str, Sequence[Runs]], pairs: Sequence[Pair], rules: Rules
) -> Iterable[SummaryRow]:
    among: dict[str | None, list[Pair]] = defaultdict(list)
    for pair in pairs:
        among[pair.scenario].append(pair)
    for scenario, here in by_scenario.items():
        against = {
            pair.b if pair.a == rules.baseline else pair.a: pair
            for pair in among[scenario]
            if rules.baseline in (pair.a, pair.b)
        }
        known = {one.strategy: one for one in here}
        for place in ranking(
            list(known), [one.sign * one.mean for one in here], among[scenario], rules.alpha
        ):
            yield _summary_row(
                known[place.strategy], place.rank, place.group, against.get(place.strategy), rules
            )


def _summary_row(runs: Runs, rank: int, group: str, pair: Pair | None, rules: Rules) -> SummaryRow:
    values = runs.finished
    interval = mean_interval(values).cut(runs.limits)
    many = len(values) >= MANY
    middle = interquartile_interval([values], rules.rng()) if many else None
    gain, gain_low, gain_high = _gain(runs.strategy, pair)
    return SummaryRow(
        scenario=runs.scenario,
        strategy=runs.strategy,
        n=len(values),
        n_requested=runs.requested,
        mean=runs.mean,
        ci_low=interval.low,
        ci_high=interval.high,
        iqm=interquartile_mean(values) if many else NAN,
        rank=rank,
        group=group,
        difference=gain,
        difference_low=gain_low,
        difference_high=gain_high,
        p_adjusted=NAN if pair is None else pair.p_adjusted,
        effect=_effect(runs.strategy, pair),
        interval=interval.method,
        iqm_low=middle.low if middle else NAN,
        iqm_high=middle.high if middle else NAN,
    )


def _effect(strategy: str, pair: Pair | None) -> float:
    """How often this strategy is ahead of the other of the pair."""
    if pair is None:
        return NAN
    return 1 - pair.effect if pair.b == strategy else pair.effect


def _gain(strategy: str, pair: Pair | None) -> tuple[float, float, float]:
    """This strategy minus the other of the pair, with the interval of that."""
    if pair is None:
        return NAN, NAN, NAN
    if pair.b == strategy:
        return -pair.difference, -pair.ci_high, -pair.ci_low
    return pair.difference, pair.ci_low, pair.ci_high


def _overall(over: Across | None) -> Overall | None:
    if over is None:
        return None
    test = over.omnibus
    return Overall(
        test.test,
        test.statistic,
        test.p,
        test.f,
        test.f_p,
        over.critical_difference,
        Rows(over.ranks),
        Rows(over.pairs),
    )


def _left_out(every: Sequence[Runs]) -> Iterable[str]:
    for one in every:
        yield from (f"{one.scenario}, {one.strategy}: {note}" for note in one.notes)


def _not_learnt(results: Results) -> Iterable[str]:
    return map(learning.sentence, learning.nothing_learnt(results))


def _kept_apart(results: Results) -> Iterable[str]:
    line = apart_line(results.record)
    return [] if line is None else [line]


def _plain(row: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The keys of a row; None for numbers that are not there, or infinite."""
    values = {key: getattr(row, key) if row is not None else None for key in keys}
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }
