"""Activation maps as they are drawn, from planes made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import UserError
from clbench.report.figures import check, draw, figure

PLANES = np.arange(2 * 2 * 2 * 3 * 4 * 4.0).reshape(2, 2, 2, 3, 4, 4)  # seeds, tasks, images, ...
OPTIONS = {"images": [7, 2], "channels": 2, "layer": "block1"}


def cell_with(made, planes, **options):
    cell = made.cell("softhebb", [0.5] * len(planes))
    cell.metrics["activation_maps"] = planes
    cell.probes["activation_maps"] = {"options": OPTIONS | options, "version": "1"}
    return cell


def titles(found: Any) -> list[str]:
    return [ax.get_title(loc="left").replace("\n", " ") for ax in found.axes]


def ticks(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_a_panel_a_task_with_a_row_an_image(made) -> None:
    found = figure(made.compared(cell_with(made, PLANES)), "activation_maps")
    assert titles(found) == [f"softhebb, seed 0 block1, after task {task}" for task in (1, 2)]
    ax = found.axes[1]
    assert (ticks(ax.yaxis), ticks(ax.xaxis)) == (["7", "2"], ["", "0", "1"])
    drawn = {tuple(map(int, image.get_extent()[::3])): image for image in ax.images}
    assert len(drawn) == 6
    for (column, row), image in drawn.items():
        np.testing.assert_array_equal(image.get_array(), PLANES[0, 1, row, column])


def test_maps_of_a_channel_share_a_scale_and_images_do_not(made) -> None:
    found = figure(made.compared(cell_with(made, PLANES)), "activation_maps")
    scales = [image.get_clim() for image in found.axes[0].images]
    images, channels = scales[:2], scales[2:]
    assert len(set(images)) == 2
    assert channels[0] == channels[1] == (PLANES[0, 0, :, 1].min(), PLANES[0, 0, :, 1].max())


def test_what_was_measured_once_is_of_the_end(made) -> None:
    found = figure(made.compared(cell_with(made, PLANES[:, :1])), "activation_maps")
    assert titles(found) == ["softhebb, seed 0 block1, at the end"]


def test_a_file_may_be_called_as_the_figure(made, tmp_path: Path) -> None:
    path = tmp_path / "activation_maps-1.png"
    draw(made.compared(cell_with(made, PLANES)), check(path))
    assert path.stat().st_size


def test_a_record_without_maps_names_the_metric(made, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="add the metric activation_maps"):
        draw(made.compared(*made.three()), tmp_path / "activation_maps.svg")
