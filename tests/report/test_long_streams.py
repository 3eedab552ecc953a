"""What is shown of 2,000 tasks: means of bins, and never a matrix of four million numbers."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import UserError
from clbench.records import CellRecord, Entries
from clbench.report.bins import bin_centres, bin_means, bin_names, bin_size, matrix_means
from clbench.report.compared import Comparison
from clbench.report.curves import LEARNT, binned_course, course_by_seed
from clbench.report.figures import draw
from clbench.report.leaderboard import leaderboard
from clbench.report.page import page
from clbench.report.page_data import page_data
from tests.report.test_figures import texts

TASKS, SEEDS = 2000, 5
MATRIX_BYTES = 8 * TASKS**2


def places(last: int) -> tuple[Any, Any]:
    """The entries of `evaluate: {last: n}`."""
    back = np.arange(last)[:, None]
    row = np.arange(1, TASKS + 1) + 0 * back
    column = row - 1 - back
    return row[column >= 0], column[column >= 0]


def stream(made: Any, label: str, fall: float, last: int = 1) -> CellRecord:
    """A method whose accuracy on new tasks falls by so much over the stream."""
    row, column = places(last)
    rng = np.random.default_rng(len(label))
    course = np.linspace(0.9, 0.9 - fall, TASKS)
    value = np.clip(course[column] + rng.normal(0, 0.05, (SEEDS, len(row))), 0, 1)
    online = np.clip(course + rng.normal(0, 0.05, (SEEDS, TASKS)), 0, 1)
    return made.cell(
        label,
        [0.5] * SEEDS,
        accuracy=None,
        entries=Entries(row, column, value),
        curves={"online_accuracy": online},
    )


@pytest.fixture(scope="module")
def cells(made: Any) -> list[CellRecord]:
    return [stream(made, "naive", 0.3), stream(made, "l2_init", 0.02), stream(made, "er", 0.1)]


@pytest.fixture(scope="module")
def comparison(made: Any, cells: list[CellRecord]) -> Comparison:
    return made.compared(*cells, metric="learning_accuracy")


def test_bins_have_round_sizes() -> None:
    sizes = {count: bin_size(count) for count in (0, 1, 60, 61, 100, 150, 400, 800, 2000, 5000)}
    assert list(sizes.values()) == [1, 1, 1, 2, 2, 5, 10, 20, 50, 100]
    assert bin_names(120, 50) == ["1-50", "51-100", "101-120"]
    assert bin_centres(120, 50).tolist() == [24.5, 74.5, 109.5]


def test_a_bin_is_the_mean_of_what_is_known_in_it() -> None:
    values = np.array([[1.0, 3.0, np.nan, 5.0, np.nan], [2.0, 4.0, 6.0, 8.0, 1.0]])
    expected = [[2.0, 5.0, np.nan], [3.0, 7.0, 1.0]]
    np.testing.assert_array_equal(bin_means(values, 2), expected)
    np.testing.assert_array_equal(bin_means(values, 1), values)


def test_seeds_are_compared_over_the_same_tasks() -> None:
    """A seed that lacks a task takes it out of the bin for the others."""
    values = np.array([[0.2, np.nan, 0.4, np.nan], [0.6, 1.0, 0.8, np.nan]])
    where, means = binned_course(values, 2)
    np.testing.assert_array_equal(means, [[0.2, 0.4], [0.6, 0.8]])
    assert where.tolist() == [0.5, 2.5]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_blocks_of_entries_are_those_of_the_matrix(made: Any, size: int) -> None:
    matrix = np.random.default_rng(0).random((2, 6, 5))
    matrix[:, 2, 4] = np.nan
    row, column = np.nonzero(~np.isnan(matrix[0]))
    entries = Entries(row, column, matrix[:, row, column])
    dense = made.cell("a", [0.5] * 2, accuracy=matrix)
    sparse = made.cell("a", [0.5] * 2, accuracy=None, entries=entries)
    both = [matrix_means(cell, np.arange(2), size) for cell in (dense, sparse)]
    np.testing.assert_allclose(*both, rtol=1e-12)
    block = matrix.mean(axis=0)[1 : 1 + size, size : 2 * size]
    assert both[0][1, 1] == pytest.approx(np.nanmean(block))
    assert both[0][0] == pytest.approx(bin_means(matrix.mean(axis=0)[0], size))


@pytest.mark.parametrize("kind", ["learnt", "online", "matrix"])
def test_figures_of_long_streams_say_what_a_point_is(
    comparison: Comparison, tmp_path: Path, kind: str
) -> None:
    tracemalloc.start()
    draw(comparison, tmp_path / f"{kind}.svg")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MATRIX_BYTES  # not one matrix, of the fifteen runs there are
    assert (tmp_path / f"{kind}.svg").stat().st_size < 500_000
    size = 20 if kind == "matrix" else 50
    assert f"(means of {size} tasks)" in texts(tmp_path / f"{kind}.svg")


def test_the_figure_of_old_tasks_says_what_was_not_measured(
    comparison: Comparison, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"no run has the average accuracy.*figure `learnt`"):
        draw(comparison, tmp_path / "accuracy.svg")
    with pytest.raises(UserError, match="no task was tested again"):
        draw(comparison, tmp_path / "forgetting.svg")


def test_forgetting_is_drawn_as_far_as_it_was_measured(made: Any, tmp_path: Path) -> None:
    cells = [stream(made, "naive", 0.3), stream(made, "er", 0.1, last=10)]
    draw(made.compared(*cells, metric="learning_accuracy"), tmp_path / "forgetting.svg")
    shown = texts(tmp_path / "forgetting.svg").split()
    assert [number for number in shown if number.isdigit()][:10] == list("0123456789")


def test_a_course_is_drawn_as_it_was_measured(made: Any, cells: list[CellRecord]) -> None:
    course = course_by_seed(made.results(*cells), cells[0], LEARNT)
    np.testing.assert_array_equal(course, cells[0].entries.value)


def test_one_strategy_is_shown_in_bins(project: Any, made: Any, cells: list[CellRecord]) -> None:
    made.save(project.folder / "r.h5", *cells, stream(made, "last", 0.1, last=300))
    for label in ("naive", "last"):
        answer = project.clbench("show", "r.h5", label)
        assert answer.code == 0
        assert len(answer.stdout.splitlines()) < 60
        assert "means of 200 tasks" in answer.stdout  # the matrix
        assert "means of 50 tasks" in answer.stdout  # the course
        assert "1801-2000" in answer.stdout


def test_the_page_of_long_streams_is_small(made: Any, tmp_path: Path) -> None:
    cells = [stream(made, f"method{k}", 0.02 * k) for k in range(10)]
    path = made.save(tmp_path / "r.h5", *cells)
    tracemalloc.start()
    data = page_data(leaderboard([path], tmp_path, metric="learning_accuracy"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * MATRIX_BYTES  # fifty runs, and what plugins need
    assert len(page(data)) < 400_000
    entry = data["sections"][0]["entries"][0]
    assert list(entry["curves"]) == ["learnt", "online"]  # old tasks were not tested
    assert len(entry["curves"]["learnt"]["points"]) == 40


def test_a_frame_of_long_streams_has_every_task(made: Any, cells: list[CellRecord]) -> None:
    frame = made.results(*cells).frame(["learning_accuracy"])
    assert len(frame) == len(cells) * SEEDS * (TASKS + 1)
    mine = frame[(frame["strategy"] == "er") & (frame["task"] == 7)].sort_values("seed")
    np.testing.assert_array_equal(mine["value"], cells[2].entries.value[:, 6])


def test_every_metric_of_a_long_stream_answers_without_a_matrix(made: Any) -> None:
    """A value, or what is missing."""
    results = made.results(stream(made, "er", 0.1, last=2))
    results.host  # noqa: B018 - what plugins need is not the question
    tracemalloc.start()
    frame = results.frame()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * MATRIX_BYTES
    known = set(frame[frame["value"].notna()]["metric"])
    assert {"learning_accuracy", "one_step_backward_transfer", "online_accuracy"} <= known
    summaries = frame[frame["task"].isna()].groupby("metric")["value"]
    assert summaries.count()["average_accuracy"] == 0  # old tasks were not tested
