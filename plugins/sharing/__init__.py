"""What agents of a seed share: weights, by averaging, samples, on demand, and modules."""

from __future__ import annotations

from clbench import hookimpl

from .data_sharing import DataSharing
from .fedavg import FedAvg
from .fedprox import FedProx
from .module_sharing import ModuleSharing

__all__ = ["DataSharing", "FedAvg", "FedProx", "ModuleSharing"]


@hookimpl
def clbench_strategies() -> list[type]:
    return [FedAvg, FedProx, DataSharing, ModuleSharing]
