from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.metrics import Undefined
from clbench.metrics.arithmetic import (
    average_over_entries,
    average_over_time,
    demanded,
    matrix_of,
    summarise,
)


def looking_up(accuracy: np.ndarray) -> object:
    return lambda row, column: accuracy[row, column]


def test_lookup_broadcasts() -> None:
    accuracy = np.arange(12).reshape(4, 3) / 12
    np.testing.assert_array_equal(demanded(looking_up(accuracy), 3, [1, 3]), accuracy[3, [0, 2]])
    np.testing.assert_array_equal(
        demanded(looking_up(accuracy), np.array([[1], [2]]), np.array([1, 2])), accuracy[1:3, :2]
    )


def test_lookup_names_the_first_gap() -> None:
    accuracy = np.full((4, 3), np.nan)
    with pytest.raises(Undefined, match=r"^task 2 was not evaluated after task 3$"):
        demanded(looking_up(accuracy), 3, [2, 3])
    with pytest.raises(Undefined, match=r"^task 1 was not evaluated before training$"):
        demanded(looking_up(accuracy), 0, 1)


@given(st.integers(1, 6))
def test_averages_take_the_tasks_so_far(tasks: int) -> None:
    accuracy = np.random.default_rng(tasks).random((tasks + 1, tasks))
    expected = [accuracy[i, :i].mean() for i in range(1, tasks + 1)]
    accuracy[0] = np.nan
    accuracy[1:][np.triu_indices(tasks, 1)] = np.nan  # later tasks do not count
    np.testing.assert_allclose(average_over_time(accuracy), expected, rtol=1e-12)


def test_an_average_over_a_gap_is_unknown() -> None:
    accuracy = np.full((3, 2), 0.5)
    accuracy[2, 0] = np.nan
    np.testing.assert_array_equal(average_over_time(accuracy), [0.5, np.nan])


def test_averages_over_entries_are_those_over_the_matrix() -> None:
    rng = np.random.default_rng(0)
    row, column = np.divmod(rng.permutation(7 * 6), 6)
    value = rng.random(len(row))
    matrix = matrix_of(row, column, value, 6)
    np.testing.assert_allclose(
        average_over_entries(row, column, value, 6), average_over_time(matrix), rtol=1e-12
    )
    kept = (row != 3) | (column != 1)
    matrix[3, 1] = np.nan
    np.testing.assert_allclose(
        average_over_entries(row[kept], column[kept], value[kept], 6),
        average_over_time(matrix),
        rtol=1e-12,
    )


def test_a_demand_for_more_than_was_measured_is_answered_early() -> None:
    asked = []

    def find(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        asked.append(np.size(row))
        return np.where(np.asarray(row) == 1, 0.5, np.nan)

    with pytest.raises(Undefined, match=r"^task 1 was not evaluated after task 2$"):
        demanded(find, np.arange(1, 1001)[:, None], np.arange(1, 4), enough=3)
    assert asked == [4]


def test_entries_become_a_matrix_with_gaps() -> None:
    matrix = matrix_of(np.array([0, 2]), np.array([1, 0]), np.array([[0.1, 0.2]]), 2)
    np.testing.assert_array_equal(matrix, [[[np.nan, 0.1], [np.nan, np.nan], [0.2, np.nan]]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("last", [2.0, np.nan]),
        ("mean", [2.0, np.nan]),
        ("min", [1.0, np.nan]),
        ("max", [3.0, np.nan]),
        ("sum", [6.0, np.nan]),
    ],
)
def test_summaries_of_unknown_values_are_unknown(how: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(
        summarise(np.array([[1.0, 3.0, 2.0], [1.0, 2.0, np.nan]]), how), expected
    )  # type: ignore[arg-type]


def test_nothing_has_no_summary() -> None:
    assert np.isnan(summarise(np.zeros((2, 0)), "mean")).all()
