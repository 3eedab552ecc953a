"""Agents of a seed: tables and tests count the seed once, with their mean.

`by_agent` makes a row for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from clbench.errors import RecordError
from clbench.records import CellRecord, Results
from clbench.records.cell import select

AGENT = ", agent "  # between a strategy's label and the agent


def means_of_agents(agents_of: Mapping[str, int]) -> str:
    """How seeds count, by the agents of a seed on each scenario; empty where none has agents."""
    several = {scenario: count for scenario, count in agents_of.items() if count > 1}
    if not several:
        return ""
    counts = [f"{count} on {scenario}" for scenario, count in several.items()]
    if len(agents_of) == 1:
        counts = [str(count) for count in several.values()]
    return (
        f"a seed counts once, with the mean of its agents ({', '.join(counts)}):"
        " agents of one seed are not independent"
    )


def without_agent(label: str) -> str:
    """The strategy's label, of one that `by_agent` made."""
    return label.rpartition(AGENT)[0] or label


def by_agent(results: Results) -> Results:
    """The same results, each agent's members a cell of their own.

    A seed is then one run of that agent.
    """
    record = results.record
    if not any(map(_agents, (*record.cells, *record.apart))):
        raise RecordError("no cell of this record has agents: leave --by agent out")
    parted = replace(record, cells=_parted(record.cells), apart=_parted(record.apart))
    return Results(parted, results.host)


def _parted(cells: Iterable[CellRecord]) -> list[CellRecord]:
    return [part for cell in cells for part in _parts(cell)]


def _agents(cell: CellRecord) -> list[int]:
    """The agents of a cell that has more than one, or another than agent 0."""
    found = np.unique(cell.agent).tolist()
    return [] if found == [0] else found


def _parts(cell: CellRecord) -> Iterable[CellRecord]:
    agents = _agents(cell)
    if not agents:
        yield cell
    for agent in agents:
        yield _part(cell, agent)


def _part(cell: CellRecord, agent: int) -> CellRecord:
    """The members of one agent, under a key and a label of their own."""
    part = select(cell, np.flatnonzero(cell.agent == agent))
    return replace(part, key=f"{cell.key}/{agent}", label=f"{cell.label}{AGENT}{agent}")
