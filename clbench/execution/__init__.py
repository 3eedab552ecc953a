"""Jobs, the planner, launchers: from a suite to a record on disk."""

from __future__ import annotations

from clbench.execution.api import open_suite, run
from clbench.execution.jobs import Job, JobEvent, Site
from clbench.execution.launcher import Launcher
from clbench.execution.outcome import Outcome
from clbench.execution.running import Options, Run, run_suite

__all__ = [
    "Job",
    "JobEvent",
    "Launcher",
    "Options",
    "Outcome",
    "Run",
    "Site",
    "open_suite",
    "run",
    "run_suite",
]
