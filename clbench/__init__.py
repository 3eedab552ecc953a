"""clbench: benchmarks for continual learning.

Everything a user or a plugin author needs is a name of this module; whatever lies deeper may
change. Names are imported when they are first used, so `import clbench` stays light: no torch, no
pandas.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# A member's bits may not depend on where in memory its rows begin. MKL's kernels round differently
# by alignment unless this is set before its first call; measured on small batches, it costs
# nothing.
os.environ.setdefault("MKL_CBWR", "AUTO")

if TYPE_CHECKING:
    from clbench import errors, events, randomness
    from clbench.data import Arrays, Dataset
    from clbench.data.class_arrays import read_class_arrays
    from clbench.data.named import find_dataset, load_arrays
    from clbench.engine.balanced_buffer import ClassBalancedBuffer
    from clbench.engine.buffer import Buffer, sample_bytes
    from clbench.engine.quota_buffer import TaskQuotaBuffer
    from clbench.engine.reservoir import Reservoir
    from clbench.engine.solo import SoloStrategy
    from clbench.engine.stack_view import sample_cross_entropy
    from clbench.engine.strategy import Strategy
    from clbench.engine.task import Batch, Phase, Samples, Task
    from clbench.execution import Job, JobEvent, Launcher, Site, run
    from clbench.hookspecs import hookimpl
    from clbench.importing import ImportedRun, Importer
    from clbench.memory import Memory
    from clbench.metrics import Probe, ProbeMetric, RecordMetric, RunView, Undefined
    from clbench.models.crelu import CReLU
    from clbench.models.layer import Layer
    from clbench.models.wired import Wired
    from clbench.records import load
    from clbench.records.exporting import ExportFormat
    from clbench.report.comparison import compare
    from clbench.report.extensions import FigureKind, ReportFormat
    from clbench.report.figures import figure
    from clbench.scenarios import Layout, LazyTasks, Scenario, Stream, TaskSpec, Warp
    from clbench.stack import Stack, Stateful
    from clbench.stack.members import beside, per_member, side_by_side, split_like
    from clbench.stack.optim import SGD, Adam, AdamW, Optimizer
    from clbench.stack.per_example import absolute_gradients, squared_gradients, weight_gradient
    from clbench.stack.restart import expect_restarts, layers_to_restart, restart_units

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Arrays",
    "Batch",
    "Buffer",
    "CReLU",
    "ClassBalancedBuffer",
    "Dataset",
    "ExportFormat",
    "FigureKind",
    "ImportedRun",
    "Importer",
    "Job",
    "JobEvent",
    "Launcher",
    "Layer",
    "Layout",
    "LazyTasks",
    "Memory",
    "Optimizer",
    "Phase",
    "Probe",
    "ProbeMetric",
    "RecordMetric",
    "ReportFormat",
    "Reservoir",
    "RunView",
    "Samples",
    "Scenario",
    "Site",
    "SoloStrategy",
    "Stack",
    "Stateful",
    "Strategy",
    "Stream",
    "Task",
    "TaskQuotaBuffer",
    "TaskSpec",
    "Undefined",
    "Warp",
    "Wired",
    "absolute_gradients",
    "beside",
    "compare",
    "errors",
    "events",
    "expect_restarts",
    "figure",
    "find_dataset",
    "hookimpl",
    "layers_to_restart",
    "load",
    "load_arrays",
    "per_member",
    "randomness",
    "read_class_arrays",
    "restart_units",
    "run",
    "sample_bytes",
    "sample_cross_entropy",
    "side_by_side",
    "split_like",
    "squared_gradients",
    "weight_gradient",
]

_MODULES = {
    "clbench": ["errors", "events", "randomness"],
    "clbench.data": ["Arrays", "Dataset"],
    "clbench.data.class_arrays": ["read_class_arrays"],
    "clbench.data.named": ["find_dataset", "load_arrays"],
    "clbench.engine.balanced_buffer": ["ClassBalancedBuffer"],
    "clbench.engine.buffer": ["Buffer", "sample_bytes"],
    "clbench.engine.quota_buffer": ["TaskQuotaBuffer"],
    "clbench.engine.reservoir": ["Reservoir"],
    "clbench.engine.solo": ["SoloStrategy"],
    "clbench.engine.stack_view": ["sample_cross_entropy"],
    "clbench.engine.strategy": ["Strategy"],
    "clbench.engine.task": ["Batch", "Phase", "Samples", "Task"],
    "clbench.execution": ["Job", "JobEvent", "Launcher", "Site", "run"],
    "clbench.hookspecs": ["hookimpl"],
    "clbench.importing": ["ImportedRun", "Importer"],
    "clbench.memory": ["Memory"],
    "clbench.metrics": ["Probe", "ProbeMetric", "RecordMetric", "RunView", "Undefined"],
    "clbench.models.crelu": ["CReLU"],
    "clbench.models.layer": ["Layer"],
    "clbench.models.wired": ["Wired"],
    "clbench.records": ["load"],
    "clbench.records.exporting": ["ExportFormat"],
    "clbench.report.comparison": ["compare"],
    "clbench.report.extensions": ["FigureKind", "ReportFormat"],
    "clbench.report.figures": ["figure"],
    "clbench.scenarios": ["Layout", "LazyTasks", "Scenario", "Stream", "TaskSpec", "Warp"],
    "clbench.stack": ["Stack", "Stateful"],
    "clbench.stack.members": ["beside", "per_member", "side_by_side", "split_like"],
    "clbench.stack.per_example": [
        "absolute_gradients",
        "squared_gradients",
        "weight_gradient",
    ],
    "clbench.stack.optim": ["SGD", "Adam", "AdamW", "Optimizer"],
    "clbench.stack.restart": ["expect_restarts", "layers_to_restart", "restart_units"],
}
# What people call themselves: an error of theirs is a sentence, not a walk through clbench.
_CALLED = ("compare", "figure", "load", "run")
# The other way round: the module of each public name.
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'clbench' has no attribute {name!r}")
    home = _HOME[name]
    # Submodules themselves (`errors`) are names of this package, too.
    value: Any = (
        importlib.import_module(f"clbench.{name}")
        if home == __name__
        else getattr(importlib.import_module(home), name)
    )
    if name in _CALLED:
        from clbench.errors import without_traceback

        value = without_traceback(value)
    # Kept, so that `__getattr__` is asked once a name.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
