"""Each built-in model has a `head`, its last linear layer, and `layers()`, the hidden ones."""

from __future__ import annotations

from typing import Any

from clbench import hookimpl

from .convnet import convnet
from .lenet import lenet
from .mlp import mlp
from .resnet import reduced_resnet18, resnet18


@hookimpl
def clbench_models() -> list[Any]:
    """Offer the models."""
    return [mlp, lenet, convnet, resnet18, reduced_resnet18]
