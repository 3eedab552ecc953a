"""Agents in tables, tests, figures and on the page: a seed counts once; each agent can be looked
at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError, UserError
from clbench.records import CellRecord
from clbench.report.agents import by_agent, means_of_agents, without_agent
from clbench.report.figures import figure
from clbench.report.figures_shown import draw_shown
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data

SEEDS, AGENTS = 4, 3
SAID = (
    "a seed counts once, with the mean of its agents ({}): agents of one seed are not independent"
)


def with_agents(made: Any, label: str, scenario: str = "hive", **changes: Any) -> CellRecord:
    """Agent k ends at 0.3 + k / 10 in every seed, give or take the seed's hundredth."""
    agents = np.tile(np.arange(AGENTS), SEEDS)
    seeds = np.repeat(np.arange(SEEDS), AGENTS)
    values = 0.3 + agents / 10 + seeds / 100
    cell: CellRecord = made.cell(
        label, values, scenario, **({"seed": seeds, "agent": agents} | changes)
    )
    return cell


def test_a_comparison_says_that_agents_of_a_seed_are_one_run(made) -> None:
    found = made.compared(with_agents(made, "a"), with_agents(made, "b"))
    assert SAID.format("3") in found.design
    assert SAID.format("3") in found.to_json()["design"]
    assert SAID.format("3") in found.to_json()["text"][0]
    assert "agents" not in made.compared(*made.three()).design
    mixed = [*made.three("alone"), with_agents(made, "good"), with_agents(made, "poor")]
    assert SAID.format("3 on hive") in made.compared(*mixed).design


def test_a_thin_line_for_every_agent_and_a_thick_one_for_their_mean(made) -> None:
    results = made.results(with_agents(made, "a"), with_agents(made, "b"))
    axes = figure(results, "agents").axes
    assert [ax.get_title(loc="left") for ax in axes] == ["a", "b"]
    lines = axes[0].get_lines()
    ends = [round(float(line.get_ydata()[-1]), 6) for line in lines]  # type: ignore[arg-type]
    assert ends == [31.5, 41.5, 51.5, 41.5]
    widths = [line.get_linewidth() for line in lines]
    assert widths[-1] > max(widths[:-1])


def test_a_matrix_of_agents_and_tasks(made) -> None:
    cell = with_agents(made, "a")
    assert cell.accuracy is not None
    cell.accuracy[:, -1, 1] += 0.2
    drawn = figure(made.results(cell), "agent_matrix").axes[0].get_images()[0].get_array()
    assert drawn is not None
    expected = [[31.5, 51.5], [41.5, 61.5], [51.5, 71.5]]
    np.testing.assert_allclose(np.asarray(drawn), expected)


def test_a_seed_with_a_diverged_agent_is_in_no_figure_of_agents(made) -> None:
    status = np.array(["done"] * (SEEDS * AGENTS - 1) + ["diverged"], dtype=object)
    cell = with_agents(made, "a", member_status=status)
    drawn = figure(made.results(cell), "agent_matrix").axes[0].get_images()[0].get_array()
    np.testing.assert_allclose(np.asarray(drawn)[0], [31.0, 31.0])


@pytest.mark.parametrize("kind", ["agents", "agent_matrix"])
def test_without_agents_there_are_none_to_draw(made, kind: str) -> None:
    with pytest.raises(UserError, match="no cell of this record has agents"):
        figure(made.results(*made.three()), kind)


def test_figures_of_what_is_shown_agent_by_agent(made, tmp_path: Path) -> None:
    results = made.results(with_agents(made, "a"), with_agents(made, "b"))
    for kind in ("agents", "agent_matrix", "accuracy", "matrix", "boxes", "before_after"):
        draw_shown(results, tmp_path / f"{kind}.svg", None, by_agent=True)
    assert "a, agent 2" in (tmp_path / "accuracy.svg").read_text()
    draw_shown(results, tmp_path / "accuracy-b.svg", "b", by_agent=True)
    shown = (tmp_path / "accuracy-b.svg").read_text()
    assert ("a, agent 0" in shown, "b, agent 0" in shown) == (False, True)
    draw_shown(results, tmp_path / "accuracy-all.svg", None, by_agent=False)
    assert "agent 0" not in (tmp_path / "accuracy-all.svg").read_text()
    draw_shown(results, tmp_path / "cd.svg", None, by_agent=False)
    with pytest.raises(UserError, match="agents of one seed are not independent"):
        draw_shown(results, tmp_path / "cd.svg", None, by_agent=True)


def test_every_metric_of_an_agent_is_that_of_the_whole_record(made) -> None:
    """Intransigence looks at the run of another strategy: that of the same agent."""
    cells = [with_agents(made, name) for name in ("naive", "joint")]
    for k, cell in enumerate(cells):
        assert cell.accuracy is not None
        cell.accuracy += np.random.default_rng(k).uniform(0, 0.1, cell.accuracy.shape)
        cell.cost["train_seconds"] = np.arange(float(cell.members))
    whole = made.results(*cells)
    split = by_agent(whole)
    compared = 0
    for name in whole.metric_names():
        for part in split.cells:
            (cell,) = [cell for cell in cells if part.key.startswith(f"{cell.key}/")]
            rows = np.flatnonzero(cell.agent == part.agent[0])
            wanted = whole.metric(name, cell).summary[rows]
            np.testing.assert_array_equal(split.metric(name, part).summary, wanted, name)
            compared += int(np.isfinite(wanted).all())
    assert compared > 60
    assert np.isfinite(split.metric("intransigence", split.cells[0]).summary).all()


def test_the_page_says_how_many_agents_a_seed_has_and_which_one_diverged(
    made, tmp_path: Path
) -> None:
    status = np.array(["done"] * (SEEDS * AGENTS - 1) + ["diverged"], dtype=object)
    steps = np.array([-1] * (SEEDS * AGENTS - 1) + [70])
    cell = with_agents(made, "a", member_status=status, diverged_at=steps)
    record = made.save(tmp_path / "hive.h5", cell, made.cell("b", [0.5] * SEEDS, "hive"))
    entries = page_data(leaderboard([record], tmp_path))["sections"][0]["entries"]
    assert [entry["agents"] for entry in entries] == [AGENTS, 1]
    assert entries[0]["ended"] == [["diverged", SEEDS - 1, AGENTS - 1, 70]]


# ---------------------------------------------------------------------- words and parts


@pytest.mark.parametrize(
    ("agents_of", "said"),
    [
        ({}, ""),
        ({"one": 1, "two": 1}, ""),
        ({"hive": 3}, SAID.format("3")),
        ({"hive": 3, "swarm": 5, "alone": 1}, SAID.format("3 on hive, 5 on swarm")),
    ],
)
def test_how_seeds_count(agents_of: dict[str, int], said: str) -> None:
    assert means_of_agents(agents_of) == said


@pytest.mark.parametrize(
    ("label", "strategy"),
    [("er, agent 0", "er"), ("er(a=1, agent 2), agent 12", "er(a=1, agent 2)"), ("er", "er")],
)
def test_a_label_without_its_agent(label: str, strategy: str) -> None:
    assert without_agent(label) == strategy


def test_a_cell_falls_apart_into_its_agents(made) -> None:
    whole = with_agents(made, "a", options={"memory": 2})
    parts = by_agent(made.results(whole)).cells
    assert [part.label for part in parts] == ["a, agent 0", "a, agent 1", "a, agent 2"]
    assert len({part.key for part in parts}) == AGENTS
    for number, part in enumerate(parts):
        assert part.seed.tolist() == list(range(SEEDS))
        assert part.agent.tolist() == [number] * SEEDS
        assert part.options == {"memory": 2}
    assert whole.members == SEEDS * AGENTS


def test_cells_without_agents_stay_whole(made) -> None:
    alone = made.cell("alone", [0.5, 0.6])
    results = made.results(with_agents(made, "a"), alone)
    results.record.apart.append(with_agents(made, "old"))
    found = by_agent(results)
    assert found.cells[-1] is alone
    apart = [cell.label for cell in found.record.apart]
    assert apart == ["old, agent 0", "old, agent 1", "old, agent 2"]


def test_a_single_agent_that_is_not_the_first_is_one(made) -> None:
    cell = made.cell("a", [0.5, 0.6], agent=np.array([2, 2]))
    (part,) = by_agent(made.results(cell)).cells
    assert part.label == "a, agent 2"


def test_without_agents_there_is_nothing_to_tell_apart(made) -> None:
    with pytest.raises(RecordError, match="no cell of this record has agents"):
        by_agent(made.results(*made.three(seeds=2)))
