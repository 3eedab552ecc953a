"""A stream that is not what its layout promises is named, with its task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench import Arrays, Layout, Stream, TaskSpec
from clbench.errors import PluginError
from clbench.scenarios.check import check_layout, check_stream

X, Y = np.zeros((6, 2, 2, 1), np.uint8), np.arange(6) % 2
ARRAYS = Arrays("tiny", X, Y, X, Y, classes=2, fingerprint="tiny")
NONE = np.array([], dtype=np.int64)
TASK = TaskSpec(
    classes=np.array([0, 1]),
    labels=np.array([0, 1]),
    train=np.arange(5),
    test=np.arange(6),
    validation=np.array([5]),
)
LAYOUT = Layout(classes=2, tasks=2, setting="class", input_shape=(1, 2, 2))


def test_a_sound_stream_passes() -> None:
    check_stream("mine", ARRAYS, LAYOUT, Stream((TASK, TASK)))
    check_stream(
        "mine",
        ARRAYS,
        LAYOUT,
        Stream((TASK, replace(TASK, validation=NONE, labels=np.array([-1, 0])))),
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"classes": np.array([0, 2])}, r"classes holds 0\.\.2; 0\.\.1 is possible"),
        ({"labels": np.array([0, 2])}, r"labels holds 0\.\.2; -1\.\.1 is possible"),
        ({"labels": np.array([0])}, "labels has 1 entries; the data set has 2 classes"),
        ({"train": np.array([6])}, r"train holds 6\.\.6; 0\.\.5 is possible"),
        ({"train": NONE}, "there are no train samples"),
        ({"test": np.array([True, False])}, r"test must be a row of integers, not bool \[2\]"),
    ],
)
def test_a_table_that_points_elsewhere_is_named(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PluginError, match=f"scenario 'mine', task 2: {sentence}"):
        check_stream("mine", ARRAYS, LAYOUT, Stream((TASK, replace(TASK, **change))))


def test_a_missing_task_is_named() -> None:
    with pytest.raises(
        PluginError, match="scenario 'mine': a stream has 1 tasks, and the layout says 2"
    ):
        check_stream("mine", ARRAYS, LAYOUT, Stream((TASK,)))


def test_a_layout_of_another_setting_is_named() -> None:
    check_layout("mine", "class", LAYOUT)
    with pytest.raises(PluginError, match=r"'mine': setting is domain, and its layout says class"):
        check_layout("mine", "domain", LAYOUT)


def test_a_domain_setting_that_is_not_carried_out_is_named() -> None:
    domain = replace(LAYOUT, setting="domain")
    other = replace(TASK, classes=np.array([1]), labels=np.array([-1, 1]))
    check_stream("mine", ARRAYS, domain, Stream((TASK, TASK)))
    with pytest.raises(
        PluginError, match=r"task 2: in the domain setting .* 0\.\.1, .* has 1\.\.1"
    ):
        check_stream("mine", ARRAYS, domain, Stream((TASK, other)))


def test_outputs_that_are_said_to_be_apart_and_are_not_are_named() -> None:
    with pytest.raises(PluginError, match=r"task 2: .*own_outputs=True, and output 0 .* task 1"):
        check_stream("mine", ARRAYS, replace(LAYOUT, own_outputs=True), Stream((TASK, TASK)))


@pytest.mark.parametrize("shared", [-1, 3])
def test_more_shared_tasks_than_there_are_tasks_are_refused(shared: int) -> None:
    check_layout("mine", "class", replace(LAYOUT, agents=2, shared_tasks=2))
    with pytest.raises(PluginError, match=f"shared_tasks={shared}; of 2 tasks, 0 to 2 can be"):
        check_layout("mine", "class", replace(LAYOUT, agents=2, shared_tasks=shared))
