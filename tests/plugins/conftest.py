from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench


@pytest.fixture(scope="session")
def digits_host() -> Host:
    """The real host."""
    return Host.load()


@pytest.fixture
def on_digits(digits_host: Host) -> Callable[..., Bench]:
    """A strategy on the digits, split to two classes a task or permuted; keywords are the
    protocol's.
    """

    def make(
        strategy: Any,
        *,
        tasks: int = 5,
        setting: str = "class",
        metrics: Any = (),
        scenario: str = "split",
        **protocol: Any,
    ) -> Bench:
        options: dict[str, Any] = {"dataset": "digits", "tasks": tasks}
        if scenario == "split":
            options |= {"classes_per_task": 2, "setting": setting, "class_order": "random"}
        standard = {
            "model": {"mlp": {"hidden": [32]}},
            "batch_size": 16,
            "optimizer": {"sgd": {"lr": 0.1}},
        }
        return Bench(
            strategy, digits_host, Choice(scenario, options), {**standard, **protocol}, metrics
        )

    return make
