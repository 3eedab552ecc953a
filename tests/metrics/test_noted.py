"""What several accuracy metrics ask of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench import RunView, Undefined
from clbench_plugins.accuracy_metrics import base
from clbench_plugins.accuracy_metrics.base import (
    after_each,
    earlier_tasks,
    every_task,
    joint_accuracy,
    later_tasks,
    learnt,
    noted_after_each,
    reference_run,
)
from clbench_plugins.accuracy_metrics.heads import HeadChoiceAccuracy
from tests.metrics.streams import NAN, run

MATRIX = [[NAN] * 3, [0.9, NAN, NAN], [0.8, 0.7, NAN], [0.6, 0.5, 0.4]]
NOTES = {"right_head": np.array([[[NAN] * 3, [1.0, NAN, NAN], [0.5, 1.0, NAN], [0.2, 0.4, 0.9]]])}


def undefined(compute: Any, *given: Any) -> str:
    with pytest.raises(Undefined) as caught:
        compute(*given)
    return caught.value.reason


def test_tasks_of_a_stream() -> None:
    found = run(MATRIX)
    assert every_task(found).tolist() == [1, 2, 3]
    assert base.tested_after(found).tolist() == [1, 2, 3]
    assert later_tasks(found).tolist() == [2, 3]
    assert earlier_tasks(found).tolist() == [1, 2]
    assert learnt(found).tolist() == [0.9, 0.7, 0.4]


def test_tasks_of_a_stream_that_begins_with_two_at_once() -> None:
    found = run([[NAN] * 3, [NAN] * 3, *MATRIX[2:]], trained_together=2)
    assert base.tested_after(found).tolist() == [2, 3]
    assert later_tasks(found).tolist() == [3]
    assert learnt(found).tolist() == [0.8, 0.7, 0.4]


def test_numbers_of_the_last_tasks_stand_under_them() -> None:
    np.testing.assert_array_equal(after_each(run(MATRIX), [0.1, 0.2]), [NAN, 0.1, 0.2])
    assert after_each(run(MATRIX), [0.1, 0.2, 0.3]).tolist() == [0.1, 0.2, 0.3]


def test_notes_are_averaged_over_the_test_sets_of_the_tasks_so_far() -> None:
    found = run(MATRIX, notes=NOTES)
    expected = [1.0, 0.75, 0.5]
    np.testing.assert_allclose(noted_after_each(found, "right_head"), expected)
    np.testing.assert_allclose(HeadChoiceAccuracy().value(found), expected)


def test_where_not_every_task_was_tested_there_is_no_mean() -> None:
    holes = {"right_head": NOTES["right_head"].copy()}
    holes["right_head"][0, 2, 0] = NAN
    found = noted_after_each(run(MATRIX, notes=holes), "right_head")
    np.testing.assert_allclose(found, [1.0, NAN, 0.5])


def test_what_tables_show_has_to_be_there() -> None:
    holes = {"right_head": NOTES["right_head"].copy()}
    holes["right_head"][0, 3, 1] = NAN
    assert "task 2" in undefined(noted_after_each, run(MATRIX, notes=holes), "right_head")


def test_a_method_without_heads_chooses_among_none() -> None:
    found = HeadChoiceAccuracy().value(run(MATRIX))
    assert isinstance(found, Undefined)
    assert found.reason == "mine chooses among no heads"


# ---------------------------------------------------------------------- other runs


def beside(**others: RunView) -> RunView:
    """A run whose record has these, by strategy."""
    found = run(MATRIX)
    found._reference = lambda strategy, _: others.get(strategy)
    return found


def test_joint_training_is_read_where_it_ends() -> None:
    joint = run([[NAN] * 3, [NAN] * 3, [NAN] * 3, [0.95, 0.9, 0.85]])
    assert joint_accuracy(beside(joint=joint)).tolist() == [0.95, 0.9, 0.85]


def test_a_run_that_is_not_there_is_named_with_its_scenario_and_seed() -> None:
    sentence = "it needs a finished run of `joint` on the same scenario and seed (split, seed 0)"
    assert undefined(reference_run, beside(), "joint") == sentence
    assert undefined(joint_accuracy, run(MATRIX)) == sentence
