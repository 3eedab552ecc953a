"""From a data set to streams of tasks (no torch)."""

from __future__ import annotations

from clbench.scenarios.scenario import Scenario
from clbench.scenarios.stream import Layout, LazyTasks, Setting, Stream, TaskSpec, Warp

__all__ = ["Layout", "LazyTasks", "Scenario", "Setting", "Stream", "TaskSpec", "Warp"]
