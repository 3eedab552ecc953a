"""Methods with something wrong in them, and the checks that find it."""

from __future__ import annotations

from typing import Any

import pytest

from clbench import Strategy
from clbench.host import Host
from clbench.testing import StrategyConformance
from clbench.testing.bench import Bench


def naive(**members: Any) -> type[Strategy]:
    """Fine-tuning with something wrong in it."""
    return type("Planted", (Strategy,), {"__doc__": "Planted.", "__module__": __name__, **members})


def kit(strategy: Any) -> tuple[StrategyConformance, Bench]:
    """The checks, and the strategy on their small streams."""
    checks = StrategyConformance()
    return checks, checks._bench(strategy)


def fails(match: str) -> Any:
    """The check has to fail with this sentence."""
    return pytest.raises((AssertionError, Exception), match=match)


def mlp(input_shape: Any, classes: int) -> Any:
    """A sound model, whose layers can be described wrongly."""
    return Host.load().get("model", "mlp")(input_shape, classes, hidden=(12,))
