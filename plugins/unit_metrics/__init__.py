"""Probes of units, features, weights and gradients.

torch is imported where they measure: who only reads their numbers does not wait for it.
"""

from __future__ import annotations

from clbench import hookimpl

from .calibration import ECE
from .dormant import DormantUnits
from .drift import CKA, FeatureDrift
from .gradients import DeadGradients, GradientInterference
from .kernels import KernelOverlap
from .maps import ActivationMaps
from .ranks import (
    ApproximateRank,
    EffectiveRank,
    NuclearToFrobenius,
    Rank,
    Srank99,
    StableRank,
)
from .sparsity import ActivationSparsity
from .updates import RelativeUpdate
from .weights import BiasStatistics, WeightMagnitude


@hookimpl
def clbench_metrics() -> list[type]:
    return [
        ActivationSparsity,
        DormantUnits,
        WeightMagnitude,
        BiasStatistics,
        *(Rank, EffectiveRank, StableRank, Srank99, NuclearToFrobenius, ApproximateRank),
        *(DeadGradients, RelativeUpdate, GradientInterference),
        *(FeatureDrift, CKA, ECE, KernelOverlap),
        ActivationMaps,
    ]
