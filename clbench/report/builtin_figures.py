"""The figures that come with clbench, offered as a plugin offers its own.

`clbench describe NAME` prints what each of them says of itself here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.hookspecs import hookimpl
from clbench.report import (
    figures_agents,
    figures_before_after,
    figures_boxes,
    figures_kernels,
    figures_maps,
    figures_ranks,
    figures_runs,
)
from clbench.report.compared import Comparison
from clbench.report.extensions import FigureKind

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class CriticalDifference(FigureKind):
    """Average ranks on a line; bars join strategies that cannot be told apart."""

    name = "cd"
    agents = "never"

    def draw(self, comparison: Comparison) -> Figure:
        return figures_ranks.critical_difference_diagram(comparison)


class Boxes(FigureKind):
    """Every finished run as a point over its strategy's box."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_boxes.boxes(comparison)


class Accuracy(FigureKind):
    """The mean accuracy on the tasks so far, after each task."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_runs.accuracy_over_tasks(comparison)


class Learnt(FigureKind):
    """The accuracy on each task when it was learnt: what a loss of plasticity lowers."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_runs.learnt_over_tasks(comparison)


class Online(FigureKind):
    """The accuracy on each task's training batches before the update with them."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_runs.online_over_tasks(comparison)


class Forgetting(FigureKind):
    """The accuracy on a task so many tasks after it was learnt."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_runs.forgetting_curves(comparison)


class Matrix(FigureKind):
    """The mean accuracy matrix of every strategy."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_runs.accuracy_matrices(comparison)


class Cost(FigureKind):
    """What a strategy costs in seconds of training against what it reaches."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_runs.cost_against_accuracy(comparison)


class Kernels(FigureKind):
    """What became of each kernel in each task."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_kernels.kernel_squares(comparison)


class BeforeAfter(FigureKind):
    """Boxes of accuracy on tasks when they were learnt, and after all of them."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_before_after.before_after(comparison)


class ActivationMaps(FigureKind):
    """The activation maps of chosen images."""

    def draw(self, comparison: Comparison) -> Figure:
        return figures_maps.activation_maps(comparison)


class Agents(FigureKind):
    """Each agent's accuracy over the stream, beside that of the others of its seed."""

    agents = "together"

    def draw(self, comparison: Comparison) -> Figure:
        return figures_agents.agents_over_tasks(comparison)


class AgentMatrix(FigureKind):
    """Each agent's accuracy on each of its tasks, after all of them."""

    agents = "together"

    def draw(self, comparison: Comparison) -> Figure:
        return figures_agents.agent_matrices(comparison)


@hookimpl
def clbench_figures() -> list[type]:
    """What comes with clbench."""
    return [
        CriticalDifference,
        Boxes,
        Accuracy,
        Learnt,
        Online,
        Forgetting,
        Matrix,
        Cost,
        Kernels,
        BeforeAfter,
        ActivationMaps,
        Agents,
        AgentMatrix,
    ]
