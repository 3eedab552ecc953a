"""Means of neighbouring tasks: how large the bins are, and what lies in them."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.records import Entries
from clbench.report.bins import (
    MOST_POINTS,
    bin_centres,
    bin_means,
    bin_names,
    bin_size,
    matrix_means,
    mean_of_known,
    means_by_seed,
    means_of_groups,
    said_of,
    with_bins,
)

NAN = np.nan


@pytest.mark.parametrize(
    ("count", "most", "size"),
    [
        (0, 10, 1),
        (10, 10, 1),  # just enough room for single tasks
        (11, 10, 2),
        (20, 10, 2),
        (21, 10, 5),
        (51, 10, 10),
        (101, 10, 20),
        (1000, 10, 100),
        (1001, 10, 200),
    ],
)
def test_the_least_round_size_with_which_all_fit(count: int, most: int, size: int) -> None:
    assert bin_size(count, most) == size


@pytest.mark.parametrize("count", [1, 59, 60, 61, 119, 240, 4999, 12_345])
def test_there_are_never_more_bins_than_points(count: int) -> None:
    size = bin_size(count)
    assert -(-count // size) <= MOST_POINTS
    assert str(size).rstrip("0") in ("1", "2", "5")


def test_bins_of_one_are_the_values_themselves() -> None:
    values = np.array([0.5, NAN, 0.25])
    assert bin_means(values, 1) is values


def test_a_bin_is_the_mean_of_what_is_known_in_it() -> None:
    values = np.array([0.25, 0.75, NAN, 0.5, NAN, NAN, 1.0])
    # (0.25 + 0.75) / 2, then 0.5 alone, nothing, and the last bin of a single task.
    np.testing.assert_array_equal(bin_means(values, 2), [0.5, 0.5, NAN, 1.0])


def test_every_row_is_binned_by_itself_and_left_as_it_is() -> None:
    values = np.array([[1.0, 3.0, 5.0], [2.0, 4.0, NAN]])
    before = values.copy()
    np.testing.assert_array_equal(bin_means(values, 2), [[2.0, 5.0], [3.0, NAN]])
    np.testing.assert_array_equal(values, before)


def test_the_mean_of_whole_bins_is_the_mean_of_all() -> None:
    values = np.random.default_rng(0).random(20)
    assert bin_means(values, 5).mean() == pytest.approx(values.mean())


@pytest.mark.parametrize(
    ("count", "size", "centres"),
    [
        (3, 1, [0, 1, 2]),
        (4, 2, [0.5, 2.5]),
        (5, 2, [0.5, 2.5, 4.0]),  # the last bin holds task 4 alone
        (2, 10, [0.5]),
        (0, 1, []),
    ],
)
def test_the_middle_of_each_bin(count: int, size: int, centres: list[float]) -> None:
    assert bin_centres(count, size).tolist() == centres


@pytest.mark.parametrize(
    ("count", "size", "names"),
    [
        (2, 1, ["1", "2"]),
        (120, 50, ["1-50", "51-100", "101-120"]),
        (101, 50, ["1-50", "51-100", "101-101"]),
        (0, 1, []),
    ],
)
def test_bins_are_named_by_their_tasks_counted_from_one(
    count: int, size: int, names: list[str]
) -> None:
    assert bin_names(count, size) == names


def test_only_binned_numbers_are_said_to_be_means() -> None:
    assert (said_of(1), said_of(50)) == ("", "means of 50 tasks")
    assert (with_bins("task", 1), with_bins("task", 50)) == ("task", "task (means of 50 tasks)")


# ---------------------------------------------------------------------- matrices


def test_a_small_matrix_is_the_mean_over_the_chosen_members(made) -> None:
    cell = made.cell("a", [0.2, 0.4, 0.9])
    np.testing.assert_allclose(matrix_means(cell, np.array([0, 1]), 1), np.full((3, 2), 0.3))


def test_blocks_of_a_matrix_leave_the_untrained_row_alone(made) -> None:
    # 4 tasks in blocks of 2; accuracy[i, j] is (10 i + j) / 100.
    accuracy = (10.0 * np.arange(5)[:, None] + np.arange(4))[None] / 100
    cell = made.cell("a", [0.0], accuracy=accuracy)
    found = 100 * matrix_means(cell, np.array([0]), 2)
    # Rows: 0 by itself, then the means of 1 and 2 (15) and of 3 and 4 (35); columns 0.5 and 2.5.
    np.testing.assert_allclose(found, [[0.5, 2.5], [15.5, 17.5], [35.5, 37.5]])


def test_blocks_in_which_nothing_was_measured_are_empty(made) -> None:
    accuracy = np.full((1, 5, 4), NAN)
    accuracy[0, 1, 0], accuracy[0, 4, 3] = 0.5, 0.75
    found = matrix_means(made.cell("a", [0.0], accuracy=accuracy), np.array([0]), 2)
    np.testing.assert_array_equal(found, [[NAN, NAN], [0.5, NAN], [NAN, 0.75]])


@pytest.mark.parametrize("size", [1, 2])
def test_entries_and_the_whole_matrix_give_the_same_means(made, size: int) -> None:
    accuracy = np.random.default_rng(0).random((3, 5, 4))
    rows, columns = (index.ravel() for index in np.indices((5, 4)))
    entries = Entries(rows, columns, accuracy[:, rows, columns])
    whole = made.cell("a", [0.0] * 3, accuracy=accuracy)
    single = made.cell("a", [0.0] * 3, accuracy=None, entries=entries)
    members = np.array([0, 2])
    np.testing.assert_allclose(
        matrix_means(single, members, size), matrix_means(whole, members, size)
    )


def test_means_of_groups_count_what_is_known_alone() -> None:
    group = np.array([0, 2, 0, 2, 3])
    value = np.array([1.0, 5.0, 3.0, NAN, NAN])
    # Group 0: (1 + 3) / 2; 1 is empty; 2: 5 alone; of 3 nothing is known; 4 is empty.
    np.testing.assert_array_equal(means_of_groups(group, value, 5), [2.0, NAN, 5.0, NAN, NAN])


def test_the_mean_of_what_is_known_along_an_axis() -> None:
    values = np.array([[1.0, NAN], [3.0, NAN]])
    np.testing.assert_array_equal(mean_of_known(values), [2.0, NAN])
    np.testing.assert_array_equal(mean_of_known(values, axis=1), [1.0, 3.0])


def test_of_no_rows_no_mean_is_known() -> None:
    np.testing.assert_array_equal(mean_of_known(np.empty((0, 2))), [NAN, NAN])


def test_agents_of_a_seed_are_their_mean_seeds_ascending() -> None:
    seed = np.array([7, 3, 7, 3])
    values = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, NAN]])
    np.testing.assert_array_equal(means_by_seed(values, seed), [[3.0, NAN], [2.0, 20.0]])
    assert means_by_seed(np.empty(0), np.empty(0)).shape == (0,)
