"""Metrics that follow from accuracies: R_ij is the accuracy on task j after task i, T tasks, row 0
the untrained network.

Where the literature uses one word for several formulas, the name says which one is meant. A metric
that needs an accuracy nobody measured has no value, and says which one is missing.
"""

from __future__ import annotations

from clbench import hookimpl

from .accuracy import (
    AverageAccuracy,
    AverageIncrementalAccuracy,
    FinalAccuracy,
    FirstTaskAccuracy,
    LastTaskAccuracy,
    LearningAccuracy,
    OnlineAccuracy,
    PlasticitySlope,
    RecencyBias,
    RelativeAccuracy,
    TrainAccuracy,
    WorstAccuracy,
)
from .current import CurrentAccuracy
from .gap import MinAccuracy, WorstCaseAccuracy
from .heads import HeadChoiceAccuracy
from .hive import Catastrophic, HiveAuc, HiveBackward, HiveForward
from .plasticity import LearningCurveArea, PlasticityLoss
from .transfer import (
    BackwardTransfer,
    Forgetting,
    ForgettingColumn,
    ForgettingDiagonal,
    ForwardTransfer,
    Intransigence,
    OneStepBackwardTransfer,
    WindowedForgetting,
    ZeroShotAccuracy,
)


@hookimpl
def clbench_metrics() -> list[type]:
    return [
        AverageAccuracy,
        FinalAccuracy,
        FirstTaskAccuracy,
        LastTaskAccuracy,
        AverageIncrementalAccuracy,
        LearningAccuracy,
        WorstAccuracy,
        RelativeAccuracy,
        OnlineAccuracy,
        TrainAccuracy,
        CurrentAccuracy,
        PlasticitySlope,
        RecencyBias,
        HeadChoiceAccuracy,
        PlasticityLoss,
        LearningCurveArea,
        ForwardTransfer,
        BackwardTransfer,
        Forgetting,
        ForgettingDiagonal,
        ForgettingColumn,
        WindowedForgetting,
        OneStepBackwardTransfer,
        Intransigence,
        ZeroShotAccuracy,
        MinAccuracy,
        WorstCaseAccuracy,
        Catastrophic,
        HiveForward,
        HiveBackward,
        HiveAuc,
    ]
