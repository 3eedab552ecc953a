"""SoftHebb: networks whose body learns by a local rule, without labels and without gradients."""

from __future__ import annotations

from typing import Any

from clbench import hookimpl

from .presets import (
    hebbian,
    softhebb_cifar1,
    softhebb_cifar2,
    softhebb_cifar3,
    softhebb_imagenette5,
    softhebb_mnist,
    softhebb_s000,
    softhebb_stl4,
)
from .strategy import SoftHebb


@hookimpl
def clbench_strategies() -> list[type]:
    return [SoftHebb]


@hookimpl
def clbench_models() -> list[Any]:
    return [
        softhebb_mnist,
        softhebb_cifar1,
        softhebb_cifar2,
        softhebb_cifar3,
        softhebb_stl4,
        softhebb_imagenette5,
        softhebb_s000,
        hebbian,
    ]
