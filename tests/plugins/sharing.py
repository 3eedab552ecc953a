"""Agents on the digits, for tests of what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from clbench import Strategy
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

Array = np.ndarray[Any, Any]
TINY = {
    "model": {"mlp": {"hidden": [6]}},
    "batch_size": 16,
    "optimizer": {"sgd": {"lr": 0.1}},
}


def agents_on_digits(
    strategy: Any, *, agents: int = 4, scenario: Mapping[str, Any] | None = None, **protocol: Any
) -> Bench:
    """A strategy with agents that have two tasks of two classes each, of 20 samples a class."""
    options = {
        "dataset": "digits",
        "agents": agents,
        "tasks": 2,
        "samples_per_class": 20,
        **(scenario or {}),
    }
    return Bench(strategy, Host.load(), Choice("agents", options), {**TINY, **protocol})


def started(strategy: Any, *seeds: int, **given: Any) -> Any:
    """The strategy, set up, at the beginning of its first task."""
    running, _ = agents_on_digits(strategy, **given).start(*(seeds or (0,)))
    running.session.task = running.session.streams.tasks[0]
    running.begin_task(running.session.task)
    return running


def scatter(running: Strategy, draw: Callable[[tuple[int, ...]], Array] | None = None) -> None:
    """Give every member weights of its own."""
    draw = draw or np.random.default_rng(0).standard_normal
    with torch.no_grad():
        for value in running.net.parameters():
            value.copy_(torch.from_numpy(draw(tuple(value.shape))))


def weights(running: Strategy) -> Array:
    """`[R, numbers]`, in float64: each member's shared parameters in a row."""
    named = running.net.named_parameters()
    rows = [named[name].detach().flatten(1) for name in running.shared()]
    return torch.cat(rows, dim=1).double().numpy()


def mixing(graph: Array, samples: Array | None = None) -> Array:
    """`[agents, agents]`: the matrix of a round, each agent's weights of what it hears and of
    itself.
    """
    counted = np.ones(len(graph)) if samples is None else samples
    shares = (graph | np.eye(len(graph), dtype=bool)) * counted
    return shares / shares.sum(1, keepdims=True)
