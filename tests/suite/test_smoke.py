"""`--smoke` where a scenario deals its samples out to agents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from clbench import Arrays, Layout, Scenario
from clbench.data import load_arrays
from clbench.host import Host
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.resolving import resolve_protocol
from clbench.suite.smoke import tiny_cells
from tests.suite.conftest import Loader
from tests.suite.texts import with_lines


class Shards(Scenario):
    """Each agent has its own part of every class; as a rule there are more agents than samples in a
    smoke run.
    """

    agents: int = 12

    def check(self, classes: int) -> None:
        if self.agents < 2:
            self.refuse("agents", "at least two")

    def layout(self, arrays: Arrays) -> Layout:
        return Layout(arrays.classes, 1, self.setting, arrays.input_shape, agents=self.agents)


class Crowd(Scenario):
    """The same, where the number of agents is no option."""

    def layout(self, arrays: Arrays) -> Layout:
        assert set(np.unique(arrays.y_train)) == set(range(arrays.classes))
        return Layout(arrays.classes, 1, self.setting, arrays.input_shape, agents=12)


@pytest.mark.parametrize(
    ("kind", "options", "agents"), [(Shards, {"agents": 12}, 2), (Crowd, {}, 12)]
)
def test_smoke_has_samples_for_every_agent(kind: Any, options: dict[str, int], agents: int) -> None:
    real = Host.load()
    host = SimpleNamespace(
        get=lambda what, name: kind if what == "scenario" else real.get(what, name),
        names=real.names,
    )
    scenario = Choice("shards", {"dataset": "digits", **options})
    protocol, _ = resolve_protocol({}, real)
    cell = Cell(scenario, "shards", (), "naive", protocol, (), (0, 1, 2))
    (tiny,) = tiny_cells([cell], cast(Any, host))
    data = tiny.scenario.options["dataset"]["synthetic"]
    assert data["train"] == 10 * 10 * agents
    assert tiny.scenario.options.get("agents", 12) == agents


def test_smoke_draws_no_more_samples_a_task_than_there_are() -> None:
    host = Host.load()
    options = host.get("scenario", "permuted")(dataset="mnist", samples=10_000).options
    protocol, _ = resolve_protocol({}, host)
    cell = Cell(Choice("permuted", options), "permuted", (), "naive", protocol, (), (0, 1))
    (tiny,) = tiny_cells([cell], host)
    made = tiny.scenario.options
    assert made["samples"] == made["dataset"]["synthetic"]["train"]


def test_smoke_shortens_a_scenario_that_has_as_many_tasks_as_there_can_be() -> None:
    host = Host.load()
    options = host.get("scenario", "growing")(dataset="cifar100").options
    assert options["tasks"] is None
    protocol, _ = resolve_protocol({}, host)
    cell = Cell(Choice("growing", options), "growing", (), "naive", protocol, (), (0, 1))
    (tiny,) = tiny_cells([cell], host)
    assert tiny.scenario.options["tasks"] == 3


@pytest.mark.parametrize(("dataset", "validation"), [("cifar100", 0.2), ("digits", 0.5)])
def test_smoke_draws_no_more_samples_of_a_class_than_there_are(
    dataset: str, validation: float
) -> None:
    host = Host.load()
    options = host.get("scenario", "agents")(dataset=dataset, samples_per_class=64).options
    protocol, _ = resolve_protocol({"validation": validation}, host)
    cell = Cell(Choice("agents", options), "agents", (), "naive", protocol, (), (0, 1))
    (tiny,) = tiny_cells([cell], host)
    scenario = host.get("scenario", "agents")(**tiny.scenario.options)
    ((name, wanted),) = scenario.dataset.items()
    arrays = load_arrays(Choice(name, wanted), host, None)
    assert scenario.layout(arrays).agents == 2
    for task in scenario.stream(arrays, 0, 1, validation).tasks:
        assert len(task.train) == 2 * scenario.samples_per_class


def test_smoke_is_the_same_suite_made_small(load: Loader, host: Host) -> None:
    text = with_lines(
        scenarios="scenarios: [split: {dataset: cifar100}]",
        protocol="protocol: {model: convnet, batch_size: 128, epochs: 20}",
        strategies="strategies: [naive, er: {memory: {grid: [5, 6]}, protocol: {steps: 500}}]",
        seeds="seeds: [3, 4, 5]",
    )
    suite = load(text, smoke=True)
    cells = suite.cells
    assert (suite.name, suite.seeds) == ("digits", (3, 4))
    assert [cell.label for cell in cells] == ["naive", "er(memory=5)", "er(memory=6)"]
    assert [
        (cell.protocol["epochs"], cell.protocol["steps"], cell.protocol["batch_size"])
        for cell in cells[:2]
    ] == [
        (1, None, 16),
        (None, 4, 16),
    ]
    assert all(cell.seeds == (3, 4) and "convnet" in cell.protocol["model"] for cell in cells)
    assert cells[0].scenario.options["dataset"] == {
        "synthetic": {"classes": 100, "size": 32, "channels": 3, "train": 200, "test": 200}
    }
    assert cells[0].protocol["optimizer"]["sgd"]["lr"] == pytest.approx(
        0.01
    )  # a tenth of what the suite says


@pytest.mark.parametrize(("model", "width"), [("convnet", 8), ("{convnet: {width: 4}}", 4)])
def test_smoke_narrows_models_that_have_a_width(
    load: Loader, host: Host, model: str, width: int
) -> None:
    suite = load(with_lines(protocol=f"protocol: {{model: {model}}}"), smoke=True)
    assert all(cell.protocol["model"] == {"convnet": {"width": width}} for cell in suite.cells)


@pytest.mark.parametrize(("tasks", "few"), [(5, 2), (2, 2), (1, 1)])
def test_smoke_has_few_tasks(load: Loader, host: Host, tasks: int, few: int) -> None:
    suite = load(
        with_lines(scenarios=f"scenarios: [split: {{dataset: digits, tasks: {tasks}}}]"), smoke=True
    )
    assert {cell.scenario.options["tasks"] for cell in suite.cells} == {few}


def test_smoke_drops_what_becomes_equal(load: Loader, host: Host) -> None:
    suite = load(with_lines(protocol="protocol: {epochs: {grid: [5, 10]}}"), smoke=True)
    assert len(suite.cells) == 2
