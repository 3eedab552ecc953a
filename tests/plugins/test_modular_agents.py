"""Modular networks of several agents, whose first tasks may be learnt once for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from clbench import Strategy
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench
from clbench_plugins.modular import Modular, Monolithic
from clbench_plugins.modular.lifelong import Lifelong

DEPTH = 2
MODEL = {"soft_ordering_mlp": {"components": 3, "depth": DEPTH, "width": 8}}


@pytest.fixture
def agents(digits_host: Host) -> Callable[..., Bench]:
    """Three agents of a seed, whose first two tasks are the same."""

    def make(strategy: Any, **options: Any) -> Bench:
        scenario = {"dataset": "digits", "agents": 3, "tasks": 4, "shared_tasks": 2, **options}
        protocol = {"model": MODEL, "head": "multi", "epochs": 2, "batch_size": 64}
        given = {**protocol, "validation": 0.2, "optimizer": {"adam": {"lr": 0.01}}}
        return Bench(strategy, digits_host, Choice("agents", scenario), given)

    return make


def differing(strategy: Strategy) -> set[str]:
    """Names of the parameters in which agents of one seed differ."""
    named = strategy.net.named_parameters()
    seen = {name: strategy.by_agent(value) for name, value in named.items()}
    return {
        name
        for name, value in seen.items()
        if not torch.equal(value[:, :1].expand_as(value), value)
    }


@pytest.mark.parametrize("method", [Modular, Monolithic])
def test_agents_go_on_from_one_network_when_their_first_tasks_are_the_same(
    agents: Any, method: type[Lifelong]
) -> None:
    strategy, loop = agents(method(initial_tasks=2)).start(0, 1)
    tasks = strategy.session.streams.tasks
    loop.task(tasks[0])
    loop.task(tasks[1])
    assert differing(strategy) == set()
    # Two seeds are two networks all the same.
    weight = strategy.net.named_parameters()["body.components.0.0.weight"]
    assert not torch.equal(weight[0], weight[3])
    loop.task(tasks[2])
    assert {f"body.components.{m}.0.weight" for m in range(DEPTH)} <= differing(strategy)


def test_agents_with_first_tasks_of_their_own_keep_what_they_made_of_them(agents: Any) -> None:
    strategy, loop = agents(Modular(initial_tasks=2), shared_tasks=1).start(0)
    for task in strategy.session.streams.tasks[:2]:
        loop.task(task)
    assert "body.components.0.0.weight" in differing(strategy)


def test_a_diverged_first_agent_is_not_what_the_others_go_on_from(agents: Any) -> None:
    strategy, loop = agents(Modular(initial_tasks=2)).start(0)
    tasks = strategy.session.streams.tasks
    loop.task(tasks[0])
    with torch.no_grad():
        strategy.net.named_parameters()["head.weight"][0] = torch.nan
    loop.task(tasks[1])
    assert strategy.session.measurements.diverged_at[0] >= 0
    for value in strategy.net.parameters():
        assert torch.equal(value[1], value[2])
        assert value[1].isfinite().all()
