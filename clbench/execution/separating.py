"""Seeds are added until strategies are told apart: how far a run goes, look by look.

What is decided is a pure function of what is in the record and of the looks that the suite
declares. So a run that was killed and goes on takes the way that it would have taken.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from clbench.execution.jobs import PlannedCell
from clbench.records import SCHEMA_VERSION, CellRecord, RecordFile, Results
from clbench.records.looks import Look
from clbench.records.metric_facts import labelled
from clbench.records.noting import look_at
from clbench.records.seed_values import SeedValue, values_by_seed
from clbench.stats.looks import UNDECIDED, LookPlan
from clbench.stats.separation import SeparatedPair, Separation, separation
from clbench.suite.adaptive import labelled_so
from clbench.typing import Array

if TYPE_CHECKING:
    from clbench.host import Host
    from clbench.suite import Suite
    from clbench.suite.adaptive import Adaptive

NAMED = 6  # undecided pairs that are named; of more their number says enough


@dataclass(frozen=True)
class Stop:
    """Where a run that adds seeds stopped, and why."""

    seeds: int
    reason: str
    failed: bool = False  # nothing could be decided, by however many seeds

    def __str__(self) -> str:
        return f"stopped at {self.seeds} seeds{self.reason}"


def up_to(planned: Sequence[PlannedCell], seeds: int, tried: int = 0) -> list[PlannedCell]:
    """The cells with so many of their seeds, without those that this run has tried."""
    return [_with_seeds(one, one.cell.seeds[tried:seeds]) for one in planned]


def _with_seeds(planned: PlannedCell, seeds: tuple[int, ...]) -> PlannedCell:
    return replace(planned, cell=replace(planned.cell, seeds=seeds))


class Separator:
    """Asks the statistics, at each look, whether a suite's strategies have been told apart."""

    def __init__(self, suite: Suite, planned: Sequence[PlannedCell], host: Host) -> None:
        assert suite.adaptive is not None
        self.suite, self.planned, self.host = suite, planned, host
        self.rule: Adaptive = suite.adaptive
        self.metric = suite.compare.metric

    @cached_property
    def baseline(self) -> str | None:
        """The label of the strategy that the others are compared with; None where all are.

        Where `--only` leaves it out there is nothing to decide.
        """
        # A name that several strategies have is no baseline to `compare` either.
        return labelled_so(self.rule.baseline, self.suite.cells)

    def look(self, cells: Mapping[str, CellRecord], seeds: int) -> Separation | Stop:
        """What the first so many seeds decide; a `Stop` where no number of them could."""
        results = self._results(cells)
        by_scenario: dict[str, list[_Scored]] = defaultdict(list)
        without_value = []
        for cell in results.cells:
            measured, values = values_by_seed(results, self.metric, cell)
            scored = _Scored.of(cell.label, values, seeds, 1 if measured.higher_is_better else -1)
            by_scenario[cell.scenario].append(scored)
            if values and not len(scored.seed):
                without_value.append((cell, values))
        for cell, values in without_value:
            if len(by_scenario[cell.scenario]) > 1:
                return Stop(seeds, self._no_value(cell, values), failed=True)
        plan = LookPlan(self.rule.looks, self.rule.alpha, self.rule.rope, method=self.rule.method)
        return separation(by_scenario, range(seeds), plan, self.baseline)

    def noted(self, cells: Mapping[str, CellRecord], seeds: int) -> Look:
        """The look for the record, with the rule by which seeds are added."""
        there, rule = self._results(cells).cells, self.rule
        look = look_at(there, self.metric, rule.alpha, rule.method, rule.to_plain())
        seen = {}
        for key, own in look.cells.items():
            seen[key] = tuple(seed for seed in own if seed < seeds)
        return replace(look, cells=seen)

    def _results(self, cells: Mapping[str, CellRecord]) -> Results:
        """What there is of the planned cells, under their labels, to measure the metric in."""
        found = []
        for one in self.planned:
            if one.key in cells:
                found.append(replace(cells[one.key], **one.cell.record_fields()))
        metrics = tuple((metric.label, metric.options) for metric in self.suite.metrics)
        record = RecordFile(
            SCHEMA_VERSION,
            self.suite.name,
            self.suite.text,
            {},
            found,
            metrics,
            metric_facts=labelled((metric.label, metric.name) for metric in self.suite.metrics),
        )
        return Results(record, self.host)

    def _no_value(self, cell: CellRecord, values: Sequence[SeedValue]) -> str:
        reason = next((value.absent for value in values if value.absent), "it was not measured")
        return (
            f": {self.metric} has no value for {cell.label} on {cell.scenario} ({reason}), so no"
            " number of seeds could tell the strategies apart by it; name another metric under"
            " `compare`"
        )


@dataclass(frozen=True)
class _Scored:
    """The runs of a strategy, as `separation` takes them."""

    strategy: str
    seed: Array
    score: Array

    @classmethod
    def of(cls, strategy: str, values: Sequence[SeedValue], seeds: int, sign: int) -> _Scored:
        """Those of the first so many seeds that count; a failed one is below every other."""
        counting = [value for value in values if value.counts and value.seed < seeds]
        scores = [-math.inf if value.ended else sign * value.value for value in counting]
        return cls(
            strategy,
            np.array([value.seed for value in counting], dtype=np.int64),
            np.array(scores, dtype=np.float64),
        )


# ---------------------------------------------------------------------- in words


def stop_of(found: Separation, seeds: int) -> Stop:
    """Why a run goes no further."""
    if not found.pairs:
        return Stop(seeds, ": there are no two strategies to tell apart")
    if found.state == UNDECIDED:
        return Stop(seeds, f", the most there may be; undecided: {_undecided(found.undecided)}")
    return Stop(seeds, _all_decided(len(found.pairs)))


def _all_decided(pairs: int) -> str:
    return ": the pair is decided" if pairs == 1 else f": all {pairs} pairs are decided"


def going_on(found: Separation, seeds: int) -> str:
    """What a look has shown, and how many seeds come next."""
    decided = len(found.pairs) - len(found.undecided)
    pairs = "pair is" if len(found.pairs) == 1 else "pairs are"
    return (
        f"look at {seeds} seeds: {decided} of {len(found.pairs)} {pairs} decided;"
        f" on to {found.next_look} seeds"
    )


def _undecided(pairs: Sequence[SeparatedPair]) -> str:
    """Who is undecided: nobody has shown that they are equal."""
    if len(pairs) > NAMED:
        return f"{len(pairs)} pairs (`clbench compare` names them)"
    several = len({pair.scenario for pair in pairs}) > 1
    return "; ".join(_named(pair, several) for pair in pairs)


def _named(pair: SeparatedPair, several: bool) -> str:
    """Its strategies; and where, with several scenarios."""
    where = f" on {pair.scenario}" if several else ""
    return f"{pair.a} and {pair.b}{where}"
