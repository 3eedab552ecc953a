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
