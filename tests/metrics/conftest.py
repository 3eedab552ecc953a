from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from clbench.engine.evaluate import evaluating
from clbench.engine.probe import Probe
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

Look = Callable[..., Probe]


@pytest.fixture(scope="session")
def host() -> Host:
    """The real host."""
    return Host.load()


@pytest.fixture
def make_bench(host: Host) -> Callable[..., Bench]:
    """A strategy on two digits a task; further keywords are the protocol's."""

    def make(
        strategy: Any = "naive",
        *,
        metrics: Any = (),
        setting: str = "class",
        dataset: Any = "digits",
        tasks: int = 3,
        **protocol: Any,
    ) -> Bench:
        kind = host.get("strategy", strategy) if isinstance(strategy, str) else strategy
        stream = {"dataset": dataset, "tasks": tasks, "classes_per_task": 2, "setting": setting}
        standard = {
            "model": {"mlp": {"hidden": [13, 11]}},
            "epochs": 1,
            "batch_size": 16,
            "optimizer": {"sgd": {"lr": 0.1}},
        }
        return Bench(
            kind,
            host,
            Choice("split", {**stream, "class_order": "random"}),
            {**standard, **protocol},
            metrics,
        )

    return make


@pytest.fixture
def look() -> Iterator[Look]:
    """What a probe metric sees after so many tasks of a bench, of two members."""
    with ExitStack() as open_until_then:

        def seen(bench: Bench, trained: int = 1) -> Probe:
            strategy, loop = bench.start(3, 5)
            loop.untrained()
            for task in loop.streams.tasks[:trained]:
                loop.task(task)
            open_until_then.enter_context(evaluating(strategy.session.learner))
            task = loop.streams.tasks[max(trained - 1, 0)]
            batch = next(iter(task.batches("train", 100, 100)))
            net = strategy.shown_net() if strategy.session.net is not None else strategy.net
            return Probe(net, strategy, task, batch.x, batch.y, "test")

        yield seen
