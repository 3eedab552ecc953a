"""Agents: each has tasks of its own; what they share is drawn once a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.errors import OptionError
from clbench.scenarios import TaskSpec
from clbench.scenarios.check import check_stream
from clbench.scenarios.heads import with_head_per_task
from clbench_plugins.builtin_scenarios.agents import Agents

CLASSES, EACH = 9, 20


@pytest.fixture
def arrays() -> Arrays:
    """Nine classes of twenty training and four test samples, the classes taking turns."""
    y_train, y_test = np.arange(CLASSES * EACH) % CLASSES, np.arange(36) % CLASSES
    x = np.zeros((CLASSES * EACH, 2, 2, 1), np.uint8)
    return Arrays("nine", x, y_train, x[:36], y_test, CLASSES, "")


def tasks_of(
    arrays: Arrays, agent: int = 0, validation: float = 0.0, seed: int = 0, **options: Any
) -> Sequence[TaskSpec]:
    scenario = Agents(dataset="nine", **options)
    stream = scenario.stream(arrays, seed, agent, validation)
    check_stream("agents", arrays, scenario.layout(arrays), stream)
    return stream.tasks


def classes_of(tasks: Sequence[TaskSpec]) -> list[list[int]]:
    return [np.flatnonzero(task.labels >= 0).tolist() for task in tasks]


def test_every_agent_has_classes_of_its_own(arrays: Arrays) -> None:
    """They are distinct in a task, and drawn with replacement between tasks."""
    found = [classes_of(tasks_of(arrays, agent, tasks=6)) for agent in range(3)]
    assert all(len(task) == 2 for agent in found for task in agent)
    assert len({str(agent) for agent in found}) == 3
    assert len(np.unique(found[0])) < 12  # of nine classes some came back


def test_without_replacement_no_class_comes_back(arrays: Arrays) -> None:
    options = {"replacement": False, "tasks": 4, "shared_tasks": 1}
    found = [classes_of(tasks_of(arrays, agent, **options)) for agent in range(5)]
    for agent in found:
        assert len(np.unique(agent)) == 8
        assert agent[0] == found[0][0]
    assert len({str(agent[1:]) for agent in found}) == 5


def test_shared_tasks_are_the_same_sample_for_sample(arrays: Arrays) -> None:
    options = {"shared_tasks": 2, "tasks": 4, "samples_per_class": 5, "validation": 0.2}
    first, other = (tasks_of(arrays, agent, **options) for agent in (0, 3))
    for index in range(2):
        assert np.array_equal(first[index].train, other[index].train)
        assert np.array_equal(first[index].validation, other[index].validation)
    assert not np.array_equal(first[2].train, other[2].train)
    assert Agents(dataset="nine", shared_tasks=2).layout(arrays).shared_tasks == 2


def test_groups_of_classes_take_turns(arrays: Arrays) -> None:
    found = classes_of(tasks_of(arrays, tasks=7, groups=[2, 3, 4]))
    groups = [{0, 1}, {2, 3, 4}, {5, 6, 7, 8}]
    for index, classes in enumerate(found):
        assert set(classes) <= groups[index % 3]


def test_each_class_has_so_many_samples_drawn_by_each_agent(arrays: Arrays) -> None:
    options = {"tasks": 1, "shared_tasks": 0, "classes_per_task": CLASSES, "validation": 0.25}
    whole = tasks_of(arrays, **options)[0]
    assert (len(whole.train), len(whole.validation), len(whole.test)) == (135, 45, 36)
    options |= {"samples_per_class": 6, "validation_per_class": 3}
    first, other = (tasks_of(arrays, agent, **options)[0] for agent in (0, 1))
    for task in (first, other):
        assert np.bincount(arrays.y_train[task.train]).tolist() == [6] * CLASSES
        assert np.bincount(arrays.y_train[task.validation]).tolist() == [3] * CLASSES
        assert len(task.test) == 36
    assert not np.array_equal(first.train, other.train)


def test_samples_are_drawn_anew_when_a_class_comes_back(arrays: Arrays) -> None:
    options = {"tasks": 2, "classes_per_task": CLASSES, "samples_per_class": 6}
    first, second = tasks_of(arrays, **options)
    assert not np.array_equal(first.train, second.train)


def test_nobody_trains_on_what_another_agent_of_the_seed_validates_with(arrays: Arrays) -> None:
    everybody = [tasks_of(arrays, agent, 0.3, tasks=6) for agent in range(4)]
    trained = np.unique([s for tasks in everybody for task in tasks for s in task.train])
    held = np.unique([s for tasks in everybody for task in tasks for s in task.validation])
    assert len(trained)
    assert len(held)
    assert not len(np.intersect1d(trained, held))
    other_seed = np.unique([s for task in tasks_of(arrays, 0, 0.3, 1) for s in task.validation])
    assert len(np.intersect1d(trained, other_seed))


def test_labels_are_those_of_the_data_set_or_counted_in_each_task(arrays: Arrays) -> None:
    for task in tasks_of(arrays):
        chosen = np.flatnonzero(task.labels >= 0)
        assert task.labels[chosen].tolist() == task.classes.tolist() == chosen.tolist()
    mapped = tasks_of(arrays, tasks=20, labels="mapped")
    assert all(task.classes.tolist() == [0, 1] for task in mapped)
    # In the order in which they were drawn: the larger one is not always 1.
    assert {task.labels[task.labels >= 0].tolist()[0] for task in mapped} == {0, 1}


@pytest.mark.parametrize(
    ("options", "outputs", "with_heads"),
    [
        ({}, 9, 36),
        ({"replacement": False}, 9, 9),  # no two tasks share an output as it is
        ({"labels": "mapped"}, 2, 8),
        ({"setting": "domain"}, 2, 8),
        ({"setting": "class"}, 9, 36),
    ],
)
def test_outputs(arrays: Arrays, options: Any, outputs: int, with_heads: int) -> None:
    scenario = Agents(dataset="nine", tasks=4, agents=3, **options)
    layout = scenario.layout(arrays)
    assert (layout.classes, layout.agents, layout.setting) == (outputs, 3, scenario.setting)
    stream = scenario.stream(arrays, 0, 1, 0.0)
    apart, streams = with_head_per_task(layout, [stream])
    assert apart.classes == with_heads
    owned = np.concatenate([task.classes for task in streams[0].tasks])
    assert len(np.unique(owned)) == 8


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"classes_per_task": 10}, "classes_per_task: a task has 10 classes; there are 9"),
        (
            {"groups": [1, 8]},
            "classes_per_task: a task has 2 classes; group 1 has 1",
        ),
        ({"groups": [5, 5]}, "groups: has 10 classes in all, and the data set has 9"),
        (
            {"replacement": False},
            "replacement: without it, 10 tasks of 2 classes need 20; there are 9",
        ),
        (
            {"replacement": False, "tasks": 5, "groups": [5, 4]},
            "replacement: without it, 3 tasks of 2 classes need 6; group 1 has 5",
        ),
        ({"shared_tasks": 11}, "shared_tasks: 11; an agent has 10 tasks"),
        ({"labels": "mapped", "setting": "class"}, "labels: .*write setting: domain"),
        ({"labels": "global", "setting": "domain"}, "labels: .*are for class and task"),
    ],
)
def test_what_a_data_set_cannot_give_is_refused(options: Any, sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        Agents(dataset="nine", **options).check(CLASSES)


def test_more_samples_than_a_class_has_are_refused(arrays: Arrays) -> None:
    assert tasks_of(arrays, validation=0.2, samples_per_class=16)
    with pytest.raises(OptionError, match=r"samples_per_class: 17; class \d has 16 training"):
        tasks_of(arrays, validation=0.2, samples_per_class=17)
