"""A small host without torch, and suites from strings."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clbench.errors import SuiteError
from clbench.host import Host
from clbench.suite import Suite, load_suite

PLUGIN = '''
"""Stand-ins whose only interesting part is their options."""

from __future__ import annotations

from typing import Literal

from clbench import Dataset, ProbeMetric, RecordMetric, Scenario, hookimpl
from clbench.options import Configurable

Strategy = type("Strategy", (Configurable,), {"__module__": "clbench.stand_in"})


class Naive(Strategy):
    pass


class ER(Strategy):
    memory: int = 200  # samples in all
    replay_batch: int | None = None


class EWC(Strategy):
    strength: float = 1


class Split(Scenario):
    settings = ("class", "task", "domain")
    tasks: int = 5
    class_order: Literal["fixed", "random"] = "fixed"

    def check(self, classes):
        if classes % self.tasks:
            self.refuse("tasks", f"{classes} classes do not divide into {self.tasks} tasks")


class Digits(Dataset):
    classes = 10
    shape = (8, 8, 1)


class Cifar100(Dataset):
    classes = 100
    shape = (64, 64, 3)


class Synthetic(Dataset):
    classes: int = 10
    size: int = 8
    channels: int = 1
    train: int = 1000
    test: int = 200


class AverageAccuracy(RecordMetric):
    pass


class DormantUnits(RecordMetric):
    rule: Literal["tau", "dead"] = "tau"


class WeightMagnitude(ProbeMetric):
    pass


class ActivationMaps(ProbeMetric):
    summary = "none"


def mlp(input_shape, classes, *, hidden: tuple[int, ...] = (100,), dropout: float = 0.0): ...


def convnet(input_shape, classes, *, width: int = 32): ...


@hookimpl
def clbench_strategies():
    return [Naive, ER, EWC]


@hookimpl
def clbench_metrics():
    return [AverageAccuracy, DormantUnits, WeightMagnitude, ActivationMaps]


@hookimpl
def clbench_scenarios():
    return [Split]


@hookimpl
def clbench_datasets():
    return [Digits, Cifar100, Synthetic]


@hookimpl
def clbench_models():
    return [mlp, convnet]
'''

GOOD = """
name: digits
scenarios:
  - split: {dataset: digits}
seeds: 3
strategies:
  - naive
"""

Loader = Callable[..., Suite]
Complaints = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    path = tmp_path_factory.mktemp("plugin") / "small.py"
    path.write_text(PLUGIN)
    host = Host.load([path], entry_points=False)
    assert host.warnings == []
    return host


@pytest.fixture
def load(host: Host, tmp_path: Path) -> Loader:
    """Load a suite from a text or a mapping; keys given by name replace those of a small sound
    suite.
    """

    def from_text(text: str | None = None, **options: Any) -> Suite:
        path = tmp_path / "suite.yaml"
        path.write_text(textwrap.dedent(text or GOOD).lstrip())
        return load_suite(path, host, **options)

    return from_text


@pytest.fixture
def complaints(load: Loader) -> Complaints:
    """What a wrong suite is told: `line: path` -> message."""

    def told(text: str, **options: Any) -> dict[str, str]:
        with pytest.raises(SuiteError) as caught:
            load(text, **options)
        return {
            f"{problem.line}: {problem.path}": problem.message for problem in caught.value.problems
        }

    return told


@pytest.fixture
def made(host: Host) -> Loader:
    """Load a suite from Python, its keys laid over those of a small sound one."""

    def from_keys(**keys: Any) -> Suite:
        base: dict[str, Any] = {
            "name": "digits",
            "scenarios": [{"split": {"dataset": "digits"}}],
            "seeds": 3,
            "strategies": ["naive"],
        }
        return load_suite({**base, **keys}, host)

    return from_keys
