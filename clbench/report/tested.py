"""A comparison of which all tests are done, before anything is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clbench.report.across import Across
from clbench.report.contest import BY_DESIGN, Omnibus, Pair, Rules, Within
from clbench.report.pool import Pool
from clbench.report.protocols import is_foreign
from clbench.report.runs import Runs


@dataclass(frozen=True)
class Tested:
    """A comparison with all its tests done."""

    pooled: Pool
    rules: Rules
    runs: Sequence[Runs]
    by_scenario: Mapping[str, Sequence[Runs]]
    within: Within
    over: Sequence[Across]  # a question each

    @property
    def is_by_design(self) -> bool:
        """Whether its tests are those that the design asks for."""
        return self.rules.tests == BY_DESIGN

    def pairs_on(self, scenario: str) -> list[Pair]:
        """The pairs of one scenario."""
        return [pair for pair in self.within.pairs if pair.scenario == scenario]

    @property
    def tested_pairs(self) -> list[Pair]:
        """Those of all scenarios that have a p."""
        return [pair for pair in self.within.pairs if pair.is_tested]

    def omnibus_on(self, scenario: str) -> list[Omnibus]:
        """The test of all strategies of one scenario, where there is one."""
        return [one for one in self.within.omnibus if one.scenario == scenario]

    @property
    def most_strategies(self) -> int:
        """On the scenario that has most."""
        return max(map(len, self.by_scenario.values()), default=0)

    @property
    def has_rivals(self) -> bool:
        """Whether there are two strategies on any scenario."""
        return self.most_strategies > 1

    @property
    def unit(self) -> str:
        """That of the metric."""
        return self.runs[0].unit if self.runs else ""

    @property
    def sign(self) -> int:
        """-1 where less is better."""
        return min((one.sign for one in self.runs), default=1)

    @property
    def streams_known(self) -> bool:
        """Whether seeds stand for streams: a suite asked for them, or the cell says what it is."""
        asked_of = self.pooled.asked_of
        return all(
            asked_of.get(cell.key) or not is_foreign(cell) for cell in self.pooled.results.cells
        )

    @property
    def agents_of(self) -> dict[str, int]:
        """By scenario: how many agents each seed has."""
        found = {}
        for scenario, here in self.by_scenario.items():
            found[scenario] = max(one.agents for one in here)
        return found
