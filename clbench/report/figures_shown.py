"""The figures of `clbench show`: of a record, or of one of its strategies, whole or by agent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clbench.errors import UserError
from clbench.records import Results
from clbench.report.agents import by_agent as split_by_agent
from clbench.report.comparison import compare
from clbench.report.figures import draw, kind_of


def draw_shown(results: Results, path: Path, strategy: str | None, *, by_agent: bool) -> None:
    """Draw what is shown: all strategies or one, and with `by_agent` each agent for itself."""
    kind = kind_of(path, results.host)
    if by_agent and kind.agents == "never":
        raise UserError(
            f"{path}: ranks come from tests, and agents of one seed are not independent;"
            " leave --by agent out"
        )
    if strategy is not None:
        results = _only(results, strategy)
    if by_agent and kind.agents == "apart":
        results = split_by_agent(results)
    draw(compare(results), path)


def _only(results: Results, strategy: str) -> Results:
    cells = results.find(strategy)
    return Results(replace(results.record, cells=cells, apart=[]), results.host)
