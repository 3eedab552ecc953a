"""Boxes of accuracy before and after, from matrices written down by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clbench.errors import UserError
from clbench.report.figures import draw, figure
from clbench.report.figures_before_after import AFTER, BEFORE

# Rows: untrained, and after tasks 1, 2 and 3.
STEADY = [[0.5, 0.5, 0.5], [0.9, 0.5, 0.5], [0.7, 0.8, 0.5], [0.6, 0.4, 1.0]]


def cell_of(made, label, matrix, seeds=2):
    tasks = len(matrix[0])
    accuracy = np.broadcast_to(np.array(matrix), (seeds, tasks + 1, tasks)).copy()
    return made.cell(label, [0.5] * seeds, accuracy=accuracy)


def points(ax):
    """The accuracies of each cloud of points, by its colour and height."""
    import matplotlib.colors

    clouds = [artist for artist in ax.collections if len(artist.get_offsets())]
    return [
        (matplotlib.colors.to_hex(cloud.get_facecolors()[0]).upper(), cloud.get_offsets()[:, 0])
        for cloud in clouds
    ]


def test_the_first_task_and_all_that_others_follow(made) -> None:
    axes = figure(made.compared(cell_of(made, "naive", STEADY)), "before_after").axes
    assert [ax.get_title(loc="left") for ax in axes] == [
        "split: first task",
        "split: mean of tasks 1 to 2",
    ]
    for ax, means in zip(axes, ([90, 60], [85, 50]), strict=True):
        (first, before), (second, after) = points(ax)
        assert (first, second) == (BEFORE, AFTER)
        assert [before.mean(), after.mean()] == pytest.approx(means)


def test_of_two_tasks_there_is_one_panel(made) -> None:
    short = [[0.5, 0.5], [0.9, 0.5], [0.7, 0.8]]
    (ax,) = figure(made.compared(cell_of(made, "naive", short)), "before_after").axes
    assert [ax.get_title(loc="left")] == ["split: first task"]


def test_what_was_tested_at_the_end_alone_has_a_box_of_that(made) -> None:
    at_the_end = np.array(STEADY)
    at_the_end[1:-1] = np.nan
    found = made.compared(cell_of(made, "naive", STEADY), cell_of(made, "joint", at_the_end))
    assert [colour for colour, _ in points(figure(found, "before_after").axes[0])] == [
        *(BEFORE, AFTER),
        AFTER,
    ]


def test_streams_that_were_not_tested_at_the_end_are_told_how(made, tmp_path: Path) -> None:
    current = np.where(np.eye(4, 3, k=-1), 0.9, np.nan)
    current[0] = 0.5
    with pytest.raises(UserError, match="evaluate: seen"):
        draw(made.compared(cell_of(made, "naive", current)), tmp_path / "before_after.svg")
