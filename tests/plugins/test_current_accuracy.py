"""Accuracy on the task in training, against what is measured when it is done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench_plugins.accuracy_metrics import CurrentAccuracy
from clbench_plugins.naive import Naive


@pytest.mark.parametrize("setting", ["class", "task"])
def test_the_last_epoch_of_a_task_has_the_accuracy_of_the_task(
    on_digits: Any, setting: str
) -> None:
    bench = on_digits(Naive, tasks=3, setting=setting, epochs=2, metrics=[CurrentAccuracy])
    record = bench.run(0, 1)
    found = record.metrics["current_accuracy"].reshape(2, 3, 2)
    learnt = [record.accuracy[:, task + 1, task] for task in range(3)]
    np.testing.assert_array_equal(found[:, :, 1], np.stack(learnt, axis=1))
    assert (found[:, :, 0] != found[:, :, 1]).any()


def test_it_looks_at_the_split_and_the_samples_it_is_told(on_digits: Any) -> None:
    few = CurrentAccuracy(samples=7, when="task_end")
    held = on_digits(Naive, tasks=2, metrics=[few]).run(0).metrics["current_accuracy"]
    assert np.allclose(held * 7, np.rint(held * 7))
    validation = CurrentAccuracy(split="validation", when="task_end")
    plain = on_digits(Naive, tasks=2, validation=0.2, metrics=[validation]).run(0)
    assert plain.metrics["current_accuracy"].shape == (1, 2)
    assert not np.array_equal(plain.metrics["current_accuracy"][0], np.diag(plain.accuracy[0, 1:]))
