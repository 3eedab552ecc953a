"""What tasks do to each other, on one matrix with numbers by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench import Undefined
from clbench_plugins.accuracy_metrics.hive import (
    Catastrophic,
    HiveAuc,
    HiveBackward,
    HiveForward,
)
from clbench_plugins.accuracy_metrics.plasticity import LearningCurveArea
from clbench_plugins.accuracy_metrics.transfer import (
    BackwardTransfer,
    Forgetting,
    ForgettingColumn,
    ForgettingDiagonal,
    ForwardTransfer,
    OneStepBackwardTransfer,
    WindowedForgetting,
    ZeroShotAccuracy,
)
from tests.metrics.streams import NAN, run

# Rows: after 0, 1, 2, 3 tasks; columns: tasks 1, 2, 3.
MATRIX = [
    [0.10, 0.10, 0.20],
    [0.90, 0.30, 0.40],
    [0.95, 0.80, 0.50],
    [0.60, 0.70, 1.00],
]
ONE_TASK = [[0.1], [0.9]]


def value(metric: Any, matrix: Any = MATRIX, **changes: Any) -> Any:
    return metric.value(run(matrix, **changes))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # The mean of R_12 - b_2 and R_23 - b_3.
        (ForwardTransfer(), (0.3 - 0.1 + 0.5 - 0.2) / 2),
        # The mean of R_31 - R_11 and R_32 - R_22.
        (BackwardTransfer(), (0.6 - 0.9 + 0.7 - 0.8) / 2),
        (ForgettingDiagonal(), (0.9 - 0.6 + 0.8 - 0.7) / 2),
        # The best of the whole column: 0.95 and 0.8.
        (ForgettingColumn(), (0.95 - 0.6 + 0.8 - 0.7) / 2),
        # The mean of R_21 - R_11 and R_32 - R_22.
        (OneStepBackwardTransfer(), (0.95 - 0.9 + 0.7 - 0.8) / 2),
        # The mean of R_12 and R_23.
        (ZeroShotAccuracy(), (0.3 + 0.5) / 2),
        # Every pair: (2, 1), (3, 1), (3, 2).
        (HiveBackward(), (0.95 - 0.9 + 0.6 - 0.95 + 0.7 - 0.8) / 3),
        # In points, the last task with 0.
        (Catastrophic(), 100 * (0.3 + 0.1 + 0.0) / 3),
    ],
)
def test_a_number_for_the_whole_stream(metric: Any, expected: float) -> None:
    assert value(metric) == pytest.approx(expected)


def test_forgetting_is_measured_after_each_task_from_the_second_on() -> None:
    # F_2 = 0.9 - 0.95; F_3 = mean of 0.95 - 0.6 and 0.8 - 0.7. Row 0 takes no part.
    np.testing.assert_allclose(value(Forgetting()), [NAN, -0.05, (0.35 + 0.1) / 2])


def test_an_early_accuracy_counts_as_the_best_in_chaudhrys_forgetting_alone() -> None:
    early = [list(row) for row in MATRIX]
    early[1][1] = 0.99  # task 2 before it was trained
    assert value(Forgetting(), early)[2] == pytest.approx((0.35 + 0.29) / 2)
    assert value(WindowedForgetting(), early)[2] == pytest.approx((0.35 + 0.1) / 2)


@pytest.mark.parametrize(
    ("window", "last"),
    [
        (1, 0.8 - 0.7),  # task 2 alone
        (2, ((0.95 - 0.6) + (0.8 - 0.7)) / 2),
        (10, ((0.95 - 0.6) + (0.8 - 0.7)) / 2),
    ],
)
def test_a_window_is_of_the_tasks_learnt_last(window: int, last: float) -> None:
    assert value(WindowedForgetting(window=window))[2] == pytest.approx(last)


def test_what_a_window_lacks_is_told_with_the_protocol_that_measures_it() -> None:
    holes = [list(row) for row in MATRIX]
    holes[3][1] = NAN
    with pytest.raises(Undefined, match=r"`evaluate: \{last: 3\}` in the protocol"):
        value(WindowedForgetting(window=2), holes)


@pytest.mark.parametrize(
    "metric",
    [
        ForwardTransfer(),
        BackwardTransfer(),
        Forgetting(),
        ForgettingColumn(),
        WindowedForgetting(),
        OneStepBackwardTransfer(),
        ZeroShotAccuracy(),
        HiveBackward(),
        Catastrophic(),
    ],
)
def test_one_task_has_no_transfer_rather_than_none_of_it(metric: Any) -> None:
    with pytest.raises(Undefined) as caught:
        value(metric, ONE_TASK)
    assert caught.value.reason == "it needs two tasks"


# ---------------------------------------------------------------------- the first tasks together


def together() -> dict[str, Any]:
    """Tasks 1 and 2 were trained at once: nothing was measured after task 1."""
    matrix = [list(row) for row in MATRIX]
    matrix[1] = [NAN, NAN, NAN]
    return {"matrix": matrix, "trained_together": 2}


def test_tasks_trained_together_are_learnt_with_the_last_of_them() -> None:
    # R_21 = 0.95 stands for R_11.
    assert value(BackwardTransfer(), **together()) == pytest.approx((0.6 - 0.95 + 0.7 - 0.8) / 2)
    assert value(ZeroShotAccuracy(), **together()) == pytest.approx(0.5)
    np.testing.assert_allclose(
        value(Forgetting(), **together()), [NAN, NAN, (0.95 - 0.6 + 0.8 - 0.7) / 2]
    )


def test_pairs_of_the_joint_training_begin_with_the_untrained_network() -> None:
    # (2, 1) from row 0; (3, 1) and (3, 2) from row 2.
    expected = (0.95 - 0.1 + 0.6 - 0.95 + 0.7 - 0.8) / 3
    assert value(HiveBackward(), **together()) == pytest.approx(expected)


# ---------------------------------------------------------------------- within tasks

EVALUATIONS = [
    (10, 1, [0.4, 0.1, 0.0]),
    (20, 1, [0.8, 0.1, 0.0]),
    (30, 2, [0.6, 0.5, 0.0]),
    (40, 2, [0.8, 0.7, 0.0]),
    (50, 3, [0.6, 0.6, 0.9]),
    (60, 3, [0.6, 0.6, 0.9]),
]


def test_the_accuracy_of_a_fresh_head() -> None:
    before = np.array([[0.1, 0.2, 0.3]])
    assert value(HiveForward(), accuracy_before=before).tolist() == [0.1, 0.2, 0.3]
    missing = value(HiveForward(), accuracy_before=np.array([[0.1, NAN, NAN]]))
    assert missing.reason == "task 2 was not evaluated just before it was trained"


def test_the_accuracy_after_so_many_steps_of_a_task() -> None:
    found = value(HiveForward(steps=20), followed=EVALUATIONS)
    assert found.tolist() == [0.8, 0.7, 0.9]
    with pytest.raises(Undefined, match="not evaluated after 15 steps of its training"):
        value(HiveForward(steps=15), followed=EVALUATIONS)


def test_the_area_under_a_curve_is_its_mean_height() -> None:
    # Trapezoids over one interval: the mean of both ends.
    current = value(HiveAuc(curve="current"), followed=EVALUATIONS)
    np.testing.assert_allclose(current, [0.6, 0.6, 0.9])
    # Over the tasks so far: task 1; tasks 1 and 2; all three.
    average = value(HiveAuc(), followed=EVALUATIONS)
    np.testing.assert_allclose(average, [0.6, (0.55 + 0.75) / 2, 0.7])


def test_a_curve_of_one_point_has_no_area() -> None:
    with pytest.raises(Undefined, match="task 1 was evaluated less than twice"):
        value(HiveAuc(), followed=EVALUATIONS[1:])


def test_a_learning_curve_begins_before_the_training() -> None:
    before = np.array([[0.1, 0.2, 0.3]])
    found = value(LearningCurveArea(), followed=EVALUATIONS, accuracy_before=before)
    np.testing.assert_allclose(found, [1.3 / 3, 1.4 / 3, 2.1 / 3])
    first = value(LearningCurveArea(steps=10), followed=EVALUATIONS, accuracy_before=before)
    np.testing.assert_allclose(first, [0.5 / 2, 0.7 / 2, 1.2 / 2])


@pytest.mark.parametrize(
    ("options", "changes", "sentence"),
    [
        ({}, {"accuracy_before": np.array([[NAN, 0.2, 0.3]])}, "task 1 was not evaluated just"),
        ({}, {"followed": EVALUATIONS[2:]}, "task 1 was not evaluated while it was trained"),
        ({"steps": 5}, {}, "nothing was evaluated in the first 5 steps of task 1"),
    ],
)
def test_what_a_learning_curve_lacks_is_said(options, changes, sentence) -> None:
    given = {"followed": EVALUATIONS, "accuracy_before": np.array([[0.1, 0.2, 0.3]])}
    with pytest.raises(Undefined, match=sentence):
        value(LearningCurveArea(**options), **{**given, **changes})
