"""Which results the figures of `clbench show` are drawn from; nothing is drawn here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError, UserError
from clbench.report import figures_shown
from clbench.report.compared import Comparison
from clbench.report.figures_shown import draw_shown


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """What is asked for instead of being drawn: the strategies, and the file's name."""
    found: list[tuple[list[str], str]] = []

    def note(comparison: Comparison, path: Path) -> None:
        found.append(([cell.label for cell in comparison.results.cells], path.name))

    monkeypatch.setattr(figures_shown, "draw", note)
    return found


@pytest.fixture
def results(made) -> Any:
    """Two strategies with two agents each, and one that is kept apart."""
    shape = {"seed": np.array([0, 0, 1, 1]), "agent": np.array([0, 1, 0, 1])}
    cells = made.cells({"a": [0.5] * 4, "b": [0.6] * 4}, **shape)
    found = made.results(*cells)
    found.record.apart.append(made.cell("old", [0.5] * 4, **shape))
    return found


def test_all_strategies_unless_one_is_named(results, asked) -> None:
    draw_shown(results, Path("boxes.svg"), None, by_agent=False)
    draw_shown(results, Path("boxes-b.svg"), "b", by_agent=False)
    assert asked == [(["a", "b"], "boxes.svg"), (["b"], "boxes-b.svg")]


def test_each_agent_for_itself(results, asked) -> None:
    draw_shown(results, Path("accuracy.svg"), "a", by_agent=True)
    assert asked == [(["a, agent 0", "a, agent 1"], "accuracy.svg")]


def test_figures_of_agents_get_them_together(results, asked) -> None:
    for by_agent in (False, True):
        draw_shown(results, Path("agents.svg"), None, by_agent=by_agent)
    assert asked == [(["a", "b"], "agents.svg")] * 2


def test_ranks_of_single_agents_are_refused(results, asked) -> None:
    with pytest.raises(UserError, match=r"cd\.svg: ranks come from tests, .* leave --by agent out"):
        draw_shown(results, Path("cd.svg"), None, by_agent=True)
    assert asked == []


def test_a_strategy_that_nobody_has_is_named(results, asked) -> None:
    with pytest.raises(RecordError, match="'nobody'"):
        draw_shown(results, Path("boxes.svg"), "nobody", by_agent=False)


def test_a_figure_that_nobody_offers_is_named(results, asked) -> None:
    with pytest.raises(UserError, match="its name must begin with what to draw"):
        draw_shown(results, Path("nothing.svg"), None, by_agent=False)
