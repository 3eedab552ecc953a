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
    said = ", ".join(f"{count} on {scenario}" for scenario, count in several.items())
    if len(agents_of) == 1:
        (said,) = map(str, several.values())
    return (
        f"a seed counts once, with the mean of its agents ({said}):"
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
    if not any(_agents(cell) for cell in (*record.cells, *record.apart)):
        raise RecordError("no cell of this record has agents: leave --by agent out")
    cells = [part for cell in record.cells for part in _parts(cell)]
    apart = [part for cell in record.apart for part in _parts(cell)]
    return Results(replace(record, cells=cells, apart=apart), results.host)


def _agents(cell: CellRecord) -> list[int]:
    """The agents of a cell that has more than one, or another than agent 0."""
    found = np.unique(cell.agent).tolist()
    return [] if found == [0] else found


def _parts(cell: CellRecord) -> Iterable[CellRecord]:
    agents = _agents(cell)
    if not agents:
        yield cell
    for agent in agents:
        part = select(cell, np.flatnonzero(cell.agent == agent))
        yield replace(part, key=f"{cell.key}/{agent}", label=f"{cell.label}{AGENT}{agent}")
