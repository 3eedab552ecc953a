"""What agents of a seed share: weights, by averaging, and samples, on demand."""

from __future__ import annotations

from clbench import hookimpl

from .data_sharing import DataSharing
from .fedavg import FedAvg
from .fedprox import FedProx

__all__ = ["DataSharing", "FedAvg", "FedProx"]


@hookimpl
def clbench_strategies() -> list[type]:
    return [FedAvg, FedProx, DataSharing]
