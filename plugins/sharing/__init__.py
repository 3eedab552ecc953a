"""What agents of a seed share: weights, by averaging."""

from __future__ import annotations

from clbench import hookimpl

from .fedavg import FedAvg
from .fedprox import FedProx

__all__ = ["FedAvg", "FedProx"]


@hookimpl
def clbench_strategies() -> list[type]:
    return [FedAvg, FedProx]
