"""Making the arrays of two cells fit, so that they can be joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import CellRecord, Entries
from clbench.records.padding import aligned, joined_arrays, joined_entries, padded
from tests.records.cells import cell

NAN = np.nan


def test_shorter_arrays_are_filled_up() -> None:
    joined = joined_arrays(np.ones((1, 2)), np.zeros((2, 3)))
    np.testing.assert_array_equal(joined, [[1, 1, np.nan], [0, 0, 0], [0, 0, 0]])


def test_arrays_that_fit_are_not_copied() -> None:
    one, other = np.ones((1, 2)), np.zeros((2, 2))
    assert padded(one, other)[0] is one or np.shares_memory(padded(one, other)[0], one)


# ---------------------------------------------------------------------- arrays


@pytest.mark.parametrize(
    ("one", "other", "joined"),
    [
        ([[1.0]], [[2.0, 3.0]], [[1, NAN], [2, 3]]),
        ([[1.0, 4.0]], [[2.0]], [[1, 4], [2, NAN]]),
        ([1.0], [[2.0, 3.0]], [[1, NAN], [2, 3]]),  # a number a member beside a course of them
        ([[]], [[2.0]], [[NAN], [2]]),
        ([], [1.0, 2.0], [1, 2]),
    ],
)
def test_what_one_of_them_lacks_is_nan(one: Any, other: Any, joined: Any) -> None:
    found = joined_arrays(np.array(one, dtype=float), np.array(other, dtype=float))
    np.testing.assert_array_equal(found, np.array(joined, dtype=float))


def test_whole_numbers_stay_whole_where_nothing_is_missing() -> None:
    found = joined_arrays(np.array([[1, 2]]), np.array([[3, 4]]))
    assert (found.dtype, found.tolist()) == (np.dtype(np.int64), [[1, 2], [3, 4]])


def test_every_dimension_after_the_first_is_filled_up() -> None:
    one, other = np.ones((2, 1, 3)), np.zeros((4, 2, 2))
    first, second = padded(one, other)
    assert (first.shape, second.shape) == ((2, 2, 3), (4, 2, 3))
    np.testing.assert_array_equal(first[:, :1], one)
    np.testing.assert_array_equal(second[:, :, :2], other)
    assert np.isnan(first[:, 1:]).all()
    assert np.isnan(second[:, :, 2:]).all()


# ---------------------------------------------------------------------- accuracies


def entries(*places: tuple[int, int], members: int = 1, start: float = 0.0) -> Entries:
    """Entries of these rows and columns, each with a number of its own."""
    row, column = np.array(places).reshape(-1, 2).T
    value = start + np.arange(members * len(places)).reshape(members, -1) / 100
    return Entries(row, column, value)


def test_equal_entries_are_left_as_they_are() -> None:
    one = cell(0, accuracy=None, entries=entries((1, 0), (2, 1)))
    other = cell(1, accuracy=None, entries=entries((1, 0), (2, 1), start=0.5))
    assert aligned(one, other) == (one, other)


def test_other_entries_are_added_in_the_order_of_the_older() -> None:
    one = cell(0, accuracy=None, entries=entries((2, 1), (1, 0)))
    other = cell(1, accuracy=None, entries=entries((1, 0), (2, 0), start=0.5))
    first, second = aligned(one, other)
    for found, values in ((first, [0.0, 0.01, NAN]), (second, [NAN, 0.5, 0.51])):
        assert found.entries is not None
        assert (found.entries.row.tolist(), found.entries.column.tolist()) == (
            [2, 1, 2],
            [1, 0, 0],
        )
        np.testing.assert_array_equal(found.entries.value, [values])


def test_notes_move_with_the_entries() -> None:
    notes = {"shift": np.array([[7.0, 8.0]])}
    one = cell(0, accuracy=None, entries=entries((2, 1), (1, 0)), notes=notes)
    other = cell(1, accuracy=None, entries=entries((0, 0)))
    first, second = aligned(one, other)
    np.testing.assert_array_equal(first.notes["shift"], [[7, 8, NAN]])
    assert second.notes == {}
    assert one.notes is notes


def test_who_failed_gets_accuracies_that_were_never_measured() -> None:
    failed = cell(3, 4, accuracy=None, status="failed")
    measured = cell(0)
    for first, second in (aligned(failed, measured), aligned(measured, failed)[::-1]):
        assert second is measured
        assert first.accuracy is not None
        assert first.accuracy.shape == (2, 3, 2)
        assert np.isnan(first.accuracy).all()
    sparse = cell(0, accuracy=None, entries=entries((1, 0)))
    first, _ = aligned(failed, sparse)
    assert first.entries is not None
    np.testing.assert_array_equal(first.entries.value, [[NAN], [NAN]])


def test_two_that_failed_have_none() -> None:
    one, other = cell(0, accuracy=None), cell(1, accuracy=None)
    assert aligned(one, other) == (one, other)


@pytest.mark.parametrize(
    "other", [cell(1, tasks=3), cell(1, accuracy=None, entries=entries((1, 0)))]
)
def test_other_accuracies_cannot_be_joined(other: CellRecord) -> None:
    with pytest.raises(RecordError, match="split, er: cells of one key do not have the same acc"):
        aligned(cell(0), other)


def test_entries_are_joined_where_both_have_them() -> None:
    one, other = entries((1, 0)), entries((1, 0), members=2, start=0.5)
    found = joined_entries(one, other)
    assert found is not None
    assert found.value.tolist() == [[0.0], [0.5], [0.51]]
    assert joined_entries(None, other) is joined_entries(one, None) is None
