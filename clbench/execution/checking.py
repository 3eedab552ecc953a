"""What only the data can tell of a suite: looked at before anything trains."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from clbench.errors import DataMissing, StrategyError, UserError
from clbench.execution.inspector import CellInspector
from clbench.memory import is_budget
from clbench.suite.cell import Cell
from clbench.typing import Member

if TYPE_CHECKING:
    from clbench.engine.streams import Streams


def check_against_data(cells: Iterable[Cell], inspector: CellInspector) -> list[str]:
    """Refuse what a run refuses before it trains;
    a line for every scenario whose data is missing.
    """
    here: list[Cell] = []
    missing: dict[str, str] = {}
    for cell in cells:
        label = cell.scenario_label
        if label in missing:
            continue
        try:
            inspector.network(cell)
            here.append(cell)
        except DataMissing:
            # A suite can be checked on a machine that has none of its data.
            missing[label] = f"{label}: its data is not here, and was not looked at"
    check_methods(here, inspector)
    return list(missing.values())


def check_methods(cells: Iterable[Cell], inspector: CellInspector) -> None:
    """Refuse methods that their scenario's layout, or a budget in bytes, makes no sense of."""
    cells = list(cells)
    check_for_agents(cells, inspector)
    check_budgets(cells, inspector)


def check_for_agents(cells: Iterable[Cell], inspector: CellInspector) -> None:
    """Refuse, all at once, methods that share among agents in scenarios that have a single one."""
    from clbench.engine.compose import check_agents

    found = []
    for cell in cells:
        kinds = [inspector.host.get("strategy", part.name) for part in cell.parts]
        try:
            check_agents(kinds, inspector.layout(cell).agents)
        except UserError as error:
            found.append(f"{cell.scenario_label}, {error}")
    if found:
        raise UserError("\n".join(found))


def check_budgets(cells: Iterable[Cell], inspector: CellInspector) -> None:
    """Refuse, all at once, methods whose budget in bytes has no room for what they have to carry.

    Only a method itself knows what it carries, so those with such a budget are set up, for one
    seed.
    """
    rehearsal, found = _Rehearsal(inspector), []
    for cell in filter(_has_budget, cells):
        try:
            rehearsal.set_up(cell)
        except StrategyError as error:
            found.append(f"{cell.scenario_label}, {cell.label}: {error}")
        except Exception:  # a stranger's method; its jobs will say what is wrong with it
            continue
    if found:
        raise UserError("\n".join(found))


def _has_budget(cell: Cell) -> bool:
    return any(is_budget(value) for part in cell.parts for value in part.options.values())


class _Rehearsal:
    """Sets methods up on the CPU; the streams of the last scenario stay for the next method."""

    def __init__(self, inspector: CellInspector) -> None:
        self.inspector = inspector
        self._streams: tuple[str, Streams] | None = None

    def set_up(self, cell: Cell) -> None:
        """Everything up to the first task, for one seed with all its agents."""
        from clbench.engine.runner import learner_over

        learner_over(self._streams_of(cell), cell, host=self.inspector.host, form="auto")

    def _streams_of(self, cell: Cell) -> Streams:
        import torch

        from clbench.engine.runner import streams_of

        wanted = _shown(cell)
        if self._streams is None or self._streams[0] != wanted:
            made = streams_of(
                cell,
                self._members_of_one_seed(cell),
                host=self.inspector.host,
                arrays=self.inspector.arrays(cell),
                device=torch.device("cpu"),
            )
            self._streams = wanted, made
        return self._streams[1]

    def _members_of_one_seed(self, cell: Cell) -> list[Member]:
        agents = self.inspector.layout(cell).agents
        return [(cell.seeds[0], agent) for agent in range(agents)]


def _shown(cell: Cell) -> str:
    """What streams depend on."""
    keys = ("validation", "normalise", "pad", "head")
    protocol = {key: cell.protocol.get(key) for key in keys}
    scenario = [cell.scenario.name, dict(cell.scenario.options)]
    return json.dumps([scenario, protocol, cell.seeds[0]], sort_keys=True, default=str)
