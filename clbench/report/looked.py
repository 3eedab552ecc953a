"""Verdicts where somebody looked before all seeds were there, or a run added them by what they
showed.

A p as if the number of seeds had been fixed is then too small. Verdicts go by the looks that the
suite declared, where the run followed them; else by p-values that hold however often one looks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clbench.records import CellRecord, RecordFile
from clbench.records.looks import Look
from clbench.records.provenance import runs_of
from clbench.report.contest import BASELINE, Pair, Rules
from clbench.report.runs import Runs
from clbench.report.score_tables import Tables, tables_of
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
        plan = tables.plan(rules)
        known: dict[Names, float] = {}
        found = always_valid_within([table[rows] for table in tables.scores], plan)
        for scenario, p in zip(by_scenario, found, strict=True):
            for place, (first, second) in enumerate(plan.pairs(len(tables.names))):
                known[scenario, tables.names[first], tables.names[second]] = float(p[place])
        scores = dict(zip(by_scenario, tables.scores, strict=True))
        family = sum(pair.is_tested for pair in pairs)
        judged = []
        for pair in pairs:
            one = replace(pair, p_always=_of_pair(known, pair))
            table = scores[pair.scenario or ""]
            judged.append(_decided(one, _gains(tables, table, pair), family, rules))
        return self._by_declared_looks(judged, by_scenario)

    def over(self, pairs: Sequence[Pair], tables: Tables, rules: Rules) -> list[Pair]:
        """The same of these scenarios together, whose mean is a seed's value."""
        means = np.mean(tables.scores, axis=0)
        places = tables.plan(rules).pairs(len(tables.names))
        p = always_valid(means[self._rows(tables)], places, rules.alpha).last
        known: dict[Names, float] = {}
        for (first, second), one in zip(places, p.tolist(), strict=True):
            known[None, tables.names[first], tables.names[second]] = one
        judged = []
        for pair in pairs:
            valid = replace(pair, p_always=_of_pair(known, pair))
            judged.append(_decided(valid, _gains(tables, means, pair), len(pairs), rules))
        return judged

    def to_plain(self) -> dict[str, Any]:
        """As `--format json` has it."""
        return {
            "earlier": [{"seeds": seeds, "date": day} for seeds, day in self.earlier],
            "declared": None if self.plan is None else list(self.plan.looks),
            "problem": self.problem or None,
        }

    def _rows(self, tables: Tables) -> Array:
        """The rows of tables in the order in which their seeds were added."""
        place = {seed: row for row, seed in enumerate(tables.rows.tolist())}
        return np.array([place[seed] for seed in self.order if seed in place])

    def _by_declared_looks(
        self, pairs: Sequence[Pair], by_scenario: Mapping[str, Sequence[Runs]]
    ) -> list[Pair]:
        """What the declared looks decide stands above what is true whenever one looks."""
        if self.plan is None:
            return list(pairs)
        seeds = sorted(self.order)
        decided = {}
        for one in separation(by_scenario, seeds, self.plan, self.baseline).pairs:
            decided[one.scenario, one.a, one.b] = one.verdict
            decided[one.scenario, one.b, one.a] = TURNED.get(one.verdict, one.verdict)
        judged = []
        for pair in pairs:
            decision = decided.get((pair.scenario or "", pair.a, pair.b), pair.decision)
            judged.append(_with_decision(pair, decision))
        return judged


def looked_at(
    record: RecordFile, by_scenario: Mapping[str, Sequence[Runs]], rules: Rules
) -> Looked | None:
    """How seeds came together; None where nobody looked before they were there."""
    looks = [look for look in record.looks if look.metric == rules.metric]
    there = _there(record, by_scenario)
    earlier = dict(_earlier(looks, there))
    # By whatever metric a run added seeds: the others go along with it.
    ruled = [look for look in record.looks if look.rule and set(look.cells) & set(there)]
    if not earlier and not ruled:
        return None
    seeds = {seed for runs in there.values() for seed in runs.seed.tolist()}
    order = _order(record, seeds)
    found = Looked(tuple(sorted(earlier.items())), order)
    if not ruled:
        return found
    plan, name = _plan_of(ruled[-1].rule)
    baseline = labelled_so(name, record.cells)
    problem = _why_not_declared(record.looks, ruled, rules.metric)
    problem = problem or _why_not_for_this(plan, baseline, order, rules)
    if problem:
        return replace(found, problem=problem)
    return replace(found, plan=plan, baseline=baseline)


# ---------------------------------------------------------------------- looks


def _there(record: RecordFile, by_scenario: Mapping[str, Sequence[Runs]]) -> dict[str, Runs]:
    """The runs that are compared, by the key of their cell."""
    runs = {(one.scenario, one.strategy): one for here in by_scenario.values() for one in here}
    found = {}
    for cell in record.cells:
        if (cell.scenario, cell.label) in runs:
            found[cell.key] = runs[cell.scenario, cell.label]
    return found


def _earlier(looks: Iterable[Look], there: Mapping[str, Runs]) -> Iterator[tuple[int, str]]:
    """The looks at which some two had fewer seeds in common than they have now."""
    now = {key: frozenset(runs.seed.tolist()) for key, runs in there.items()}
    for look in looks:
        then = {key: frozenset(seeds) & now[key] for key, seeds in look.cells.items() if key in now}
        # Most cells have the same seeds, so few pairs of sets are to be compared.
        kinds: dict[tuple[str, frozenset[int], frozenset[int]], int] = {}
        for key, seeds in then.items():
            kind = (there[key].scenario, seeds, now[key])
            kinds[kind] = kinds.get(kind, 0) + 1
        for one, other in itertools.combinations_with_replacement(kinds, 2):
            if one[0] != other[0] or (one == other and kinds[one] < 2):
                continue
            shared = one[1] & other[1]
            if shared and len(shared) < len(one[2] & other[2]):
                yield len(shared), look.when[:10]


def _order(record: RecordFile, seeds: Iterable[int]) -> tuple[int, ...]:
    """Seeds by the day of the first run that measured one of them, and by number."""
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
    return known.get((pair.scenario, pair.a, pair.b), turned)


def _gains(tables: Tables, table: Array, pair: Pair) -> Array:
    """How far a is ahead at each seed that both have."""
    runs = table[:, [tables.names.index(pair.a), tables.names.index(pair.b)]]
    runs = runs[~np.isnan(runs).any(axis=1)]
    return differences(runs[:, 0], runs[:, 1])


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
