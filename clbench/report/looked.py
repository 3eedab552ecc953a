"""Verdicts where somebody looked before all seeds were there, or a run added seeds by what it saw.

A p as if the number of seeds had been fixed is then too small. Verdicts go by the looks that the
suite declared, where the run followed them; else by p-values that hold however often one looks.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clbench.records import CellRecord, RecordFile
from clbench.records.looks import Look
from clbench.records.provenance import runs_of
from clbench.report.contest import BASELINE, Pair, Rules
from clbench.report.runs import Runs
from clbench.report.score_tables import Tables, of_both, tables_of
from clbench.stats.always_valid import always_valid, always_valid_interval
from clbench.stats.looks import EQUIVALENT, FIRST, OPEN, SECOND, LookPlan
from clbench.stats.paired import differences, signed_ranks
from clbench.stats.questions import always_valid_within
from clbench.stats.separation import separation
from clbench.suite.adaptive import labelled_so
from clbench.typing import Array

Names = tuple[str | None, str, str]  # of a pair: its scenario and the two strategies
# Of a pair whose two strategies a look names in the other order.
TURNED = {FIRST: SECOND, SECOND: FIRST}


@dataclass(frozen=True)
class Looked:
    """How the seeds of a comparison came together."""

    earlier: tuple[tuple[int, str], ...]  # looks at fewer seeds: how many, and the day
    order: tuple[int, ...]  # the seeds, as they were added
    plan: LookPlan | None = None  # the looks that were declared, where they decide
    baseline: str | None = None  # that of the declared looks
    problem: str = ""  # why looks that were declared do not decide here

    def within(
        self, pairs: Sequence[Pair], by_scenario: Mapping[str, Sequence[Runs]], rules: Rules
    ) -> list[Pair]:
        """The pairs of all scenarios with the p however often one looked, and what is decided."""
        tables = tables_of(by_scenario.values())
        rows = self._rows(tables)
        in_order = [table[rows] for table in tables.scores]
        known: dict[Names, float] = {}
        found = always_valid_within(in_order, tables.plan(rules))
        for scenario, p in zip(by_scenario, found, strict=True):
            known |= _by_names(scenario, tables, rules, p)
        scores = dict(zip(by_scenario, tables.scores, strict=True))
        family = sum(pair.is_tested for pair in pairs)
        judged = []
        for pair in pairs:
            one = replace(pair, p_always=_of_pair(known, pair))
            gains = _gains(tables, scores[pair.scenario or ""], pair)
            judged.append(_decided(one, gains, family, rules))
        return self._by_declared_looks(judged, by_scenario)

    def over(self, pairs: Sequence[Pair], tables: Tables, rules: Rules) -> list[Pair]:
        """The same of these scenarios together, whose mean is a seed's value."""
        means = np.mean(tables.scores, axis=0)
        p = always_valid(means[self._rows(tables)], tables.places(rules), rules.alpha).last
        known = _by_names(None, tables, rules, p)
        judged = []
        for pair in pairs:
            one = replace(pair, p_always=_of_pair(known, pair))
            judged.append(_decided(one, _gains(tables, means, pair), len(pairs), rules))
        return judged

    @property
    def declared(self) -> tuple[int, ...]:
        """The looks that were declared, where they decide."""
        return () if self.plan is None else self.plan.looks

    def to_plain(self) -> dict[str, Any]:
        """As `--format json` has it."""
        return {
            "earlier": [{"seeds": seeds, "date": day} for seeds, day in self.earlier],
            "declared": list(self.declared) or None,
            "problem": self.problem or None,
        }

    def _rows(self, tables: Tables) -> Array:
        """The rows of tables in the order in which their seeds were added."""
        order = np.array(self.order)
        there: Array = order[np.isin(order, tables.rows)]
        return np.searchsorted(tables.rows, there)

    def _by_declared_looks(
        self, pairs: Sequence[Pair], by_scenario: Mapping[str, Sequence[Runs]]
    ) -> list[Pair]:
        """What the declared looks decide stands above what is true whenever one looks."""
        if self.plan is None:
            return list(pairs)
        found = separation(by_scenario, sorted(self.order), self.plan, self.baseline)
        decided: dict[Names, str] = {}
        for one in found.pairs:
            decided[one.scenario, one.a, one.b] = one.verdict
            decided[one.scenario, one.b, one.a] = TURNED.get(one.verdict, one.verdict)
        judged = []
        for pair in pairs:
            decision = decided.get(_names(pair), pair.decision)
            judged.append(_with_decision(pair, decision))
        return judged


def looked_at(
    record: RecordFile, by_scenario: Mapping[str, Sequence[Runs]], rules: Rules
) -> Looked | None:
    """How seeds came together; None where nobody looked before they were there."""
    there = _there(record, by_scenario)
    looks = [look for look in record.looks if look.metric == rules.metric]
    earlier = dict(_earlier(looks, there))
    # By whatever metric a run added seeds: the others go along with it.
    ruled = [look for look in record.looks if look.rule and look.cells.keys() & there.keys()]
    if not earlier and not ruled:
        return None
    found = Looked(tuple(sorted(earlier.items())), _order(record, there.values()))
    return _by_rule(found, record, ruled, rules) if ruled else found


def _by_rule(found: Looked, record: RecordFile, ruled: Sequence[Look], rules: Rules) -> Looked:
    """With the looks that were declared, or why they do not decide."""
    plan, name = _plan_of(ruled[-1].rule)
    baseline = labelled_so(name, record.cells)
    problem = _why_not_declared(record.looks, ruled, rules.metric)
    problem = problem or _why_not_for_this(plan, baseline, found.order, rules)
    if problem:
        return replace(found, problem=problem)
    return replace(found, plan=plan, baseline=baseline)


# ---------------------------------------------------------------------- looks


def _there(record: RecordFile, by_scenario: Mapping[str, Sequence[Runs]]) -> dict[str, Runs]:
    """The runs that are compared, by the key of their cell."""
    runs = {}
    for one in itertools.chain.from_iterable(by_scenario.values()):
        runs[one.scenario, one.strategy] = one
    found = {}
    for cell in record.cells:
        if (cell.scenario, cell.label) in runs:
            found[cell.key] = runs[cell.scenario, cell.label]
    return found


@dataclass(frozen=True)
class _Seeds:
    """Those of a cell at an earlier look, and those that it has now."""

    scenario: str
    then: frozenset[int]
    now: frozenset[int]


def _earlier(looks: Iterable[Look], there: Mapping[str, Runs]) -> Iterator[tuple[int, str]]:
    """The looks at which some two had fewer seeds in common than they have now."""
    for look in looks:
        # Most cells have the same seeds, so few pairs of sets are to be compared.
        kinds = Counter(_seeds_at(look, there))
        for one, other in itertools.combinations_with_replacement(kinds, 2):
            is_pair = one != other or kinds[one] > 1
            shared = one.then & other.then
            if is_pair and shared and _has_grown(one, other):
                yield len(shared), look.when[:10]


def _seeds_at(look: Look, there: Mapping[str, Runs]) -> Iterator[_Seeds]:
    """Of every cell of the look that is compared now."""
    for key, seeds in look.cells.items():
        if key in there:
            now = frozenset(there[key].seed.tolist())
            yield _Seeds(there[key].scenario, now.intersection(seeds), now)


def _has_grown(one: _Seeds, other: _Seeds) -> bool:
    """Whether the two have more seeds in common now, on one scenario."""
    more = len(one.now & other.now) > len(one.then & other.then)
    return one.scenario == other.scenario and more


def _order(record: RecordFile, runs: Iterable[Runs]) -> tuple[int, ...]:
    """Their seeds by the day of the first run that measured one of them, and by number."""
    seeds = np.unique(np.concatenate([one.seed for one in runs])).tolist()
    first: dict[int, str] = {}
    for cell in record.cells:
        for date, seed in _dated(record, cell):
            first[seed] = min(first.get(seed, date), date)
    return tuple(sorted(seeds, key=lambda seed: (first.get(seed, ""), seed)))


def _dated(record: RecordFile, cell: CellRecord) -> Iterator[tuple[str, int]]:
    for facts, seeds in runs_of(record, cell):
        for seed in seeds:
            yield str(facts.get("date", "")), seed


# ---------------------------------------------------------------------- looks that were declared


def _plan_of(rule: Mapping[str, Any]) -> tuple[LookPlan | None, str | None]:
    """A rule as the record tells it; None where it makes no sense."""
    try:
        looks = tuple(int(look) for look in rule["looks"])
        rope, baseline = rule["rope"], rule["baseline"]
        plan = LookPlan(
            looks,
            alpha=float(rule["alpha"]),
            rope=None if rope is None else float(rope),
            method=str(rule["method"]),
        )
    except (KeyError, TypeError, ValueError):
        return None, None
    return plan, None if baseline is None else str(baseline)


def _why_not_declared(looks: Sequence[Look], ruled: Sequence[Look], metric: str) -> str:
    """Why looks that a run went by were no plan that was made beforehand."""
    if any(look.rule != ruled[0].rule for look in ruled):
        return "they were declared anew after a look"
    before = looks[: looks.index(ruled[0])]
    if any(look.metric == metric for look in before):
        return "somebody had compared the strategies before they were declared"
    return ""


def _why_not_for_this(
    plan: LookPlan | None, baseline: str | None, order: Sequence[int], rules: Rules
) -> str:
    """Why declared looks do not decide this comparison."""
    if plan is None:
        return "what the record says of them is damaged"
    if (plan.alpha, plan.rope) != (rules.alpha, rules.rope):
        return "they were declared for another alpha or rope"
    if baseline != (rules.baseline if rules.family == BASELINE else None):
        return "they were declared for other pairs"
    if sorted(order) != list(range(len(order))):
        return "other seeds are compared"
    return ""


# ---------------------------------------------------------------------- one pair


def _of_pair(known: Mapping[Names, float], pair: Pair) -> float:
    """The p of a pair, whichever of the two comes first."""
    turned = known.get((pair.scenario, pair.b, pair.a), 1.0)
    return known.get(_names(pair), turned)


def _names(pair: Pair) -> Names:
    return pair.scenario, pair.a, pair.b


def _by_names(scenario: str | None, tables: Tables, rules: Rules, p: Array) -> dict[Names, float]:
    """The p of the pairs that are asked for."""
    found: dict[Names, float] = {}
    for (first, second), one in zip(tables.places(rules), p.tolist(), strict=True):
        found[scenario, tables.names[first], tables.names[second]] = one
    return found


def _gains(tables: Tables, table: Array, pair: Pair) -> Array:
    """How far a is ahead at each seed that both have."""
    place = tables.names.index
    return differences(*of_both(table, place(pair.a), place(pair.b)))


def _decided(pair: Pair, gains: Array, family: int, rules: Rules) -> Pair:
    """What is true of a pair whenever somebody looks."""
    if not pair.is_tested:
        return pair
    if _is_small(gains, rules.alpha / max(family, 1), rules.rope):
        return _with_decision(pair, EQUIVALENT)
    ahead = float(signed_ranks(gains).sum())
    if pair.p_always <= rules.alpha and ahead:
        return _with_decision(pair, FIRST if ahead > 0 else SECOND)
    return _with_decision(pair, OPEN)


def _is_small(gains: Array, alpha: float, rope: float | None) -> bool:
    """Whether the interval that holds at all sizes is within the region; not where runs failed."""
    if rope is None or not np.isfinite(gains).all():
        return False
    interval = always_valid_interval(gains, alpha)
    return -rope < interval.low and interval.high < rope


def _with_decision(pair: Pair, decision: str) -> Pair:
    better = {FIRST: 1, SECOND: -1}.get(decision, pair.better)
    return replace(pair, decision=decision, better=better)
