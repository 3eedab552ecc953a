"""Writing a record: what is said of it, strange values, and what no file can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from clbench.records import (
    SCHEMA_VERSION,
    CellRecord,
    Entries,
    RecordFile,
    read_record,
    write_file,
    write_record,
)
from clbench.records.rows import Rows
from tests.records.cells import cell, record

NAN = np.nan


def again(path: Path, *cells: CellRecord, **changes: Any) -> RecordFile:
    """What is read of a record that was written."""
    write_file(path / "r.h5", record(*cells, **changes))
    return read_record(path / "r.h5")


# ---------------------------------------------------------------------- the record itself


def test_a_record_is_written_from_its_parts(tmp_path: Path) -> None:
    write_record(
        tmp_path / "r.h5",
        [cell(0)],
        suite="demo",
        suite_text="name: é\n",
        environment={"python": "3"},
        metrics=[("cut", {"at": 3})],
    )
    back = read_record(tmp_path / "r.h5")
    assert (back.schema_version, back.suite, back.suite_text) == (
        SCHEMA_VERSION,
        "demo",
        "name: é\n",
    )
    assert (back.environment, back.metrics) == ({"python": "3"}, (("cut", {"at": 3}),))


def test_a_record_without_cells_is_one(tmp_path: Path) -> None:
    back = again(tmp_path)
    assert (back.cells, back.apart, back.looks, back.runs) == ([], [], (), ())


def test_a_record_of_an_older_layout_is_written_in_todays(tmp_path: Path) -> None:
    old = RecordFile(1, "demo", "", {}, [cell(0)])
    write_file(tmp_path / "r.h5", old)
    assert read_record(tmp_path / "r.h5").schema_version == SCHEMA_VERSION


# ---------------------------------------------------------------------- strange values


@pytest.mark.parametrize(
    "text", ["", " ", "é ü 漢字 🙂", "two\nlines\ttab", "quote ' and \" \\", "x" * 100_000]
)
def test_texts_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    [back] = again(tmp_path, cell(0, about=text, papers={"er": text}), suite_text=text).cells
    assert (back.about, back.papers) == (text, {"er": text})


def test_a_zero_byte_is_told_and_does_not_cut_the_text(tmp_path: Path) -> None:
    [back] = again(tmp_path, cell(0, about="before\0after")).cells
    assert back.about == "before\\0after"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"a": NAN, "b": float("inf")}, {"a": NAN, "b": float("inf")}),
        ({"a": np.float32(0.5), "b": np.int64(3), "c": np.True_}, {"a": 0.5, "b": 3, "c": True}),
        ({"a": np.arange(3), "b": (1, 2)}, {"a": [0, 1, 2], "b": [1, 2]}),
        ({"a": None, "b": {"c": [{}]}}, {"a": None, "b": {"c": [{}]}}),
        ({"a": Path("x/y")}, {"a": "x/y"}),
    ],
)
def test_options_are_plain_data(tmp_path: Path, written: Any, read: Any) -> None:
    [back] = again(tmp_path, cell(0, options=written)).cells
    np.testing.assert_equal(back.options, read)


@pytest.mark.parametrize("value", [NAN, np.inf, -np.inf, 1e-320, 1e308])
def test_numbers_come_back_to_the_bit(tmp_path: Path, value: float) -> None:
    one = cell(0, curves={"x": np.array([[value]])}, loss=np.array([[value, 0.0]]))
    [back] = again(tmp_path, one).cells
    np.testing.assert_array_equal(back.curves["x"], [[value]])
    np.testing.assert_array_equal(back.loss, [[value, 0.0]])


@pytest.mark.parametrize("shape", [(1, 0), (1, 0, 3), (1, 2, 0)])
def test_arrays_may_be_empty(tmp_path: Path, shape: tuple[int, ...]) -> None:
    [back] = again(tmp_path, cell(0, curves={"x": np.zeros(shape)})).cells
    assert back.curves["x"].shape == shape


def test_a_cell_may_have_no_members_or_no_tasks(tmp_path: Path) -> None:
    nobody, untold = again(tmp_path, cell(), cell(0, key="j", tasks=0)).cells
    assert (nobody.members, nobody.tasks) == (0, 2)
    assert (untold.members, untold.tasks) == (1, 0)


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "f2", "f4"])
def test_arrays_keep_their_types_and_truth_values_are_numbers(tmp_path: Path, dtype: str) -> None:
    [back] = again(tmp_path, cell(0, metrics={"x": np.ones((1, 2), dtype)})).cells
    assert back.metrics["x"].dtype == np.dtype("u1" if dtype == "?" else dtype)
    assert back.metrics["x"].tolist() == [[1, 1]]


# ---------------------------------------------------------------------- dimensions


def axes_of(path: Path, name: str) -> list[str]:
    with h5py.File(path / "r.h5") as file:
        scales = file[f"cells/k/{name}"].dims
        return [scale[0].name.rpartition("/")[2] for scale in scales]


@pytest.mark.parametrize(
    ("folder", "shape", "axes"),
    [
        ("metrics", (3, 2, 2), ["seed", "task", "axis_2"]),
        ("metrics", (3, 7, 7), ["seed", "axis_7", "axis_7_2"]),
        ("curves", (3, 2), ["seed", "axis_2"]),  # two steps, and no tasks
        ("curves", (3, 9, 2), ["seed", "axis_9", "task"]),
        ("cost", (3, 2), ["seed", "task"]),
        ("notes", (3, 3, 2), ["seed", "after_task", "task"]),
    ],
)
def test_a_dimension_is_of_tasks_where_its_length_says_so(
    tmp_path: Path, folder: str, shape: tuple[int, ...], axes: list[str]
) -> None:
    again(tmp_path, cell(0, 1, 2, **{folder: {"x": np.zeros(shape)}}))
    assert axes_of(tmp_path, f"{folder}/x") == axes


def test_entries_and_what_is_kept_have_dimensions_of_their_own(tmp_path: Path) -> None:
    entries = Entries(np.array([1, 2]), np.array([0, 1]), np.zeros((1, 2)))
    stored = {"weights/1/head": Rows([np.zeros((2, 5))])}
    again(tmp_path, cell(0, accuracy=None, entries=entries, stored=stored))
    assert axes_of(tmp_path, "entries/value") == ["seed", "axis_2"]
    assert axes_of(tmp_path, "weights/1/head") == ["seed", "axis_2", "axis_5"]


# ---------------------------------------------------------------------- what no file can hold


@pytest.mark.parametrize("key", ["", ".", "a/b", "/"])
def test_a_key_that_is_a_path_is_refused(tmp_path: Path, key: str) -> None:
    """`a/b` was written, and could not be read again."""
    with pytest.raises(ValueError, match="a cell cannot have the key"):
        again(tmp_path, cell(0, key=key))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [("loss", "loss/replay"), ("loss/replay", "loss"), ("",)])
def test_names_that_clash_are_refused_with_a_sentence(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """HDF5 said `Incompatible object (Dataset) already exists`."""
    curves = {name: np.zeros((1, 2)) for name in names}
    with pytest.raises(ValueError, match=r"curves/.* (cannot be kept beside|is no name)"):
        again(tmp_path, cell(0, curves=curves))


def test_what_is_refused_leaves_the_older_record(tmp_path: Path) -> None:
    again(tmp_path, cell(0))
    with pytest.raises(ValueError, match="cannot have the key"):
        again(tmp_path, cell(0, key="a/b"))
    assert read_record(tmp_path / "r.h5").cells[0].key == "k"
