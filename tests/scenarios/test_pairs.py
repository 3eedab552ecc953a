"""Continual binary classification: pairs of classes in a random order, for as long as one likes."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.errors import OptionError
from clbench_plugins.builtin_scenarios.pairs import Pairs
from clbench_plugins.builtin_scenarios.split import Split


@pytest.fixture
def arrays() -> Arrays:
    """Six classes of ten training and four test samples, the classes taking turns."""
    y_train, y_test = np.arange(60) % 6, np.arange(24) % 6
    x = np.zeros((60, 2, 2, 1), np.uint8)
    return Arrays("six", x, y_train, x[:24], y_test, 6, "")


def stream(arrays: Arrays, seed: int = 0, validation: float = 0.0, **options):
    return Pairs(dataset="six", **options).stream(arrays, seed, 0, validation).tasks


def classes_of(tasks) -> list[list[int]]:
    """The classes of each task in the order of their labels 0 and 1."""
    groups = []
    for task in tasks:
        with_label = np.flatnonzero(task.labels >= 0)
        groups.append(with_label[np.argsort(task.labels[with_label])].tolist())
    return groups


def test_every_task_has_two_classes_under_the_labels_0_and_1(arrays):
    pairs = Pairs(dataset="six", tasks=7)
    layout = pairs.layout(arrays)
    assert (layout.classes, layout.tasks, layout.setting) == (2, 7, "domain")
    for task in stream(arrays, tasks=7):
        labels = task.labels[arrays.y_train[task.train]]
        assert task.classes.tolist() == [0, 1]
        assert np.bincount(labels).tolist() == [10, 10]
        assert np.bincount(task.labels[arrays.y_test[task.test]]).tolist() == [4, 4]


def test_a_pass_uses_every_class_once_in_the_order_of_split(arrays):
    found = classes_of(stream(arrays, seed=3, tasks=3))
    assert sorted(np.ravel(found)) == [0, 1, 2, 3, 4, 5]
    split = Split(dataset="six", tasks=3, setting="domain", class_order="random")
    assert found == classes_of(split.stream(arrays, 3, 0, 0.0).tasks)
    assert found != classes_of(stream(arrays, seed=4, tasks=3))


def test_the_order_recurs_with_the_same_labels(arrays):
    found = classes_of(stream(arrays, tasks=8))
    assert found[3:6] == found[:3]
    assert found[6:] == found[:2]


def test_the_order_is_another_one_in_each_pass_where_it_is_reshuffled(arrays):
    found = classes_of(stream(arrays, tasks=30, recur="reshuffle"))
    passes = [found[start : start + 3] for start in range(0, 30, 3)]
    assert all(sorted(np.ravel(one)) == [0, 1, 2, 3, 4, 5] for one in passes)
    assert len({str(one) for one in passes}) > 5
    assert passes[0] == classes_of(stream(arrays, tasks=3))


def test_classes_that_fill_no_task_are_left_out_of_their_pass(arrays):
    found = classes_of(stream(arrays, tasks=4, classes_per_task=4, recur="reshuffle"))
    assert all(len(set(group)) == 4 for group in found)


def test_what_is_held_out_of_a_class_is_the_same_whenever_it_comes_back(arrays):
    tasks = stream(arrays, tasks=30, recur="reshuffle", validation=0.2)
    held = np.concatenate([task.validation for task in tasks])
    trained = np.concatenate([task.train for task in tasks])
    assert not np.intersect1d(held, trained).size
    assert np.bincount(arrays.y_train[np.unique(held)]).tolist() == [2] * 6


def test_a_long_stream_keeps_none_of_its_tasks(arrays):
    """Two thousand tasks are there, and at most two of them in memory."""
    tasks = stream(arrays, tasks=2000)
    assert len(tasks) == 2000
    assert [len(task.train) for task in tasks] == [20] * 2000
    assert tasks._make.cache_info().currsize <= 2


def test_a_data_set_of_one_class_is_refused():
    with pytest.raises(OptionError, match="a task of 2 classes needs as many; there are 1"):
        Pairs(dataset="six").check(1)
