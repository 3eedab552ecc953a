"""A stream that is not what its layout promises is named, with its task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench import Arrays, Layout, Stream, TaskSpec
from clbench.errors import PluginError
from clbench.scenarios.check import check_stream

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
