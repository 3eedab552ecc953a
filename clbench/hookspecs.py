"""Every hook of clbench: the manual for plugin authors.

A plugin is a module (or any object) whose functions are marked with `clbench.hookimpl`. It comes in
through the entry-point group `clbench`, through `--plugin file.py`, or through `plugins:` in a
suite. Implementations may leave out arguments they do not need. A plugin that raises is named and
left out; the others go on. Contributions of two plugins under one name are refused, naming both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from clbench.events import JobFinished, SuiteFinished, SuiteStarted, TaskFinished

GROUP = "clbench"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)

# -------------------------------------------------- contributions: asked once, at start-up


@hookspec
def clbench_strategies() -> list[type]:
    """Strategies: subclasses of `clbench.Strategy` or `clbench.SoloStrategy`. Since 0.1."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_metrics() -> list[type]:
    """Metrics: subclasses of `clbench.RecordMetric` or `clbench.ProbeMetric`. Since 0.1."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_scenarios() -> list[type]:
    """Scenarios: subclasses of `clbench.Scenario`, which turn a data set into streams of tasks.

    Since 0.1.
    """
    raise AssertionError("a specification is never called")


@hookspec
def clbench_datasets() -> list[type]:
    """Data sets: subclasses of `clbench.Dataset`. Since 0.1."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_models() -> list[Any]:
    """Models: callables `(input_shape, classes, *, options...) -> torch.nn.Module`. Since 0.1."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_launchers() -> list[type]:
    """Launchers: subclasses of `clbench.Launcher`, which run jobs somewhere. Since 0.1."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_report_formats() -> list[type]:
    """Formats of `clbench compare`: subclasses of `clbench.ReportFormat`. Since 0.2."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_exports() -> list[type]:
    """Forms of `clbench export`: subclasses of `clbench.ExportFormat`. Since 0.2."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_figures() -> list[type]:
    """Kinds of figures: subclasses of `clbench.FigureKind`. Since 0.2."""
    raise AssertionError("a specification is never called")


@hookspec
def clbench_importers() -> list[type]:
    """Importers: subclasses of `clbench.Importer`, for results of other libraries. Since 0.2."""
    raise AssertionError("a specification is never called")


# -------------------------------------------------- observers: told, never asked; events are frozen


@hookspec
def clbench_suite_started(event: SuiteStarted) -> None:
    """The matrix is planned and about to run. In the process that was started. Since 0.1."""


@hookspec
def clbench_task_finished(event: TaskFinished) -> None:
    """A job finished a task and evaluated. In the process that was started. Since 0.1."""


@hookspec
def clbench_job_finished(event: JobFinished) -> None:
    """A job ended, well or not; its record is on disk.

    In the process that was started. Since 0.1.
    """


@hookspec
def clbench_suite_finished(event: SuiteFinished) -> None:
    """Every job ended and the merged record is on disk.

    In the process that was started. Since 0.1.
    """
