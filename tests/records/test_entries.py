"""Cells with entries in place of a matrix, wherever a record goes: 2,000 tasks are a matrix of four
million.
"""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import clbench
from clbench.metrics.arithmetic import matrix_of
from clbench.records import CellRecord, Entries, write_record

TASKS = 5
ROWS, COLUMNS = (array + 1 - (k == 1) for k, array in enumerate(np.tril_indices(TASKS)))


def write(path: Path, *cells: CellRecord) -> Path:
    write_record(path, cells, suite="s", suite_text="name: s", environment={})
    return path


def cell(label: str, seeds: range, *, dense: bool = False) -> CellRecord:
    """Tested on the tasks so far; the same as a matrix where that is asked for."""
    value = np.stack(
        [np.random.default_rng([seed, len(label)]).random(len(ROWS)) for seed in seeds]
    )
    matrix = matrix_of(ROWS, COLUMNS, value, TASKS) if dense else None
    entries = None if dense else Entries(ROWS, COLUMNS, value)
    return CellRecord(
        label,
        "split",
        label,
        label,
        np.array(seeds),
        matrix,
        entries=entries,
        content={"data": "d", "scenario": []},
    )


def test_metrics_of_entries_are_those_of_the_matrix(tmp_path: Path) -> None:
    one = clbench.load(write(tmp_path / "a.h5", cell("er", range(3))))
    other = clbench.load(write(tmp_path / "b.h5", cell("er", range(3), dense=True)))
    np.testing.assert_array_equal(one.accuracy("er"), other.accuracy("er"))
    frames = [results.frame().sort_values(["metric", "task", "seed"]) for results in (one, other)]
    np.testing.assert_allclose(
        frames[0]["value"].astype(float), frames[1]["value"].astype(float), rtol=1e-12
    )
    assert frames[0]["value"].notna().sum() > 50
    assert one.undefined().equals(other.undefined())


def test_every_command_works_on_entries(project) -> None:
    for name, seeds in (("a.h5", range(4)), ("b.h5", range(4, 6))):
        write(project.folder / name, cell("er", seeds), cell("naive", seeds))
    for arguments in (
        ["merge", "a.h5", "b.h5", "--out", "all.h5"],
        ["show", "all.h5"],
        ["show", "all.h5", "er"],
        ["compare", "all.h5"],
        ["metrics", "add", "all.h5", "learning_accuracy"],
        ["export", "all.h5", "--to", "csv"],
    ):
        answer = project.clbench(*arguments)
        assert answer.code == 0, (arguments, answer.stderr)
    results = clbench.load(project.folder / "all.h5")
    entries = results.cell("er").entries
    assert entries is not None
    assert entries.value.shape == (6, len(ROWS))


@pytest.mark.parametrize("scope", ["current", "last"])
def test_two_thousand_tasks_take_little_memory(project, scope: str) -> None:
    tasks, seeds = 2000, np.arange(10)
    row = np.arange(1, tasks + 1)
    column = row - 1
    if scope == "last":  # the last two
        row, column = np.concatenate([row, row[1:]]), np.concatenate([column, column[:-1]])
    value = np.random.default_rng(0).random((10, len(row)))
    made = CellRecord("k", "split", "er", "er", seeds, None, entries=Entries(row, column, value))
    path = write(project.folder / "r.h5", made)
    results = clbench.load(path)
    results.host  # noqa: B018 - what plugins need is not the question
    tracemalloc.start()
    frame = results.frame(
        [
            "average_accuracy",
            "learning_accuracy",
            "forgetting",
            "backward_transfer",
            "plasticity_slope",
        ]
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64e6  # the matrices are 320 MB
    learnt = frame[(frame["metric"] == "learning_accuracy") & frame["task"].isna()][
        "value"
    ].to_numpy()
    np.testing.assert_allclose(learnt, value[:, :tasks].mean(1))
    assert project.clbench("show", "r.h5", "er").code == 0
