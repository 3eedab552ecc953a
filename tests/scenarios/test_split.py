from __future__ import annotations

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.errors import OptionError
from clbench_plugins.builtin_scenarios.split import Split


@pytest.fixture
def arrays() -> Arrays:
    """Six classes of unequal size."""
    y_train, y_test = np.repeat(np.arange(6), [10, 20, 30, 10, 20, 30]), np.repeat(np.arange(6), 4)
    x = np.zeros((120, 2, 2, 1), np.uint8)
    return Arrays("six", x, y_train, x[: len(y_test)], y_test, 6, "")


def test_fixed_order_global_labels(arrays):
    split = Split(dataset="six", tasks=3)
    layout, stream = split.layout(arrays), split.stream(arrays, 0, 0, 0.0)
    assert (layout.classes, layout.tasks, layout.setting, layout.input_shape) == (
        6,
        3,
        "class",
        (1, 2, 2),
    )
    assert [task.classes.tolist() for task in stream.tasks] == [[0, 1], [2, 3], [4, 5]]
    assert stream.tasks[1].labels.tolist() == [-1, -1, 2, 3, -1, -1]
    for task in stream.tasks:
        assert set(arrays.y_train[task.train]) == set(task.classes) == set(arrays.y_test[task.test])
        assert len(task.validation) == 0
    assert sum(len(task.train) for task in stream.tasks) == 120


@pytest.mark.parametrize(
    ("setting", "labels"), [("domain", None), ("domain", "mapped"), ("task", "mapped")]
)
def test_mapped_labels_follow_the_order_of_the_classes(arrays, setting, labels):
    split = Split(
        dataset="six", tasks=2, setting=setting, labels=labels, class_order=[5, 0, 3, 1, 4, 2]
    )
    assert split.layout(arrays).classes == 3
    first, second = split.stream(arrays, 0, 0, 0.0).tasks
    assert first.classes.tolist() == second.classes.tolist() == [0, 1, 2]
    assert first.labels.tolist() == [1, -1, -1, 2, -1, 0]
    assert second.labels.tolist() == [-1, 0, 2, -1, 1, -1]


def test_task_setting_keeps_global_labels_by_default(arrays):
    split = Split(dataset="six", tasks=2, setting="task", class_order=[5, 0, 3, 1, 4, 2])
    assert split.layout(arrays).classes == 6
    assert [task.classes.tolist() for task in split.stream(arrays, 0, 0, 0.0).tasks] == [
        [0, 3, 5],
        [1, 2, 4],
    ]


def test_a_random_order_is_the_seeds_own(arrays):
    def order(seed: int, agent: int = 0) -> list[list[int]]:
        split = Split(dataset="six", tasks=6, class_order="random")
        return [task.classes.tolist() for task in split.stream(arrays, seed, agent, 0.1).tasks]

    assert order(3) == order(3)
    assert len({str(order(seed)) for seed in range(5)}) > 1
    assert order(3) != order(3, agent=1)
    assert sorted(order(3)) == [[0], [1], [2], [3], [4], [5]]


def test_some_classes_can_be_left_out(arrays):
    stream = Split(dataset="six", tasks=2, classes_per_task=2).stream(arrays, 0, 0, 0.0)
    assert [task.classes.tolist() for task in stream.tasks] == [[0, 1], [2, 3]]


def test_validation_is_held_out_of_training_at_random_and_never_from_the_test_set(arrays):
    split = Split(dataset="six", tasks=2)
    whole = split.stream(arrays, 1, 0, 0.0)
    held = split.stream(arrays, 1, 0, 0.1)
    for before, after in zip(whole.tasks, held.tasks, strict=True):
        assert len(after.validation) == round(0.1 * len(before.train))
        assert sorted([*after.train, *after.validation]) == before.train.tolist()
        assert after.test.tolist() == before.test.tolist()
    assert (
        split.stream(arrays, 2, 0, 0.1).tasks[0].validation.tolist()
        != held.tasks[0].validation.tolist()
    )


def test_a_validation_part_is_never_empty_and_never_everything(arrays):
    split = Split(dataset="six", tasks=6)
    assert len(split.stream(arrays, 0, 0, 0.001).tasks[0].validation) == 1
    assert len(split.stream(arrays, 0, 0, 0.999).tasks[0].train) == 1


@pytest.mark.parametrize(
    ("options", "place", "sentence"),
    [
        ({"tasks": 4}, "tasks", "6 classes do not divide into 4 tasks"),
        ({"tasks": 7}, "tasks", "7 tasks need 7 classes"),
        ({"tasks": 3, "classes_per_task": 3}, "tasks", "need 9 classes"),
        (
            {"tasks": 3, "class_order": [0, 1, 2]},
            "class_order",
            "each of the classes 0..5 once; it has 3 entries",
        ),
        ({"tasks": 3, "class_order": [0, 1, 2, 3, 4, 4]}, "class_order", "each of the classes"),
        ({"tasks": 3, "labels": "mapped"}, "labels", "setting: domain"),
        ({"tasks": 3, "labels": "global", "setting": "domain"}, "labels", "0..n-1"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_loaded(options, place, sentence):
    with pytest.raises(OptionError, match=sentence) as caught:
        Split(dataset="six", **options).check(6)
    assert caught.value.issues[0][0] == (place,)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dataset": {}},
        {"dataset": {"a": {}, "b": {}}},
        {"dataset": 3},
        {"dataset": "a", "tasks": 0},
    ],
)
def test_ill_typed_options_are_refused(options):
    with pytest.raises(OptionError):
        Split(**options)
