"""Networks made of modules, and the one network that they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clbench import hookimpl

from .model import soft_ordering_cnn, soft_ordering_mlp
from .monolithic import Monolithic
from .strategy import Modular


@hookimpl
def clbench_strategies() -> list[type]:
    return [Monolithic, Modular]


@hookimpl
def clbench_models() -> list[Callable[..., Any]]:
    return [soft_ordering_mlp, soft_ordering_cnn]
