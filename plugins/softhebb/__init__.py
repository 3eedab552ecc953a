"""SoftHebb: networks whose body learns by a local rule, without labels and without gradients."""

from __future__ import annotations

from typing import Any

from clbench import hookimpl

from .presets import MODELS
from .strategy import SoftHebb


@hookimpl
def clbench_strategies() -> list[type]:
    return [SoftHebb]


@hookimpl
def clbench_models() -> list[Any]:
    return list(MODELS.values())
