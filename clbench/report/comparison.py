"""`clbench.compare`: records to a comparison, with its tests, its ranking and what it found."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.errors import RecordError, UserError, suggest
from clbench.records import Results
from clbench.records.apart import apart_line
from clbench.report import learning
from clbench.report.across import Across, across, contenders_of
from clbench.report.carrying import carrying_lines
from clbench.report.choosing import with_choices
from clbench.report.compared import Comparison, Overall, Rows, SummaryRow
from clbench.report.conclusions import Tested, chosen_tests, conclusions
from clbench.report.configurations import marked_best
from clbench.report.contest import Pair, Place, Rules, ranking, with_verdicts, within
from clbench.report.findings import BestConfiguration, LeftOutRuns, Omission, StatedNotUsed
from clbench.report.looking import note_files
from clbench.report.marks import declared_lines
from clbench.report.pool import Pool, Source, pool
from clbench.report.runs import Runs, runs_of
from clbench.report.sentences import design, sentence
from clbench.report.stated import stated_comparison
from clbench.stats.corrections import CORRECTIONS
from clbench.stats.intervals import MANY, interquartile_interval, interquartile_mean, mean_interval

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
    correction: str | None = None,
    unpaired: bool | None = None,
    rope: float | None = None,
    choose_on: str | int | Sequence[int] | None = None,
    force_mixed: bool = False,
    seed: int = 0,
    plugins: Plugin | Iterable[Plugin] = (),
) -> Comparison:
    """Compare the strategies of one record or several (`Results`, or paths).

    What is not given is what the suite says under `compare:`. `rope` is in the metric's unit: 0.01
    is one point of accuracy. `choose_on` are the seeds on which the best configuration of each grid
    is chosen, as a suite or `--seeds` writes them; all is reported on the others. `seed` is that of
    the bootstrap. `plugins` are files, modules or classes with metrics that are not installed.

    That a file was compared is noted in it.
    """
    given = {
        "metric": metric,
        "baseline": baseline,
        "alpha": alpha,
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
    rules, not_used = _rules(pooled.results, known, seed)
    every = []
    for cell in pooled.results.cells:
        asked = pooled.asked_of.get(cell.key, ())
        every.append(runs_of(pooled.results, rules.metric, cell, asked))
    tested, not_over_scenarios = _tested(pooled, rules, every)
    omissions = [*pooled.omissions, *not_used, *_left_out_runs(every), *not_over_scenarios]
    return _comparison(tested, omissions)


def _tested(pooled: Pool, rules: Rules, every: Sequence[Runs]) -> tuple[Tested, Sequence[Omission]]:
    """All tests done; and who is left out of those over scenarios, and why."""
    runs = [one for one in every if len(one.seed)]
    by_scenario: dict[str, list[Runs]] = defaultdict(list)
    for one in runs:
        by_scenario[one.scenario].append(one)
    omnibus = []
    found: list[Pair] = []
    for here in by_scenario.values():
        test, pairs_here = within(here, rules)
        found += pairs_here
        if test is not None:
            omnibus.append(test)
    # Pairs are tested whatever the omnibus test says; their verdicts mention it.
    rejected = {test.scenario: test.p <= rules.alpha for test in omnibus}
    pairs = with_verdicts(found, rejected, rules)
    contenders, left_out = contenders_of(by_scenario, pairs)
    over = None if contenders is None else across(contenders, rules)
    return Tested(pooled, rules, runs, by_scenario, pairs, omnibus, over), left_out


def _comparison(tested: Tested, omissions: Iterable[Omission]) -> Comparison:
    rules, over, results = tested.rules, tested.over, tested.pooled.results
    findings = tuple(conclusions(tested))
    best = [one for one in findings if isinstance(one, BestConfiguration)]
    return Comparison(
        metric=rules.metric,
        unit=tested.unit,
        higher_is_better=all(one.sign > 0 for one in tested.runs),
        alpha=rules.alpha,
        correction=rules.correction,
        unpaired=rules.unpaired,
        rope=rules.rope,
        baseline=rules.baseline,
        design=design(chosen_tests(tested)),
        omnibus=(*tested.omnibus, *([over.omnibus] if over else [])),
        summary=Rows(marked_best(_summary(tested), best)),
        pairs=Rows(tested.pairs),
        overall=_overall(over),
        text=(*map(sentence, findings), *_words_on(results)),
        left_out=(*map(sentence, omissions), *_kept_apart(results)),
        mixed=tested.pooled.mixed,
        choices=tested.pooled.choices,
        findings=findings,
        results=results,
        runs=tuple(tested.runs),
    )


# ---------------------------------------------------------------------- what was asked


def _rules(
    results: Results, given: Mapping[str, Any], seed: int
) -> tuple[Rules, list[StatedNotUsed]]:
    """The suite's `compare:`, and what was given in its place.

    And what of the suite's could not be followed.
    """
    stated, not_used = stated_comparison(results.record.suite_text)
    chosen = stated.model_dump() | dict(given)
    chosen.pop("choose_on", None)  # `with_choices` did so
    _check(chosen)
    if chosen["baseline"] is not None:
        try:
            chosen["baseline"] = _label(results, chosen["baseline"])
        except RecordError as error:
            # Who asks for it now wants to know; a suite may have been cut down since.
            if "baseline" in given:
                raise
            not_used.append(StatedNotUsed("the baseline that the suite names", str(error)))
            chosen["baseline"] = None
    return Rules(**chosen, seed=seed), not_used


def _check(chosen: Mapping[str, Any]) -> None:
    alpha, correction, rope = chosen["alpha"], chosen["correction"], chosen["rope"]
    if not 0 < alpha < 1:
        raise UserError(f"alpha is {alpha:g}; it must lie between 0 and 1")
    if correction not in CORRECTIONS:
        raise UserError(f"unknown correction {correction!r}{suggest(correction, CORRECTIONS)}")
    if rope is not None and not (0 <= rope < math.inf):
        raise UserError(
            f"the region of practical equivalence is {rope:g}; it must be a finite size, 0 or more"
        )


def _label(results: Results, name: str) -> str:
    """A baseline's label: one strategy, on however many scenarios."""
    labels = list(dict.fromkeys(cell.label for cell in results.find(name)))
    if len(labels) > 1:
        raise RecordError(
            f"{name!r} names {len(labels)} strategies;"
            f" choose one as the baseline: {', '.join(labels)}"
        )
    return labels[0]


# ---------------------------------------------------------------------- the tables


def _summary(tested: Tested) -> Iterable[SummaryRow]:
    """The strategies of each scenario, best first."""
    rules = tested.rules
    for scenario, here in tested.by_scenario.items():
        pairs = [pair for pair in tested.pairs if pair.scenario == scenario]
        against = _pairs_with(rules.baseline, pairs)
        known = {one.strategy: one for one in here}
        order = [one.sign * one.mean for one in here]
        for place in ranking(list(known), order, pairs, rules.alpha):
            name = place.strategy
            yield _summary_row(known[name], place, against.get(name, NO_PAIR), rules)


@dataclass(frozen=True)
class _AgainstBaseline:
    """A strategy beside the baseline; NaN where there is none."""

    difference: float = NAN
    low: float = NAN
    high: float = NAN
    p_adjusted: float = NAN
    effect: float = NAN


NO_PAIR = _AgainstBaseline()


def _pairs_with(baseline: str | None, pairs: Iterable[Pair]) -> dict[str, _AgainstBaseline]:
    """By strategy, itself minus the baseline."""
    against = {}
    for pair in pairs:
        if baseline not in (pair.a, pair.b):
            continue
        # A pair stands in the order of the suite, whichever of the two is the baseline.
        own = pair if pair.b == baseline else pair.turned()
        against[own.a] = _AgainstBaseline(
            own.difference, own.ci_low, own.ci_high, own.p_adjusted, own.effect
        )
    return against


def _summary_row(runs: Runs, place: Place, against: _AgainstBaseline, rules: Rules) -> SummaryRow:
    values = runs.finished
    interval = mean_interval(values).cut(runs.limits)
    # Of fewer runs the quarters are single runs, and cutting them off says nothing.
    has_iqm = len(values) >= MANY
    middle = interquartile_interval([values], rules.rng()) if has_iqm else None
    return SummaryRow(
        scenario=runs.scenario,
        strategy=runs.strategy,
        n=len(values),
        n_requested=runs.requested,
        mean=runs.mean,
        ci_low=interval.low,
        ci_high=interval.high,
        iqm=interquartile_mean(values) if has_iqm else NAN,
        rank=place.rank,
        group=place.group,
        difference=against.difference,
        difference_low=against.low,
        difference_high=against.high,
        p_adjusted=against.p_adjusted,
        effect=against.effect,
        interval=interval.method,
        iqm_low=middle.low if middle else NAN,
        iqm_high=middle.high if middle else NAN,
    )


def _overall(over: Across | None) -> Overall | None:
    if over is None:
        return None
    test = over.omnibus
    return Overall(
        test=test.test,
        statistic=test.statistic,
        p=test.p,
        f=test.f,
        f_p=test.f_p,
        critical_difference=over.critical_difference,
        ranks=Rows(over.ranks),
        pairs=Rows(over.pairs),
    )


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
