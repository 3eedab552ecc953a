"""Configurations of one method on one scenario: the cells of a grid, and the best of them.

The best of many looks better than it is where it is chosen by the numbers that are reported for it
(`clbench.stats.selection`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clbench.records import CellRecord
from clbench.report.compared import SummaryRow
from clbench.report.findings import BestConfiguration, BestConfigurations, Finding
from clbench.report.runs import Runs
from clbench.stats.evidence import table_at
from clbench.stats.selection import selection_optimism
from clbench.typing import Array

# `er(memory=200)`, where two suites have it `er(memory=200) [suite]`; of an imported record
# `er[lr=0.1]`. A bracket after a blank is part of somebody's own label.
LABEL = re.compile(r"(?P<name>.*?\S)[(\[](?P<options>[^()\[\]=]+=.*?)[)\]](?P<suite> \[.+\])?")


@dataclass(frozen=True)
class Configurations:
    """The cells of one method, of one suite, that differ in their options alone."""

    scenario: str
    name: str  # what their labels share: `er`
    suite: str  # and what tells suites apart: ` [suite]`, or nothing
    cells: tuple[CellRecord, ...]

    @property
    def names(self) -> list[tuple[str, str]]:
        """The scenario and the label of each."""
        return [(self.scenario, cell.label) for cell in self.cells]

    def label(self, what: str) -> str:
        """A label for one of them that is called by what it is: `er (tuned)`."""
        return f"{self.name} ({what}){self.suite}"


def configurations(cells: Iterable[CellRecord]) -> list[Configurations]:
    """Those of which there are several; bounds are nobody's choice."""
    groups: dict[tuple[str, str, str, str], list[CellRecord]] = defaultdict(list)
    for cell in cells:
        found = LABEL.fullmatch(cell.label)
        if found is not None and not cell.is_bound:
            suite = found["suite"] or ""
            groups[cell.scenario, cell.strategy, found["name"], suite].append(cell)
    return [
        Configurations(scenario, name, suite, tuple(group))
        for (scenario, _, name, suite), group in groups.items()
        if len(group) > 1
    ]


def scores_by_seed(runs: Sequence[Runs]) -> tuple[Array, Array]:
    """The seeds that any of them has, and their scores `[seeds, m]`, NaN where there is no run."""
    seeds = [one.seed for one in runs]
    scores = [one.score for one in runs]
    rows = np.unique(np.concatenate(seeds))
    return rows, table_at(rows, seeds, scores)


# ---------------------------------------------------------------------- the best of them


def best_configurations(
    cells: Iterable[CellRecord], runs: Sequence[Runs]
) -> Iterable[BestConfigurations]:
    """By scenario the best of each method's, and by how much its mean is too good."""
    by_scenario: dict[str, list[BestConfiguration]] = defaultdict(list)
    for best in _best_of_each(cells, runs):
        by_scenario[best.scenario].append(best)
    return [BestConfigurations(scenario, tuple(each)) for scenario, each in by_scenario.items()]


def _best_of_each(cells: Iterable[CellRecord], runs: Sequence[Runs]) -> Iterable[BestConfiguration]:
    by_name = {(one.scenario, one.strategy): one for one in runs}
    for grid in configurations(cells):
        here = [by_name[name] for name in grid.names if name in by_name]
        if len(here) > 1:
            yield _best(here)


def _best(runs: Sequence[Runs]) -> BestConfiguration:
    best = min(runs, key=_badness)
    _, table = scores_by_seed(runs)
    return BestConfiguration(
        scenario=best.scenario,
        strategy=best.strategy,
        count=len(runs),
        optimism=selection_optimism(table),
        unit=best.unit,
    )


def _badness(runs: Runs) -> tuple[int, float]:
    """By how a reader would choose: who fails least, then by the mean."""
    mean = runs.sign * runs.mean
    return int(runs.failed.sum()), np.inf if np.isnan(mean) else -mean


def marked_best(rows: Iterable[SummaryRow], findings: Iterable[Finding]) -> Iterable[SummaryRow]:
    """The rows, those of the best with how many there are, and their optimism."""
    known = _found_best(findings)
    for row in rows:
        best = known.get((row.scenario, row.strategy))
        if best is None:
            yield row
        else:
            yield replace(row, best_of=best.count, optimism=best.optimism)


def _found_best(findings: Iterable[Finding]) -> dict[tuple[str, str], BestConfiguration]:
    """By scenario and strategy."""
    known: dict[tuple[str, str], BestConfiguration] = {}
    for found in findings:
        if isinstance(found, BestConfigurations):
            known |= {(one.scenario, one.strategy): one for one in found.each}
    return known
