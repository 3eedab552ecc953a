from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.metrics import Undefined
from clbench.metrics.arithmetic import average_over_time, matrix_of, measured, summarise


def test_lookup_broadcasts() -> None:
    accuracy = np.arange(12).reshape(4, 3) / 12
    np.testing.assert_array_equal(measured(accuracy, 3, [1, 3]), accuracy[3, [0, 2]])
    np.testing.assert_array_equal(measured(accuracy, np.array([[1], [2]]), np.array([1, 2])), accuracy[1:3, :2])


def test_lookup_names_the_first_gap() -> None:
    accuracy = np.full((4, 3), np.nan)
    with pytest.raises(Undefined, match=r"^task 2 was not evaluated after task 3$"):
        measured(accuracy, 3, [2, 3])
    with pytest.raises(Undefined, match=r"^task 1 was not evaluated before training$"):
        measured(accuracy, 0, 1)


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


def test_entries_become_a_matrix_with_gaps() -> None:
    matrix = matrix_of(np.array([0, 2]), np.array([1, 0]), np.array([[0.1, 0.2]]), 2)
    np.testing.assert_array_equal(matrix, [[[np.nan, 0.1], [np.nan, np.nan], [0.2, np.nan]]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [("last", [2.0, np.nan]), ("mean", [2.0, np.nan]), ("min", [1.0, np.nan]), ("max", [3.0, np.nan]), ("sum", [6.0, np.nan])],
)
def test_summaries_of_unknown_values_are_unknown(how: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(summarise(np.array([[1.0, 3.0, 2.0], [1.0, 2.0, np.nan]]), how), expected)  # type: ignore[arg-type]


def test_nothing_has_no_summary() -> None:
    assert np.isnan(summarise(np.zeros((2, 0)), "mean")).all()
