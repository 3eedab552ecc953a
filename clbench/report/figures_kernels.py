"""Kernel by kernel what tasks changed, for strategies that keep count of it.

They log `kernel_change_<layer>`, `[kernels]` a task: the signed mean change of a kernel's weights;
and `top_kernels_<layer>`, 1 for the kernels that are important from then on, else 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import UserError
from clbench.metrics.run import curves_by_layer
from clbench.records import CellRecord
from clbench.report.compared import Comparison
from clbench.report.drawing import COLOURS, headed, panels
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
    layers = list(dict.fromkeys(layer for row in shown for layer in row.changes))
    several_runs = len({row.run for row in shown}) > 1
    figure, axes = panels(len(shown) * len(layers), PANEL, PANEL + 0.4, columns=len(layers))
    for ax, (row, layer) in zip(axes, itertools.product(shown, layers), strict=True):
        _panel(ax, row, layer, f"{row.run}\n" if several_runs else "")
    _key(figure, columns=min(3, len(layers)))
    about = [] if several_runs else [shown[0].run]
    if len(rows) > MAX_ROWS:
        about.append(f"the first {MAX_ROWS} of {len(rows)} tasks and strategies")
    if about:
        figure.suptitle("\n".join(about))
    return figure


def _rows(comparison: Comparison) -> Iterator[KernelRow]:
    several = len(comparison.scenarios) > 1
    for cell in comparison.results.cells:
        changes = curves_by_layer(cell.curves, "kernel_change")
        member = _first_finished(cell)
        if member is None or not changes:
            continue
        top = curves_by_layer(cell.curves, "top_kernels")
        where = f"{cell.label} on {cell.scenario}" if several else cell.label
        run = f"{where}, seed {int(cell.seed[member])}"
        tasks = max(values.shape[1] for values in changes.values())
        for task in range(tasks):
            changed = _of_task(changes, member, task)
            yield KernelRow(run, task + 1, changed, _of_task(top, member, task))


def _first_finished(cell: CellRecord) -> int | None:
    complete = np.flatnonzero(cell.complete)
    return int(complete[0]) if len(complete) else None


def _of_task(curves: Mapping[str, Array], member: int, task: int) -> dict[str, Array]:
    return {layer: values[member, task] for layer, values in curves.items()}


def _panel(ax: Axes, row: KernelRow, layer: str, heading: str) -> None:
    """The kernels of one layer, in rows of a square as far as they go."""
    ax.set_axis_off()
    changes = row.changes.get(layer, np.full(0, np.nan))
    largest = float(np.nanmax(np.abs(changes), initial=0.0))
    said = f"up to {largest:.2g}" if largest > 0 else "no change"
    headed(ax, f"{heading}{layer}, task {row.task}: {said}", PANEL + 0.6)
    count = len(changes)
    if not count:
        return
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    ax.set(xlim=(-0.6, across - 0.4), ylim=(down - 0.4, -0.6), aspect="equal")
    _squares(ax, across, _sides(changes, largest), facecolors=GROWS, linewidths=0.0)
    _squares(ax, across, _sides(-changes, largest), facecolors=SHRINKS, linewidths=0.0)
    top = FRAME * row.top.get(layer, np.zeros(count))
    width = min(0.7, 14 / across)  # thinner where kernels are many, and small
    _squares(ax, across, top, facecolors="none", edgecolors="black", linewidths=width)


def _sides(changes: Array, largest: float) -> Array:
    """The sides of squares whose areas are shares of the largest; 0 where nothing grew."""
    share = np.nan_to_num(changes).clip(min=0) / (largest or 1.0)
    return np.where(share > 0, np.maximum(np.sqrt(share), LEAST_SIDE) * LARGEST_SIDE, 0.0)


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
