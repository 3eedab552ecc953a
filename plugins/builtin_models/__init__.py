"""The built-in models. Each has a `head`, its last linear layer, and `layers()`, which names its hidden units."""

from __future__ import annotations

from typing import Any

from clbench import hookimpl

from .convnet import convnet
from .mlp import mlp


@hookimpl
def clbench_models() -> list[Any]:
    """Offer the models."""
    return [mlp, convnet]
