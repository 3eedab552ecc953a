"""Streams as tables, and tasks that are made when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.scenarios.stream import Layout, LazyTasks, Stream, TaskSpec, labelled


def layout(**changes: object) -> Layout:
    known = {"classes": 4, "tasks": 3, "setting": "class", "input_shape": (1, 2, 2)}
    return Layout(**(known | changes))  # type: ignore[arg-type]


def task(index: int) -> TaskSpec:
    table = np.array([index])
    return TaskSpec(table, table, table, table, table)


class Made:
    """Tasks, and how often each was made."""

    def __init__(self, count: int = 5) -> None:
        self.asked: list[int] = []
        self.tasks = LazyTasks(count, self.make)

    def make(self, index: int) -> TaskSpec:
        self.asked.append(index)
        return task(index)


def test_all_tasks_so_far_have_been_seen() -> None:
    assert list(layout().seen(1)) == [0, 1]
    assert list(layout().every) == [0, 1, 2]


def test_a_nested_task_has_the_samples_of_those_before_it() -> None:
    assert list(layout(nested=True).seen(1)) == [1]
    assert list(layout(nested=True).every) == [2]


def test_a_task_is_made_when_it_is_asked_for_and_the_last_ones_are_kept() -> None:
    made = Made()
    assert made.asked == []
    for index in (1, 1, 0, 1):
        assert made.tasks[index].train.tolist() == [index]
    assert made.asked == [1, 0]
    made.tasks[2]
    made.tasks[0]
    # Two are kept.
    assert made.asked == [1, 0, 2, 0]


def test_tasks_are_counted_from_either_end_and_cut_out() -> None:
    made = Made()
    assert len(made.tasks) == 5
    assert made.tasks[-1].train.tolist() == [4]
    assert [one.train[0] for one in made.tasks[1:3]] == [1, 2]
    assert [one.train[0] for one in made.tasks] == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError):
        made.tasks[5]


def test_labels_are_given_to_classes_or_to_groups() -> None:
    x = np.zeros((2, 1, 1, 1), dtype=np.uint8)
    y_train, y_test = np.array([0, 1]), np.array([1, 0])
    arrays = Arrays("tiny", x, y_train, x, y_test, classes=2, fingerprint="")
    plain = labelled(arrays, Stream((task(0),)))
    assert plain["train"] is y_train
    assert plain["test"] is y_test
    groups = np.array([5, 6])
    # Of images that are in groups the training images are tested.
    grouped = labelled(arrays, Stream((task(0),), groups))
    assert grouped["train"] is grouped["test"] is groups
