"""What happens between the ends of tasks, with numbers by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench import Undefined
from clbench_plugins.accuracy_metrics.gap import (
    Followed,
    MinAccuracy,
    WorstCaseAccuracy,
    followed,
    lowest,
)
from tests.metrics.streams import NAN, run

MATRIX = [[NAN, NAN], [0.9, NAN], [0.6, 0.8]]
# Twice in each of two tasks of 20 steps.
EVALUATIONS = [
    (10, 1, [0.5, 0.1]),
    (20, 1, [0.9, 0.2]),
    (30, 2, [0.3, 0.7]),
    (40, 2, [0.6, 0.8]),
]


def undefined(compute: Any, *given: Any) -> str:
    with pytest.raises(Undefined) as caught:
        compute(*given)
    return caught.value.reason


def test_evaluations_are_what_the_curves_hold() -> None:
    found = followed(run(MATRIX, followed=EVALUATIONS))
    assert found.step.tolist() == [10, 20, 30, 40]
    assert found.trained.tolist() == [1, 1, 2, 2]
    assert found.tasks == 2
    assert found.every_task.shape == (4, 2)


def test_what_fills_a_curve_up_is_no_evaluation() -> None:
    longer = [*EVALUATIONS, (NAN, NAN, [NAN, NAN])]
    assert len(followed(run(MATRIX, followed=longer)).step) == 4


def test_without_evaluations_the_protocol_is_told() -> None:
    assert "`evaluate: {every: 10}`" in undefined(followed, run(MATRIX))


def test_a_task_is_followed_while_it_is_trained() -> None:
    found = followed(run(MATRIX, followed=EVALUATIONS))
    heights, steps = found.of_task(2)
    assert heights.tolist() == [0.7, 0.8]
    assert steps.tolist() == [30, 40]


def test_steps_of_a_task_are_counted_from_its_own_beginning() -> None:
    found = followed(run(MATRIX, followed=EVALUATIONS))
    for task in (1, 2):
        _, since = found.since_begun(task)
        # The first evaluation comes after as many steps as that of the stream.
        assert since.tolist() == [10, 20]


def test_tasks_trained_together_are_followed_while_the_last_of_them_is() -> None:
    found = Followed(
        accuracy=np.array([[0.1, 0.2], [0.3, 0.4]]),
        trained=np.array([2, 2]),
        step=np.array([5, 10]),
        learnt_after=np.array([2, 2]),
    )
    assert found.of_task(1)[0].tolist() == [0.1, 0.3]
    assert found.of_task(2)[0].tolist() == [0.2, 0.4]


def short(width: int) -> Followed:
    """Three tasks, of which the last so many were evaluated: column `width - 1` is the trained."""
    accuracy = np.array([[0.1, 0.2], [0.3, 0.4]])[:, 2 - width :]
    return Followed(accuracy, np.array([2, 3]), np.array([5, 10]), np.array([1, 2, 3]))


def test_of_a_long_stream_the_last_tasks_are_there() -> None:
    found = short(2)
    assert found.of_task(3)[0].tolist() == [0.4]
    assert found.of_task(2)[0].tolist() == [0.2]
    assert "only the last 2 were evaluated" in undefined(lambda: found.every_task)
    assert "only the one trained was evaluated" in undefined(lambda: short(1).every_task)


def test_a_task_that_was_not_evaluated_is_named() -> None:
    together = Followed(
        np.array([[0.2]]), np.array([3]), np.array([5]), learnt_after=np.array([3, 3, 3])
    )
    assert undefined(together.of_task, 1) == "task 1 was not evaluated while it was trained"
    assert together.of_task(3)[0].tolist() == [0.2]


def test_the_lowest_accuracy_is_looked_for_while_later_tasks_are_trained() -> None:
    # Task 1 while task 2 is trained: 0.3 and 0.6. Its own training (0.5) does not count.
    found = run(MATRIX, followed=EVALUATIONS)
    assert lowest(found) == 0.3
    assert MinAccuracy().value(found) == 0.3


def test_the_worst_case_is_the_present_task_and_the_others_at_their_lowest() -> None:
    found = run(MATRIX, followed=EVALUATIONS)
    # 1/2 * R_22 + 1/2 * min-ACC.
    assert WorstCaseAccuracy().value(found) == pytest.approx(0.5 * 0.8 + 0.5 * 0.3)


def test_a_task_that_is_left_out_once_has_no_lowest_value() -> None:
    holes = [*EVALUATIONS[:3], (40, 2, [NAN, 0.8])]
    sentence = "task 1 was not always evaluated while later tasks were trained"
    assert undefined(lowest, run(MATRIX, followed=holes)) == sentence


def test_nothing_within_the_last_task_is_said() -> None:
    early = run(MATRIX, followed=EVALUATIONS[:2])
    assert undefined(lowest, early) == "nothing was evaluated within task 2"


def test_one_task_has_no_gap() -> None:
    assert undefined(lowest, run([[NAN], [0.9]], followed=[(10, 1, [0.5])])) == "it needs two tasks"
