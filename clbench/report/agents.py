"""A record with a row for each agent, where tables count a seed once, with the mean of its agents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from clbench.errors import RecordError
from clbench.records import CellRecord, Results
from clbench.records.cell import select


def by_agent(results: Results) -> Results:
    """The same results, each agent's members a cell of their own; a seed is then one run of that agent."""
    record = results.record
    if not any(_agents(cell) for cell in (*record.cells, *record.apart)):
        raise RecordError("no cell of this record has agents: leave --by agent out")
    cells = [part for cell in record.cells for part in _parts(cell)]
    apart = [part for cell in record.apart for part in _parts(cell)]
    return Results(replace(record, cells=cells, apart=apart), results.host)


def _agents(cell: CellRecord) -> list[int]:
    """The agents of a cell that has more than one, or another than agent 0."""
    found = [] if cell.agent is None else np.unique(cell.agent).tolist()
    return [] if found == [0] else found


def _parts(cell: CellRecord) -> Iterable[CellRecord]:
    agents = _agents(cell)
    if not agents:
        yield cell
    for agent in agents:
        assert cell.agent is not None
        part = select(cell, np.flatnonzero(cell.agent == agent))
        yield replace(part, key=f"{cell.key}/{agent}", label=f"{cell.label}, agent {agent}")
