"""Arrays that stay on disk until somebody asks for them, member by member."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records.rows import RowOnDisk, Rows, find_rows, stamp_of, write_rows

NAN = np.nan


def kept(path: Path, rows: Rows, name: str = "weights/1/head") -> Rows:
    """The same rows, written to a file of their own and found again."""
    write_rows(path, {name: rows})
    return find_rows(path)[name]


# ---------------------------------------------------------------------- in memory


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        ([np.array([1.0, 2.0]), None, np.array([3.0])], [[1, 2], [NAN, NAN], [3, NAN]]),
        ([np.array([1, 2]), None, np.array([3])], [[1, 2], [-1, -1], [3, -1]]),
        ([np.array([1, 2], np.uint8), None], [[1, 2], [0, 0]]),  # bytes know no -1
        ([np.array(1.5), np.array(2)], [1.5, 2]),
        ([np.zeros((0, 2)), np.ones((1, 2))], [[[NAN, NAN]], [[1, 1]]]),
    ],
)
def test_what_is_not_there_is_filled_up(rows: list[np.ndarray | None], read: list[object]) -> None:
    np.testing.assert_array_equal(Rows(rows).read(), np.array(read))


def test_of_members_of_whom_nothing_is_kept_nothing_is_known() -> None:
    found = Rows([None, None]).read()
    assert found.shape == (2,)
    assert np.isnan(found).all()
    assert Rows([]).read().shape == (0,)


def test_the_type_holds_every_member() -> None:
    mixed = Rows([np.array([1], np.int32), np.array([0.5], np.float32)])
    assert mixed.read().dtype == np.float64


def test_members_may_be_chosen_and_joined() -> None:
    rows = Rows([np.array([float(member)]) for member in range(3)])
    assert rows[np.array([2, 0])].read().tolist() == [[2], [0]]
    assert rows[np.array([False, True, False])].read().tolist() == [[1]]
    assert (rows + rows[np.array([1])]).read().tolist() == [[0], [1], [2], [1]]
    assert len(rows) == 3


def test_members_of_other_dimensions_are_refused() -> None:
    with pytest.raises(RecordError, match="does not have the same dimensions"):
        Rows([np.zeros(2), np.zeros((2, 2))]).read()


# ---------------------------------------------------------------------- on disk


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1", "?"])
def test_what_is_written_is_found_again(tmp_path: Path, dtype: str) -> None:
    rows = Rows([np.array([[1, 0], [1, 1]], dtype), None, np.array([[1, 0]], dtype)])
    found = kept(tmp_path / "rows.h5", rows)
    assert [row is None for row in found.rows] == [False, True, False]
    np.testing.assert_array_equal(found.read(), rows.read())
    assert found.read().dtype == rows.read().dtype


def test_rows_are_copied_from_file_to_file(tmp_path: Path) -> None:
    """Packed as they are, and into a larger shape where another member needs it."""
    first = kept(tmp_path / "a.h5", Rows([np.array([1.0, 2.0]), np.array([3.0, 4.0])]))
    again = kept(tmp_path / "b.h5", first[np.array([1, 0])])
    assert again.read().tolist() == [[3, 4], [1, 2]]
    wider = kept(tmp_path / "c.h5", again + Rows([np.array([5.0, 6.0, 7.0])]))
    np.testing.assert_array_equal(wider.read(), [[3, 4, NAN], [1, 2, NAN], [5, 6, 7]])


def test_copies_of_another_type_are_converted(tmp_path: Path) -> None:
    whole = kept(tmp_path / "a.h5", Rows([np.array([1, 2])]))
    mixed = kept(tmp_path / "b.h5", whole + Rows([np.array([0.5, 1.5])]))
    assert mixed.read().tolist() == [[1, 2], [0.5, 1.5]]


def test_where_there_is_no_file_there_are_no_rows(tmp_path: Path) -> None:
    assert find_rows(tmp_path / "none.h5") == {}


def test_names_may_hold_slashes(tmp_path: Path) -> None:
    stored = {"weights/1/body.0": Rows([np.ones(2)]), "weights/1/head": Rows([np.zeros(1)])}
    write_rows(tmp_path / "rows.h5", stored)
    assert set(find_rows(tmp_path / "rows.h5")) == set(stored)


# ---------------------------------------------------------------------- files that changed


def row(path: Path, name: str, place: int = 0) -> Rows:
    return Rows([RowOnDisk(path, stamp_of(path), name, place)])


def test_a_file_that_took_its_place_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.h5"
    found = kept(path, Rows([np.ones(2)]))
    write_rows(path, {"weights/1/head": Rows([np.zeros(20)])})
    with pytest.raises(RecordError, match=r"rows.h5 has changed since it was opened; open it aga"):
        found.read()


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.h5"
    found = kept(path, Rows([np.ones(2)]))
    path.unlink()
    with pytest.raises(RecordError, match=r"rows.h5 cannot be read any more: No such file"):
        found.read()


@pytest.mark.parametrize(
    ("values", "place", "said"),
    [
        (np.array([b"text"]), 0, "a holds texts"),
        (np.zeros((2, 3)), 2, "a does not have a row a member"),
        (np.array(3.0), 0, "a does not have a row a member"),
    ],
)
def test_what_is_no_row_is_refused(
    tmp_path: Path, values: np.ndarray, place: int, said: str
) -> None:
    path = tmp_path / "rows.h5"
    with h5py.File(path, "w") as file:
        file["a"] = values
    with pytest.raises(RecordError, match=said):
        row(path, "a", place).read()
