"""What runs look like inside: courses over tasks by seed, ages, costs, fronts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.records import CellRecord, Entries
from clbench.report.curves import (
    AVERAGE,
    FINAL,
    LEARNT,
    ONLINE,
    accuracy_intervals,
    ages_by_seed,
    binned_course,
    course_by_seed,
    finished,
    is_measured,
    known_to_all,
    mean_cost,
    mean_matrix,
    pareto,
    percent_bounds,
)
from clbench.stats.intervals import mean_interval

NAN = np.nan
# Rows: untrained, after tasks 1 to 3; nothing is tested before it is learnt.
SEEN = np.array(
    [
        [NAN, NAN, NAN],
        [0.9, NAN, NAN],
        [0.7, 0.8, NAN],
        [0.5, 0.6, 1.0],
    ]
)


def learner(made, *matrices: Any, **changes: Any) -> CellRecord:
    """A cell with a run for each of these accuracy matrices."""
    accuracy = np.stack(matrices or (SEEN,))
    cell: CellRecord = made.cell("er", [0.0] * len(accuracy), **{"accuracy": accuracy, **changes})
    return cell


def as_entries(made, *matrices: Any) -> CellRecord:
    """The same as entries, without a matrix."""
    accuracy = np.stack(matrices)
    row, column = np.nonzero(~np.isnan(accuracy).all(axis=0))
    return learner(
        made,
        *matrices,
        accuracy=None,
        entries=Entries(row, column, accuracy[:, row, column]),
    )


# ---------------------------------------------------------------------- who counts


def test_members_of_seeds_that_came_to_their_end_with_all_agents(made) -> None:
    status = np.array(["done", "diverged", "done", "done"], dtype=object)
    seeds, agents = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    cell = made.cell("a", [0.5] * 4, seed=seeds, agent=agents, member_status=status)
    assert finished(cell) == [2, 3]


# ---------------------------------------------------------------------- courses


@pytest.mark.parametrize(
    ("course", "values"),
    [
        # A_i: 0.9, (0.7 + 0.8) / 2, (0.5 + 0.6 + 1.0) / 3
        (AVERAGE, [0.9, 0.75, 0.7]),
        (LEARNT, [0.9, 0.8, 1.0]),
        (FINAL, [0.5, 0.6, 1.0]),
        (ONLINE, [NAN, NAN, NAN]),
    ],
)
def test_a_course_has_a_number_for_every_task(made, course, values: list[float]) -> None:
    cell = learner(made)
    found = course_by_seed(made.results(cell), cell, course)
    np.testing.assert_allclose(found, [values])


def test_nothing_is_final_where_a_task_was_not_tested_at_the_end(made) -> None:
    cell = learner(made)
    cell.accuracy[0, -1, 0] = NAN
    assert np.isnan(course_by_seed(made.results(cell), cell, FINAL)).all()


def test_a_course_is_a_row_a_seed_the_mean_of_its_agents(made) -> None:
    seeds, agents = np.array([4, 4, 9, 9]), np.array([0, 1, 0, 1])
    cell = learner(made, SEEN, SEEN - 0.2, SEEN - 0.1, SEEN - 0.1, seed=seeds, agent=agents)
    found = course_by_seed(made.results(cell), cell, LEARNT)
    np.testing.assert_allclose(found, np.array([[0.9, 0.8, 1.0]] * 2) - 0.1)


def test_runs_that_did_not_finish_are_in_no_course(made) -> None:
    status = np.array(["done", "failed"], dtype=object)
    cell = learner(made, SEEN, SEEN * 0, member_status=status)
    assert course_by_seed(made.results(cell), cell, LEARNT).shape == (1, 3)


# ---------------------------------------------------------------------- ages


def test_by_age_is_the_mean_over_the_tasks_that_became_so_old(made) -> None:
    cell = learner(made)
    # Age 0: (0.9 + 0.8 + 1.0) / 3; 1: (0.7 + 0.6) / 2; 2: 0.5 alone.
    np.testing.assert_allclose(ages_by_seed(made.results(cell), cell), [[0.9, 0.65, 0.5]])


def test_tests_before_a_task_is_learnt_have_no_age(made) -> None:
    cell = learner(made, np.where(np.isnan(SEEN), 0.1, SEEN))
    np.testing.assert_allclose(ages_by_seed(made.results(cell), cell), [[0.9, 0.65, 0.5]])


def test_an_age_at_which_nothing_was_tested_has_no_value(made) -> None:
    matrix = SEEN.copy()
    matrix[3, 0] = NAN
    cell = learner(made, matrix)
    np.testing.assert_allclose(ages_by_seed(made.results(cell), cell), [[0.9, 0.65, NAN]])


def test_ages_of_entries_are_those_of_the_matrix(made) -> None:
    matrices = SEEN, SEEN - 0.05
    whole, single = learner(made, *matrices), as_entries(made, *matrices)
    np.testing.assert_allclose(
        ages_by_seed(made.results(single), single), ages_by_seed(made.results(whole), whole)
    )


# ---------------------------------------------------------------------- points of a line


def test_a_point_that_one_seed_lacks_is_unknown_to_all() -> None:
    values = np.array([[0.1, NAN, 0.3], [0.4, 0.5, 0.6]])
    np.testing.assert_array_equal(known_to_all(values), [[0.1, NAN, 0.3], [0.4, NAN, 0.6]])


@pytest.mark.parametrize(
    ("values", "measured"),
    [
        ([[0.1, 0.2, 0.3]], True),
        ([[0.1, NAN, NAN]], False),  # a first point is no course
        ([[0.1, 0.2, NAN]], True),
        ([[0.1]], True),  # of a single task it is all there can be
        ([[NAN]], False),
        ([[NAN, NAN]], False),
        ([[0.1, 0.2], [0.1, NAN]], False),  # the seeds share one point
    ],
)
def test_what_is_a_course(values: list[list[float]], measured: bool) -> None:
    assert is_measured(np.array(values)) is measured


def test_a_binned_course_leaves_out_bins_that_some_seed_lacks() -> None:
    values = np.array([[0.1, 0.3, NAN, NAN, 0.5], [0.2, 0.4, 0.9, 0.9, 0.7]])
    centres, means = binned_course(values, 2)
    assert centres.tolist() == [0.5, 4.0]
    np.testing.assert_allclose(means, [[0.2, 0.5], [0.3, 0.7]])


def test_intervals_are_those_of_the_mean_cut_to_what_is_possible() -> None:
    values = np.array([[0.99, 0.5], [1.0, 0.6], [0.9, 0.7]])
    wide, inner = accuracy_intervals(values)
    wanted = mean_interval(values[:, 1])
    assert (inner.low, inner.high) == (pytest.approx(wanted.low), pytest.approx(wanted.high))
    assert wide.high == 1.0
    assert wide.low < 0.9633


def test_bounds_are_the_ends_of_the_intervals_in_percent() -> None:
    values = np.array([[0.5, 0.6], [0.6, 0.6], [0.7, 0.6]])
    low, high = percent_bounds(values, 0.9)
    interval = mean_interval(values[:, 0], 0.9)
    np.testing.assert_allclose([low[0], high[0]], [100 * interval.low, 100 * interval.high])
    np.testing.assert_allclose([low[1], high[1]], [60.0, 60.0])


def test_the_mean_matrix_is_that_of_finished_runs(made) -> None:
    status = np.array(["done", "diverged", "done"], dtype=object)
    cell = learner(made, SEEN, SEEN * 0, SEEN - 0.1, member_status=status)
    np.testing.assert_allclose(mean_matrix(cell), SEEN - 0.05)


# ---------------------------------------------------------------------- costs


@pytest.mark.parametrize(
    ("seconds", "mean"), [([1.0, 3.0], 2.0), ([1.0, NAN], 1.0), ([NAN, NAN], NAN)]
)
def test_a_cost_is_the_mean_of_what_was_measured(made, seconds: list[float], mean: float) -> None:
    cell = made.cell("a", [0.5, 0.5], cost={"train_seconds": np.array(seconds)})
    found = mean_cost(made.results(cell), cell, "train_seconds")
    np.testing.assert_equal(found, mean)


def test_a_cost_that_nobody_knows_has_no_value(made) -> None:
    cell = made.cell("a", [0.5])
    assert np.isnan(mean_cost(made.results(cell), cell, "nobody_s_cost"))


def test_who_costs_more_and_reaches_less_is_not_on_the_front() -> None:
    points = [(2.0, 0.5), (1.0, 0.5), (3.0, 0.9), (2.0, 0.7), (4.0, 0.8)]
    assert pareto(points) == [(1.0, 0.5), (2.0, 0.7), (3.0, 0.9)]
    assert pareto(points[::-1]) == pareto(points)


def test_where_less_is_better_the_front_goes_down() -> None:
    points = [(1.0, 0.5), (2.0, 0.7), (3.0, 0.2), (4.0, 0.2)]
    assert pareto(points, higher_is_better=False) == [(1.0, 0.5), (3.0, 0.2)]


def test_a_front_of_none_or_one() -> None:
    assert pareto([]) == []
    assert pareto([(1.0, -0.5)]) == [(1.0, -0.5)]
