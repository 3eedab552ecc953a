from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.records import (
    SCHEMA_VERSION,
    CellRecord,
    Entries,
    Fault,
    RecordFile,
    read_record,
    write_record,
)


def make(key: str = "0f", members: int = 3, tasks: int = 2, **changes: object) -> CellRecord:
    rng = np.random.default_rng(0)
    known = {
        "scenario": "split",
        "strategy": "er+ewc",
        "label": "er+ewc",
        "seed": np.arange(members),
        "accuracy": rng.random((members, tasks + 1, tasks)),
        "options": {"er": {"memory": 200}},
        "protocol": {"epochs": 1},
        "content": {"scenario": ["split", {"setting": "task"}]},
        "accuracy_before": rng.random((members, tasks)),
        "loss": rng.random((members, tasks)),
        "metrics": {"weights": rng.random((members, tasks, 5))},
        "curves": {"buffer/filled": rng.random((members, 7))},
        "cost": {"parameters": np.full(members, 10)},
        "metric_seconds": {"weights": rng.random(members)},
        "faults": (Fault("Traceback\nValueError: é\0"),),
    }
    return CellRecord(key=key, **(known | changes))  # type: ignore[arg-type]


def write(path: Path, *cells: CellRecord) -> RecordFile:
    write_record(
        path,
        cells,
        suite="demo",
        suite_text="name: demo  # é\n",
        environment={"torch": "2.15", "threads": 1},
        metrics=[("cut", {"at": 3})],
    )
    return read_record(path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    cell = make()
    record = write(tmp_path / "r.h5", cell)
    (back,) = record.cells
    assert (record.schema_version, record.suite, record.suite_text) == (
        SCHEMA_VERSION,
        "demo",
        "name: demo  # é\n",
    )
    assert record.environment == {"torch": "2.15", "threads": 1}
    assert record.metrics == (("cut", {"at": 3}),)
    for name in (
        "key",
        "scenario",
        "strategy",
        "label",
        "options",
        "protocol",
        "content",
        "status",
    ):
        assert getattr(back, name) == getattr(cell, name)
    assert back.faults == cell.faults
    for name in ("seed", "accuracy", "accuracy_before", "loss"):
        np.testing.assert_array_equal(getattr(back, name), getattr(cell, name))
    for folder in ("metrics", "curves", "cost", "metric_seconds"):
        ours, theirs = getattr(cell, folder), getattr(back, folder)
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(theirs[name], ours[name])


def test_defaults_are_written_out(tmp_path: Path) -> None:
    (back,) = write(tmp_path / "r.h5", make()).cells
    assert back.agent is not None
    assert back.diverged_at is not None
    assert back.member_status is not None
    assert (back.agent.tolist(), back.diverged_at.tolist(), back.member_status.tolist()) == (
        [0] * 3,
        [-1] * 3,
        ["done"] * 3,
    )


def test_members_are_sorted_by_seed_then_agent(tmp_path: Path) -> None:
    accuracy = np.arange(4)[:, None, None] / 4 + np.zeros((4, 2, 1))
    cell = make(
        members=4,
        tasks=1,
        seed=np.array([2, 1, 2, 1]),
        agent=np.array([1, 1, 0, 0]),
        accuracy=accuracy,
    )
    (back,) = write(tmp_path / "r.h5", cell).cells
    assert back.agent is not None
    assert back.accuracy is not None
    assert list(zip(back.seed.tolist(), back.agent.tolist(), strict=True)) == [
        (1, 0),
        (1, 1),
        (2, 0),
        (2, 1),
    ]
    assert (back.accuracy[:, 0, 0] * 4).tolist() == [3, 1, 2, 0]


def test_cells_keep_their_order(tmp_path: Path) -> None:
    record = write(tmp_path / "r.h5", make("ff"), make("00"), make("aa"))
    assert [cell.key for cell in record.cells] == ["ff", "00", "aa"]


def test_entries_stand_for_the_matrix(tmp_path: Path) -> None:
    entries = Entries(np.array([1, 2]), np.array([0, 1]), np.array([[0.5, np.nan]] * 3))
    (back,) = write(tmp_path / "r.h5", make(accuracy=None, entries=entries)).cells
    assert back.entries is not None
    np.testing.assert_array_equal(back.entries.value, entries.value)
    assert back.tasks == 2


def test_a_failed_cell_may_have_nothing(tmp_path: Path) -> None:
    cell = CellRecord(
        "f",
        "s",
        "er",
        "er",
        np.arange(2),
        None,
        status="failed",
        member_status=np.array(["failed"] * 2),
        faults=(Fault("boom"),),
    )
    (back,) = write(tmp_path / "r.h5", cell).cells
    assert (back.accuracy, back.tasks, back.errors) == (None, 0, ("boom",))


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", make())
    time.sleep(1.1)  # HDF5 keeps times in seconds, where it keeps them
    write(tmp_path / "b.h5", make())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("accuracy", ["seed", "after_task", "task"]),
        ("loss", ["seed", "task"]),
        ("member_status", ["seed"]),
        ("metrics/weights", ["seed", "task", "axis_5"]),
        ("curves/buffer/filled", ["seed", "axis_7"]),
        ("cost/parameters", ["seed"]),
    ],
)
def test_every_dimension_has_its_scale(tmp_path: Path, name: str, axes: list[str]) -> None:
    write(tmp_path / "r.h5", make())
    with h5py.File(tmp_path / "r.h5") as file:
        cell = file["cells/0f"]
        assert [scale[0].name.rpartition("/")[2] for scale in cell[name].dims] == axes
        assert (cell["after_task"][()].tolist(), cell["task"][()].tolist()) == ([0, 1, 2], [1, 2])


def test_axes_of_equal_length_are_told_apart(tmp_path: Path) -> None:
    (back,) = write(tmp_path / "r.h5", make(metrics={"square": np.zeros((3, 2, 2, 2))})).cells
    assert back.metrics["square"].shape == (3, 2, 2, 2)


def test_a_cell_that_does_not_fit_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"accuracy has shape \[3, 2, 2\] instead of \[3, tasks \+ 1, tasks\]"
    ):
        write(tmp_path / "r.h5", make(accuracy=np.zeros((3, 2, 2))))
    assert list(tmp_path.iterdir()) == []


def test_a_curve_runs_along_steps_even_where_they_are_as_many_as_the_tasks(tmp_path: Path) -> None:
    write(tmp_path / "r.h5", make(curves={"gap": np.zeros((3, 2, 2))}))
    with h5py.File(tmp_path / "r.h5") as file:
        assert [scale[0].name.rpartition("/")[2] for scale in file["cells/0f/curves/gap"].dims] == [
            "seed",
            "axis_2",
            "task",
        ]
