from __future__ import annotations

import re
from pathlib import Path

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from clbench.errors import UserError
from clbench.report.figures import draw, figure
from clbench.report.figures_kernels import GROWS, SHRINKS

FRAMES = 2


@pytest.fixture(scope="module")
def comparison(made):
    cell = made.cell("softhebb", [0.5, 0.5])
    changes = np.array([[[0.04, -0.01, 0.0, np.nan]] * 2] * 2)
    top = np.array([[[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]] * 2)
    wide = np.tile(np.linspace(-1, 1, 30), (2, 2, 1))
    cell.curves = {
        "kernel_change_block10": wide,
        "kernel_change_block2": changes,
        "top_kernels_block2": top,
    }
    return made.compared(cell, made.cell("naive", [0.4, 0.4]))


def drawn(ax):
    return [artist for artist in ax.collections if isinstance(artist, PolyCollection)]


def area(squares):
    (path,) = squares.get_paths()
    return np.prod(np.ptp(path.vertices[:4], axis=0))


def test_a_row_a_task_and_a_column_a_layer(comparison) -> None:
    titles = [ax.get_title(loc="left") for ax in figure(comparison, "kernels").axes]
    assert [re.search("block[0-9]+", title)[0] for title in titles] == ["block2", "block10"] * 2
    assert ["task 1" in title.replace("\n", " ") for title in titles] == [True, True, False, False]


def test_the_run_is_named_once_where_there_is_one_and_in_every_panel_where_there_are_more(
    made, comparison
) -> None:
    assert figure(comparison, "kernels").get_suptitle() == "softhebb, seed 0"
    cells = made.cells({"one": [0.5], "two": [0.5]})
    for cell in cells:
        cell.curves = {"kernel_change_block1": np.ones((1, 2, 3))}
    found = figure(made.compared(*cells), "kernels")
    titles = [ax.get_title(loc="left") for ax in found.axes]
    assert [title.split(",")[0] for title in titles] == ["one", "one", "two", "two"]


def test_areas_are_the_sizes_of_changes_and_colours_their_signs(comparison) -> None:
    grown, shrunk, _ = drawn(figure(comparison, "kernels").axes[0])
    # What did not change, or is not known, has no square.
    assert area(grown) / area(shrunk) == pytest.approx(4)
    wanted = matplotlib.colors.to_rgba_array([GROWS, SHRINKS])
    np.testing.assert_allclose([*grown.get_facecolors(), *shrunk.get_facecolors()], wanted)


def centres(squares):
    return [path.vertices[:4].mean(axis=0).tolist() for path in squares.get_paths()]


def test_frames_are_around_top_kernels(comparison) -> None:
    first, _, second, _ = (drawn(ax) for ax in figure(comparison, "kernels").axes)
    assert centres(first[FRAMES]) == [[0, 0], [1, 1]]
    assert centres(second[FRAMES]) == [[1, 0]]


def test_more_tasks_than_there_is_room_for_are_counted(made) -> None:
    cell = made.cell("softhebb", [0.5])
    cell.curves = {"kernel_change_block1": np.ones((1, 20, 3))}
    found = figure(made.compared(cell), "kernels")
    assert found.get_suptitle().endswith("the first 12 of 20 tasks and strategies")


def test_a_record_without_kernels_says_who_keeps_count(made, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"softhebb\+kernel_plasticity"):
        draw(made.compared(*made.three()), tmp_path / "kernels.svg")
