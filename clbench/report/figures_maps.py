"""Maps that the metric `activation_maps` kept: what kernels respond to in chosen images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import UserError
from clbench.records import CellRecord
from clbench.report.compared import Comparison
from clbench.report.curves import finished
from clbench.report.drawing import headed, panels, run_words
from clbench.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METRIC = "activation_maps"
MAX_PANELS = 12
TILE = 0.42  # inches
GAP = 0.12  # of a tile, between tiles


@dataclass(frozen=True)
class Maps:
    """What a run gave at one time: `planes [images, 1 + channels, rows, columns]`, image first."""

    heading: str
    planes: Array
    images: tuple[Any, ...]  # their numbers
    channels: tuple[Any, ...]


def activation_maps(comparison: Comparison) -> Figure:
    """A row an image, with its activation maps beside it, of each strategy's first finished run.

    A panel is a time of measuring. A channel's maps share a scale within a panel, from its lowest
    value to its highest.
    """
    found = list(_found(comparison))
    if not found:
        raise UserError(
            "no run has activation maps;"
            " add the metric activation_maps to the suite and run it again"
        )
    shown = found[:MAX_PANELS]
    rows, columns = _largest(shown)
    width = TILE * columns + 0.5
    figure, axes = panels(len(shown), width, TILE * rows + 0.8)
    for ax, maps in zip(axes, shown, strict=True):
        headed(ax, maps.heading, width - 0.6)
        _tiles(ax, maps)
    if len(found) > len(shown):
        figure.suptitle(f"the first {len(shown)} of {len(found)} tasks and strategies")
    return figure


def _largest(shown: Sequence[Maps]) -> tuple[int, int]:
    """The most rows and the most columns of tiles."""
    rows = max(maps.planes.shape[0] for maps in shown)
    columns = max(maps.planes.shape[1] for maps in shown)
    return rows, columns


def _found(comparison: Comparison) -> Iterator[Maps]:
    results = comparison.results
    several = len(comparison.scenarios) > 1
    for cell in results.cells:
        members = finished(cell)
        if not members:
            continue
        run = run_words(cell, members[0], several=several)
        for label, values in cell.metrics.items():
            if results.metric_called(label, cell) == METRIC:
                yield from _of_run(cell, label, values[members[0]], run)


def _of_run(cell: CellRecord, label: str, values: Array, run: str) -> Iterator[Maps]:
    """`values [times, images, 1 + channels, rows, columns]`.

    One time may go without its dimension.
    """
    if values.ndim == 4:
        values = values[None]
    if values.ndim != 5 or not np.isfinite(values).any():
        return
    options = _options(cell, label)
    _, count, planes_each = values.shape[:3]
    images = _numbers(options.get("images"), count)
    channels = _numbers(options.get("channels"), planes_each - 1)
    for number, planes in enumerate(values, start=1):
        after = f"after task {number}" if len(values) == cell.tasks else "at the end"
        yield Maps(f"{run}\n{_layer(options)}, {after}", planes, images, channels)


def _layer(options: Mapping[str, Any]) -> str:
    layer = str(options.get("layer", "last"))
    return f"{layer} layer" if layer == "last" else layer


def _options(cell: CellRecord, label: str) -> Mapping[str, Any]:
    how = cell.probes.get(label)
    options = how.get("options") if isinstance(how, Mapping) else None
    return options if isinstance(options, Mapping) else {}


def _numbers(chosen: Any, count: int) -> tuple[int, ...]:
    """Those that were chosen by their numbers, or the first so many."""
    if not isinstance(chosen, list | tuple) or len(chosen) != count:
        return tuple(range(count))
    return tuple(chosen)


def _tiles(ax: Axes, maps: Maps) -> None:
    """The images grey, each by itself; the maps in colour, each channel by itself."""
    rows, columns = maps.planes.shape[:2]
    for row in range(rows):
        image = maps.planes[row, 0]
        _tile(ax, (row, 0), image, _range(image), "gray")
    for column in range(1, columns):
        # One scale for a channel, so that images can be compared by what they excite.
        scale = _range(maps.planes[:, column])
        for row in range(rows):
            _tile(ax, (row, column), maps.planes[row, column], scale, "cividis")
    ax.set(xlim=(-GAP, columns), ylim=(rows, -GAP), aspect="equal")
    _name_tiles(ax, maps)


def _name_tiles(ax: Axes, maps: Maps) -> None:
    """The numbers of images and channels beside and below."""
    rows, columns = maps.planes.shape[:2]
    half = (1 - GAP) / 2
    channels, images = list(map(str, maps.channels)), list(map(str, maps.images))
    ax.set_xticks(np.arange(columns) + half, ["", *channels], fontsize=7)
    ax.set_yticks(np.arange(rows) + half, images, fontsize=7)
    ax.set_xlabel("channel", fontsize=8)
    ax.set_ylabel("image", fontsize=8)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _tile(
    ax: Axes, where: tuple[int, int], plane: Array, scale: tuple[float, float], colours: str
) -> None:
    """One picture in this row and column, its colours from one end of the scale to the other."""
    row, column = where
    low, high = scale
    extent = (column, column + 1 - GAP, row + 1 - GAP, row)
    ax.imshow(plane, cmap=colours, vmin=low, vmax=high, extent=extent, interpolation="nearest")


def _range(scale: Array) -> tuple[float, float]:
    known = scale[np.isfinite(scale)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return low, high if high > low else low + 1.0
