"""What the checks of a scenario are made of, on streams written down by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.errors import UserError
from clbench.scenarios.stream import Stream, TaskSpec, Warp
from clbench.testing.scenario import (
    _check_division,
    _check_domain,
    _check_equal_outputs,
    _check_nested,
    _check_task,
    _disturb,
    _members,
    _name_and_options,
    _same_warp,
    _stream_difference,
    _with_setting,
)
from clbench.testing.watch import global_draws


def ints(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def images(count: int) -> Any:
    return np.zeros((count, 2, 2, 1), dtype=np.uint8)


# Six training images of the classes 0, 0, 1, 1, 2, 2, and a test image of each.
ARRAYS = Arrays("made", images(6), ints(0, 0, 1, 1, 2, 2), images(3), ints(0, 1, 2), 3, "f00d")
# The classes 0 and 1, which are called so; class 2 is not in it.
TASK = TaskSpec(
    classes=ints(0, 1),
    labels=ints(0, 1, -1),
    train=ints(0, 2, 3),
    test=ints(0, 1),
    validation=ints(1),
)


def task(**changes: Any) -> TaskSpec:
    return replace(TASK, **changes)


def stream(*tasks: TaskSpec, groups: Any = None) -> Stream:
    return Stream(tasks, groups)


def checked(one: TaskSpec) -> None:
    _check_task(4, one, stream(one), ARRAYS)


# ------------------------------------------------------------------ one task


def test_a_sound_task_passes() -> None:
    checked(TASK)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": ints(0, 7, -1)}, "task 4: a label is none of the task's own classes"),
        ({"train": ints(0, 4)}, "task 4: train has a sample of class 2, which has no label"),
        ({"test": ints(0, 2)}, "task 4: test has a sample of class 2"),
        ({"validation": ints(5)}, "task 4: validation has a sample of class 2"),
        ({"train": ints(0, 2, 2)}, "task 4: a train sample twice"),
        ({"test": ints(1, 1)}, "task 4: a test sample twice"),
    ],
)
def test_a_task_that_points_at_nothing_of_its_own_is_told(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(AssertionError, match=said):
        checked(task(**changes))


def test_samples_of_groups_are_told_by_their_group() -> None:
    # Two groups, whose test samples are training images too.
    groups = ints(0, 0, 0, 1, 1, 1)
    one = task(labels=ints(0, -1), train=ints(0, 1), test=ints(2), validation=ints())
    _check_task(1, one, stream(one, groups=groups), ARRAYS)
    odd = task(labels=ints(0, -1), train=ints(0, 3), test=ints(2), validation=ints())
    with pytest.raises(AssertionError, match="train has a sample of group 1"):
        _check_task(1, odd, stream(odd, groups=groups), ARRAYS)


# ------------------------------------------------------------------ several tasks


def test_tasks_have_as_many_outputs_as_the_first() -> None:
    _check_equal_outputs(stream(TASK, TASK))
    _check_equal_outputs(stream(TASK))
    with pytest.raises(AssertionError, match="task 2 has 1 outputs and task 1 has 2"):
        _check_equal_outputs(stream(TASK, task(classes=ints(0))))


def test_a_nested_task_has_what_the_one_before_it_has() -> None:
    more = task(train=ints(0, 2, 3, 1))
    _check_nested(stream(TASK, more, more))
    with pytest.raises(AssertionError, match=r"task 3: .* and train lacks 1 of the task before"):
        _check_nested(stream(TASK, more, TASK))


def test_labels_of_a_domain_are_those_of_its_first_task() -> None:
    _check_domain(stream(TASK, task(classes=ints(1, 0))))
    with pytest.raises(AssertionError, match="task 2 has other labels than task 1"):
        _check_domain(stream(TASK, task(classes=ints(0, 2))))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"validation": ints(5)}, {}, "validation 0 holds samples out"),
        ({}, {"validation": ints()}, r"validation 0\.2 holds nothing out"),
        ({}, {"validation": ints(0)}, "sample 0 is trained on and held out"),
        ({}, {"validation": ints(4)}, "are not those of the task together"),
        ({}, {"test": ints(0)}, "the test samples change with the share"),
    ],
)
def test_held_out_samples_are_a_part_of_the_training_samples(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    whole = task(train=ints(0, 1, 2, 3), validation=ints())
    _check_division(1, whole, TASK)
    with pytest.raises(AssertionError, match=f"task 1: .*{said}"):
        _check_division(1, replace(whole, **before), task(**after))


# ------------------------------------------------------------------ differences


@pytest.mark.parametrize("field", ["classes", "labels", "train", "test", "validation"])
def test_streams_differ_in_what_their_tasks_differ_in(field: str) -> None:
    other = task(**{field: getattr(TASK, field)[:-1]})  # without its last entry
    assert _stream_difference(stream(TASK, TASK), stream(TASK, TASK)) is None
    assert _stream_difference(stream(TASK, TASK), stream(TASK, other)) == f"{field} of task 2"
    # What agents share are so many first tasks.
    assert _stream_difference(stream(TASK, TASK), stream(TASK, other), 1) is None


def test_streams_may_differ_in_their_groups() -> None:
    one, other = stream(TASK, groups=ints(0, 1)), stream(TASK, groups=ints(1, 0))
    assert _stream_difference(one, one) is None
    assert _stream_difference(one, other) == "its groups of samples"
    assert _stream_difference(one, stream(TASK)) == "its groups of samples"


def warped(index: Any, weight: Any = None) -> TaskSpec:
    return task(warp=Warp(index, weight))


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (TASK, TASK, True),
        (warped(ints(1, 0)), warped(ints(1, 0)), True),
        (warped(ints(1, 0)), warped(ints(0, 1)), False),
        (warped(ints(1, 0)), TASK, False),
        (TASK, warped(ints(1, 0)), False),
        (warped(ints(1), np.ones(1)), warped(ints(1), np.ones(1)), True),
        (warped(ints(1), np.ones(1)), warped(ints(1), np.zeros(1)), False),
        (warped(ints(1), np.ones(1)), warped(ints(1)), False),
    ],
)
def test_warps_are_the_same_by_index_and_weight(a: TaskSpec, b: TaskSpec, same: bool) -> None:
    assert _same_warp(a, b) == same
    assert _stream_difference(stream(a), stream(b)) == (None if same else "the warp of task 1")


# ------------------------------------------------------------------ how it is tried


def test_every_seed_is_tried_with_every_agent() -> None:
    assert list(_members(2)) == [(0, 0), (0, 1), (1, 0), (1, 1), (5, 0), (5, 1)]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("digits", ("digits", {})),
        ({"digits": {"size": 4}}, ("digits", {"size": 4})),
        ({"digits": None}, ("digits", {})),
    ],
)
def test_a_data_set_is_a_name_with_or_without_options(given: Any, found: Any) -> None:
    assert _name_and_options(given) == found


def test_both_global_generators_that_scenarios_may_use_are_disturbed() -> None:
    states = np.random.get_state(), random.getstate()
    with global_draws() as drawn:
        _disturb()
    np.random.set_state(states[0])
    random.setstate(states[1])
    assert drawn == ["NumPy's", "Python's"]


class Refusing:
    """Takes the setting `class` alone."""

    def __init__(self, setting: str = "class", size: int = 1) -> None:
        self.options = {"setting": setting, "size": size}

    def check(self, classes: int) -> None:
        """Refuse the others."""
        if self.options["setting"] != "class":
            raise UserError("no")

    def layout(self, arrays: Any) -> None:
        """Nothing to lay out."""


def test_a_setting_that_is_refused_is_none() -> None:
    made: Any = Refusing(size=7)
    assert _with_setting(made, "domain", ARRAYS) is None
    changed: Any = _with_setting(made, "class", ARRAYS)
    assert changed.options == {"setting": "class", "size": 7}
