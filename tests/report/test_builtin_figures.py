"""The figures that come with clbench: which is drawn by which module."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.host import Host
from clbench.report import builtin_figures
from clbench.report.builtin_figures import clbench_figures

DRAWN_BY = {
    "cd": "figures_ranks.critical_difference_diagram",
    "boxes": "figures_boxes.boxes",
    "accuracy": "figures_runs.accuracy_over_tasks",
    "learnt": "figures_runs.learnt_over_tasks",
    "online": "figures_runs.online_over_tasks",
    "forgetting": "figures_runs.forgetting_curves",
    "matrix": "figures_runs.accuracy_matrices",
    "cost": "figures_runs.cost_against_accuracy",
    "kernels": "figures_kernels.kernel_squares",
    "before_after": "figures_before_after.before_after",
    "activation_maps": "figures_maps.activation_maps",
    "agents": "figures_agents.agents_over_tasks",
    "agent_matrix": "figures_agents.agent_matrices",
}


@pytest.mark.parametrize(("name", "function"), DRAWN_BY.items())
def test_a_figure_is_drawn_from_the_comparison(
    monkeypatch: pytest.MonkeyPatch, name: str, function: str
) -> None:
    module, _, attribute = function.partition(".")
    monkeypatch.setattr(getattr(builtin_figures, module), attribute, lambda given: ("drawn", given))
    comparison: Any = object()
    kind = Host.load(only="figure").get("figure", name)
    assert kind().draw(comparison) == ("drawn", comparison)


def test_every_figure_is_in_the_table_above() -> None:
    assert len(clbench_figures()) == len(DRAWN_BY)


def test_who_shows_tests_takes_no_single_agents() -> None:
    by_agents = {kind.__name__: kind.agents for kind in clbench_figures()}
    assert {name for name, agents in by_agents.items() if agents == "never"} == {
        "CriticalDifference"
    }
    together = {name for name, agents in by_agents.items() if agents == "together"}
    assert together == {"Agents", "AgentMatrix"}


def test_each_says_what_it_draws() -> None:
    for kind in clbench_figures():
        assert kind.__doc__
        assert kind.__doc__.endswith(".")
