"""`clbench.compare`: records to a comparison, with its tests, its ranking and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clbench.records import Results
from clbench.records.apart import apart_line
from clbench.report import (
    across_by_design,
    across_by_ranks,
    learning,
    within_by_design,
    within_by_ranks,
)
from clbench.report.across import NO_INTERVAL, Across
from clbench.report.asking import rules_of
from clbench.report.carrying import carrying_lines
from clbench.report.choosing import with_choices
from clbench.report.compared import Comparison, Overall, Rows, SummaryRow
from clbench.report.conclusions import conclusions, ranked, tests_made
from clbench.report.configurations import marked_best
from clbench.report.contenders import Contenders, contenders_of
from clbench.report.contest import (
    BASELINE,
    BY_DESIGN,
    EVERY_PAIR,
    RANKS,
    Pair,
    Rules,
    Within,
    with_verdicts,
)
from clbench.report.findings import LeftOutRuns, Omission
from clbench.report.looked import looked_at
from clbench.report.looking import note_files
from clbench.report.marks import declared_lines
from clbench.report.pool import Pool, Source, pool
from clbench.report.ranking import Place
from clbench.report.runs import Runs, by_scenario, runs_of
from clbench.report.sentences import sentence
from clbench.report.tested import Tested
from clbench.stats.intervals import (
    MANY,
    Interval,
    interquartile_interval,
    interquartile_mean,
    mean_interval,
)
from clbench.typing import Array

if TYPE_CHECKING:
    from clbench.host import Plugin

__all__ = ["Comparison", "compare", "compare_pool"]

NAN = float("nan")


def compare(  # noqa: PLR0913 (each is an option)
    results: Source | Sequence[Source],
    *,
    metric: str | None = None,
    baseline: str | None = None,
    alpha: float | None = None,
    tests: str | None = None,
    family: str | None = None,
    correction: str | None = None,
    unpaired: bool | None = None,
    rope: float | None = None,
    choose_on: str | int | Sequence[int] | None = None,
    force_mixed: bool = False,
    seed: int = 0,
    plugins: Plugin | Iterable[Plugin] = (),
) -> Comparison:
    """Compare the strategies of one record or several (`Results`, or paths).

    What is not given is what the suite says under `compare:`. `tests` are those that the design of
    the experiment asks for (`by_design`), or `ranks`, which a `correction` asks for, too. A
    `baseline` that is given here makes the comparisons with it the family (`family="baseline"`);
    `family="pairs"` tests every pair all the same. `rope` is in the metric's unit: 0.01 is one
    point of accuracy. `choose_on` are the seeds on which the best configuration of each grid is
    chosen, as a suite or `--seeds` writes them; all is reported on the others. `seed` is that of
    the bootstrap. `plugins` are files, modules or classes with metrics that are not installed.

    That a file was compared is noted in it.
    """
    given = {
        "metric": metric,
        "baseline": baseline,
        "alpha": alpha,
        "tests": tests,
        "family": family,
        "correction": correction,
        "unpaired": unpaired,
        "rope": rope,
        "choose_on": choose_on,
    }
    opened = pool(results, force_mixed=force_mixed, plugins=plugins)
    comparison = compare_pool(opened, given, seed)
    note_files(comparison, results)
    return comparison


def compare_pool(pooled: Pool, given: Mapping[str, Any], seed: int = 0) -> Comparison:
    """`compare` of records that were joined already; what is None is as the suite says."""
    # An option of the command that was not given is None.
    known = {name: value for name, value in given.items() if value is not None}
    pooled = with_choices(pooled, known)
    rules, not_used = rules_of(pooled.results, known, seed)
    every = _all_runs(pooled, rules.metric)
    tested, not_over_scenarios = _tested(pooled, rules, every)
    omissions = [*pooled.omissions, *not_used, *_left_out_runs(every), *not_over_scenarios]
    return _comparison(tested, omissions)


def _all_runs(pooled: Pool, metric: str) -> list[Runs]:
    """Of every cell, those that lost all of their runs among them."""
    every = []
    for cell in pooled.results.cells:
        asked = pooled.asked_of.get(cell.key, ())
        every.append(runs_of(pooled.results, metric, cell, asked))
    return every


def _tested(pooled: Pool, rules: Rules, every: Sequence[Runs]) -> tuple[Tested, Sequence[Omission]]:
    """All tests done; and who is left out of those over scenarios, and why."""
    runs = [one for one in every if len(one.seed)]
    scenarios = by_scenario(runs)
    # Without a run of the baseline nothing can be set against it.
    if rules.family == BASELINE and all(one.strategy != rules.baseline for one in runs):
        rules = replace(rules, family=EVERY_PAIR)
    rules = replace(rules, looked=looked_at(pooled.results.record, scenarios, rules))
    within = _within(scenarios, rules)
    contenders, left_out = contenders_of(scenarios, within.pairs)
    over = () if contenders is None else _across(contenders, rules)
    return Tested(pooled, rules, runs, scenarios, within, over), left_out


def _within(scenarios: Mapping[str, Sequence[Runs]], rules: Rules) -> Within:
    """The tests within scenarios, and what is decided where somebody looked before."""
    by_design = rules.tests == BY_DESIGN
    tests = within_by_design.within if by_design else within_by_ranks.within
    found = tests(scenarios, rules)
    if rules.looked is None or rules.unpaired:
        return found
    judged = rules.looked.within(found.pairs, scenarios, rules)
    return replace(found, pairs=tuple(with_verdicts(judged, {}, rules)))


def _across(contenders: Contenders, rules: Rules) -> tuple[Across, ...]:
    """The tests over scenarios, a question each."""
    by_design = rules.tests == BY_DESIGN
    tests = across_by_design.across if by_design else across_by_ranks.across
    return tests(contenders, rules)


def _comparison(tested: Tested, omissions: Iterable[Omission]) -> Comparison:
    rules, results = tested.rules, tested.pooled.results
    over = [_overall(one) for one in tested.over]
    omnibus = [one.omnibus for one in tested.over if one.omnibus is not None]
    findings = tuple(conclusions(tested))
    return Comparison(
        metric=rules.metric,
        unit=tested.unit,
        higher_is_better=all(one.sign > 0 for one in tested.runs),
        alpha=rules.alpha,
        tests=rules.tests,
        family=rules.family,
        correction=rules.correction if rules.tests == RANKS else None,
        unpaired=rules.unpaired,
        rope=rules.rope,
        baseline=rules.baseline,
        design=sentence(tests_made(tested)).removesuffix("."),
        omnibus=(*tested.within.omnibus, *omnibus),
        corrections=tested.within.corrections,
        summary=Rows(marked_best(_summary(tested), findings)),
        pairs=Rows(tested.within.pairs),
        overall=over[0] if over else None,
        like_these=over[1] if len(over) > 1 else None,
        text=(*map(sentence, findings), *_words_on(results)),
        left_out=(*map(sentence, omissions), *_kept_apart(results)),
        mixed=tested.pooled.mixed,
        choices=tested.pooled.choices,
        looked=rules.looked,
        findings=findings,
        results=results,
        runs=tuple(tested.runs),
    )


# ---------------------------------------------------------------------- the tables


def _summary(tested: Tested) -> Iterable[SummaryRow]:
    """The strategies of each scenario, best first."""
    rules = tested.rules
    for scenario, here in tested.by_scenario.items():
        pairs = tested.pairs_on(scenario)
        against = _pairs_with(rules.baseline, pairs)
        known = {one.strategy: one for one in here}
        for place in ranked(here, pairs, rules):
            row = _summary_row(known[place.strategy], place, rules)
            pair = against.get(place.strategy)
            yield row if pair is None else _beside_baseline(row, pair)


def _pairs_with(baseline: str | None, pairs: Iterable[Pair]) -> dict[str, Pair]:
    """By strategy, its comparison with the baseline: itself first."""
    against = {}
    for pair in pairs:
        if baseline in (pair.a, pair.b):
            # A pair stands in the order of the suite, whichever of the two is the baseline.
            own = pair if pair.b == baseline else pair.turned()
            against[own.a] = own
    return against


def _summary_row(runs: Runs, place: Place, rules: Rules) -> SummaryRow:
    values = runs.finished
    interval = mean_interval(values, rules.level).cut(runs.limits)
    middle_mean, middle = _middle_half(values, rules)
    return SummaryRow(
        scenario=runs.scenario,
        strategy=runs.strategy,
        n=len(values),
        n_requested=runs.requested,
        mean=runs.mean,
        ci_low=interval.low,
        ci_high=interval.high,
        iqm=middle_mean,
        rank_best=place.rank_best,
        rank_worst=place.rank_worst,
        rank_reason=place.rank_reason,
        group=place.group,
        interval=interval.method,
        iqm_low=middle.low,
        iqm_high=middle.high,
    )


def _middle_half(values: Array, rules: Rules) -> tuple[float, Interval]:
    """Its mean, and the interval of that.

    Of fewer runs the quarters are single runs, and cutting them off says nothing.
    """
    if len(values) < MANY:
        return NAN, NO_INTERVAL
    interval = interquartile_interval([values], rules.rng(), rules.level)
    return interquartile_mean(values), interval


def _beside_baseline(row: SummaryRow, pair: Pair) -> SummaryRow:
    return replace(
        row,
        difference=pair.difference,
        difference_low=pair.ci_low,
        difference_high=pair.ci_high,
        p_adjusted=pair.p_adjusted,
        p_always=pair.p_always,
        effect=pair.effect,
        compared=pair.n,
        won=pair.won,
        lost=pair.lost,
        won_low=pair.won_low,
        won_high=pair.won_high,
    )


def _overall(over: Across) -> Overall:
    """A question over scenarios; where all strategies were not tested, without that test."""
    found = Overall(
        question=over.question,
        test=None,
        statistic=NAN,
        p=NAN,
        f=NAN,
        f_p=NAN,
        critical_difference=over.critical_difference,
        correction=over.correction,
        ranks=Rows(over.ranks),
        pairs=Rows(over.pairs),
    )
    one = over.omnibus
    if one is None:
        return found
    return replace(found, test=one.test, statistic=one.statistic, p=one.p, f=one.f, f_p=one.f_p)


# ---------------------------------------------------------------------- what else is said


def _words_on(results: Results) -> Iterable[str]:
    """What is to be said of the record, whatever the tests found."""
    yield from carrying_lines(results)
    yield from declared_lines(results.cells)
    yield from map(learning.sentence, learning.nothing_learnt(results))


def _left_out_runs(every: Sequence[Runs]) -> Iterable[LeftOutRuns]:
    for one in every:
        for lost in one.left_out:
            yield LeftOutRuns(one.scenario, one.strategy, lost)


def _kept_apart(results: Results) -> Iterable[str]:
    line = apart_line(results.record)
    return [] if line is None else [line]
