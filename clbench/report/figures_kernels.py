"""Kernel by kernel what tasks changed, for strategies that keep count of it.

They log `kernel_change_<layer>`, `[kernels]` a task: the signed mean change of a kernel's weights;
and `top_kernels_<layer>`, 1 for the kernels that are important from then on, else 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import UserError
from clbench.metrics.run import curves_by_layer
from clbench.report.compared import Comparison
from clbench.report.curves import finished
from clbench.report.drawing import COLOURS, headed, panels, run_words
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS = 12
PANEL = 2.2  # inches
GROWS, SHRINKS = COLOURS[:2]
# Sides, of the room that a kernel has.
LARGEST_SIDE = 0.86
LEAST_SIDE = 0.04  # of the largest square: what is too small to be seen is seen all the same
FRAME = 0.96


@dataclass(frozen=True)
class KernelRow:
    """What one run changed in one task: `[kernels]` of every layer by its name."""

    run: str  # which one it is, for readers
    task: int
    changes: Mapping[str, Array]
    top: Mapping[str, Array]


def kernel_squares(comparison: Comparison) -> Figure:
    """A square a kernel: its area is the size of the change in the task, its colour the sign.

    A row is a task, a column a layer, of each strategy's first finished run; frames are top
    kernels.
    """
    rows = list(_rows(comparison))
    if not rows:
        raise UserError("no run says what became of its kernels; `softhebb+kernel_plasticity` does")
    shown = rows[:MAX_ROWS]
    layers = _layers(shown)
    several_runs = len({row.run for row in shown}) > 1
    figure, axes = panels(len(shown) * len(layers), PANEL, PANEL + 0.4, columns=len(layers))
    for ax, (row, layer) in zip(axes, itertools.product(shown, layers), strict=True):
        _panel(ax, row, layer, f"{row.run}\n" if several_runs else "")
    _key(figure, columns=min(3, len(layers)))
    if about := _about(rows, shown, several_runs=several_runs):
        figure.suptitle("\n".join(about))
    return figure


def _layers(rows: Iterable[KernelRow]) -> list[str]:
    """Each once, in the order in which they first come."""
    return list(dict.fromkeys(layer for row in rows for layer in row.changes))


def _about(
    rows: Sequence[KernelRow], shown: Sequence[KernelRow], *, several_runs: bool
) -> list[str]:
    """What stands above all panels: the run where there is one, and that not all is shown."""
    about = [] if several_runs else [shown[0].run]
    if len(rows) > len(shown):
        about.append(f"the first {len(shown)} of {len(rows)} tasks and strategies")
    return about


def _rows(comparison: Comparison) -> Iterator[KernelRow]:
    several = len(comparison.scenarios) > 1
    for cell in comparison.results.cells:
        changes = curves_by_layer(cell.curves, "kernel_change")
        members = finished(cell)
        if not members or not changes:
            continue
        top = curves_by_layer(cell.curves, "top_kernels")
        run = run_words(cell, members[0], several=several)
        tasks = max(values.shape[1] for values in changes.values())
        for task in range(tasks):
            changed = _of_task(changes, members[0], task)
            yield KernelRow(run, task + 1, changed, _of_task(top, members[0], task))


def _of_task(curves: Mapping[str, Array], member: int, task: int) -> dict[str, Array]:
    return {layer: values[member, task] for layer, values in curves.items()}


def _panel(ax: Axes, row: KernelRow, layer: str, heading: str) -> None:
    """The kernels of one layer, in rows of a square as far as they go."""
    ax.set_axis_off()
    changes = row.changes.get(layer, np.full(0, np.nan))
    largest = float(np.nanmax(np.abs(changes), initial=0.0))
    headed(ax, f"{heading}{layer}, task {row.task}: {_size_words(largest)}", PANEL + 0.6)
    if len(changes):
        top = row.top.get(layer, np.zeros(len(changes)))
        _kernels(ax, changes, top, largest)


def _size_words(largest: float) -> str:
    return f"up to {largest:.2g}" if largest > 0 else "no change"


def _kernels(ax: Axes, changes: Array, top: Array, largest: float) -> None:
    """Their squares, in one as large as it must be, and frames around the top ones."""
    across = math.ceil(math.sqrt(len(changes)))
    down = math.ceil(len(changes) / across)
    ax.set(xlim=(-0.6, across - 0.4), ylim=(down - 0.4, -0.6), aspect="equal")
    _squares(ax, across, _sides(changes, largest), facecolors=GROWS, linewidths=0.0)
    _squares(ax, across, _sides(-changes, largest), facecolors=SHRINKS, linewidths=0.0)
    width = min(0.7, 14 / across)  # thinner where kernels are many, and small
    _squares(ax, across, FRAME * top, facecolors="none", edgecolors="black", linewidths=width)


def _sides(changes: Array, largest: float) -> Array:
    """The sides of squares whose areas are shares of the largest; 0 where nothing grew."""
    share = np.nan_to_num(changes).clip(min=0) / (largest or 1.0)
    sides = np.maximum(np.sqrt(share), LEAST_SIDE) * LARGEST_SIDE
    return np.where(share > 0, sides, 0.0)


def _squares(ax: Axes, across: int, sides: Array, **look: Any) -> None:
    """A square for each kernel whose side is above 0, row by row, `across` in a row."""
    from matplotlib.collections import PolyCollection

    kernels = np.flatnonzero(sides > 0)
    centres = np.stack([kernels % across, kernels // across], axis=1)
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    outlines = centres[:, None] + sides[kernels, None, None] * corners
    ax.add_collection(PolyCollection(list(outlines), **look))


def _key(figure: Figure, columns: int) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(color=GROWS, label="sum of weights grew"),
        Patch(color=SHRINKS, label="sum of weights shrank"),
        Patch(facecolor="none", edgecolor="black", label="top kernel from then on"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=columns)
