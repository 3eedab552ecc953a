"""Which tasks are evaluated when, and on what: the accuracy matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Phase, Task
from clbench.metrics.arithmetic import matrix_of
from clbench.testing.bench import first_difference, rows
from clbench_plugins.joint import Cumulative, Joint
from clbench_plugins.naive import Naive

from .recording import Recorder, batches, specs


def by_hand(
    bench: Any, weights: dict[str, Tensor], task: Any, outputs: Sequence[int] | None = None
) -> float:
    """The share of a task's test images that a network of one hidden layer gets right."""
    x = torch.from_numpy(bench.arrays.x_test[task.test]).double().flatten(1) / 255
    w = {name: value.double() for name, value in weights.items()}
    logits = (
        torch.relu(x @ w["linear1.weight"].T + w["linear1.bias"]) @ w["head.weight"].T
        + w["head.bias"]
    )
    if outputs is not None:
        logits[:, [c for c in range(logits.shape[1]) if c not in outputs]] = -torch.inf
    return float((logits.argmax(1).numpy() == task.labels[bench.arrays.y_test[task.test]]).mean())


@pytest.mark.parametrize("setting", ["class", "task", "domain"])
def test_the_accuracy_matrix_against_a_slow_evaluation(make_bench: Any, setting: str) -> None:
    bench = make_bench(Recorder, setting=setting, epochs=6)
    record = bench.run(0, 1)
    assert record.accuracy.shape == (2, 4, 3)
    for r, seed in enumerate((0, 1)):
        tasks = specs(bench, seed)
        for row in range(4):
            for column, task in enumerate(tasks):
                outputs = task.classes.tolist() if setting == "task" else None
                assert record.accuracy[r, row, column] == by_hand(
                    bench, Recorder.weights[row][r], task, outputs
                )
    np.testing.assert_array_equal(record.accuracy_before, record.accuracy[:, [0, 1, 2], [0, 1, 2]])
    assert record.accuracy[:, [1, 2, 3], [0, 1, 2]].mean() > 0.8


@pytest.mark.parametrize("logits", ["seen", "current"])
def test_evaluation_on_some_of_the_logits(make_bench: Any, logits: str) -> None:
    bench = make_bench(Recorder, logits={"evaluate": logits})
    record = bench.run(1)
    tasks = specs(bench, 1)

    def outputs(row: int, column: int) -> list[int]:
        last = max(row, 1)
        known = tasks[:last] if logits == "seen" else tasks[last - 1 : last]
        return [c for task in known for c in task.classes.tolist()]

    for row in range(4):
        for column, task in enumerate(tasks):
            assert record.accuracy[0, row, column] == by_hand(
                bench, Recorder.weights[row][0], task, outputs(row, column)
            )
    for column, task in enumerate(tasks):  # the task's own outputs are there before it is trained
        assert record.accuracy_before[0, column] == by_hand(
            bench, Recorder.weights[column][0], task, outputs(column + 1, column)
        )


@pytest.mark.parametrize(
    ("evaluate", "measured"),
    [
        ("all", [[1, 1, 1]] * 4),
        ("seen", [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]),
        ("current", [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ({"last": 2}, [[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]]),
        ({"every": 3}, [[1, 1, 1]] * 4),
    ],
)
def test_which_tasks_are_evaluated(make_bench: Any, evaluate: Any, measured: Any) -> None:
    full, record = make_bench(Naive).run(0, 1), make_bench(Naive, evaluate=evaluate).run(0, 1)
    matrix = record.accuracy
    if evaluate in ("all", {"every": 3}):
        assert record.entries is None
    else:  # the entries measured, in place of the matrix
        assert matrix is None
        matrix = matrix_of(record.entries.row, record.entries.column, record.entries.value, 3)
    np.testing.assert_array_equal(np.isfinite(matrix), np.array([measured] * 2, dtype=bool))
    np.testing.assert_array_equal(matrix, np.where(measured, full.accuracy, np.nan))
    np.testing.assert_array_equal(record.accuracy_before, full.accuracy_before)


def test_accuracy_is_followed_within_tasks(make_bench: Any) -> None:
    """Every member at its own third, sixth, ... step, whoever else is there."""
    bench = make_bench(Naive, evaluate={"every": 3}, epochs=2)
    record = bench.run(0, 1, 2)
    curves = record.curves
    for r, seed in enumerate((0, 1, 2)):
        steps = [2 * math.ceil(len(task.train) / 8) for task in specs(bench, seed)]
        starts = np.cumsum([0, *steps])
        wanted = [(starts[t] + done, t + 1) for t in range(3) for done in range(3, steps[t] + 1, 3)]
        kept = ~np.isnan(curves["continual_step"][r])
        assert (
            list(
                zip(
                    curves["continual_step"][r][kept],
                    curves["continual_task"][r][kept],
                    strict=True,
                )
            )
            == wanted
        )
        accuracy = curves["continual_accuracy"][r][kept]
        for (_, task), values in zip(wanted, accuracy, strict=True):
            assert np.isfinite(values).tolist() == [column < task for column in range(3)]
        assert first_difference(rows(bench.run(seed), seed), rows(record, seed)) is None


def test_joint_is_trained_once_and_measured_at_both_ends(make_bench: Any) -> None:
    class RecordedJoint(Joint, Recorder):
        """Joint, noted."""

    bench = make_bench(RecordedJoint, epochs=2)
    record = bench.run(0, 1)
    assert np.isfinite(record.accuracy[:, [0, 3]]).all()
    assert np.isnan(record.accuracy[:, [1, 2]]).all()
    assert np.isnan(record.loss[:, :2]).all()
    assert np.isfinite(record.loss[:, 2]).all()
    for member in (0, 1):
        assert not batches(member, 0) + batches(member, 1)
        assert sorted(i for batch in batches(member, 2) for i in batch) == sorted([*range(120)] * 2)
        for r, _, _, index, tasks in Recorder.seen:
            own = [specs(bench, r)[t].train for t in tasks]
            assert all(i in samples for i, samples in zip(index, own, strict=True))
    assert any(
        len(set(tasks)) > 1 for *_, tasks in Recorder.seen
    )  # mixed, not one task after another


def test_joint_counts_steps_once_a_task(make_bench: Any) -> None:
    class RecordedJoint(Joint, Recorder):
        """Joint, noted."""

    make_bench(RecordedJoint, steps=4).run(0)
    assert len(batches(0, 2)) == 12


@pytest.mark.parametrize("first", [True, False])
def test_a_composition_with_joint_is_measured_at_both_ends(make_bench: Any, first: bool) -> None:
    record = make_bench([Joint, Naive] if first else [Naive, Joint]).run(0)
    assert np.isnan(record.accuracy).all(axis=(0, 2)).tolist() == [False, True, True, False]


def test_cumulative_trains_on_all_tasks_so_far(make_bench: Any) -> None:
    class RecordedCumulative(Cumulative, Recorder):
        """Cumulative, noted."""

    bench = make_bench(RecordedCumulative)
    bench.run(0, 1)
    for member in (0, 1):
        for t in range(3):
            known = np.concatenate([task.train for task in specs(bench, member)[: t + 1]])
            assert sorted(i for batch in batches(member, t) for i in batch) == sorted(known)


def test_cumulative_may_begin_anew(make_bench: Any) -> None:
    class Watched(Cumulative):
        """Notes the weights each task starts from."""

        starts: ClassVar[list[Tensor]] = []

        def phases(self, task: Task) -> Sequence[Phase]:
            self.starts.append(self.net.params["linear1.weight"].detach().clone())
            return super().phases(task)

    make_bench(Watched(restart=True)).run(0, 1)
    for one, other in ((0, 1), (1, 2)):
        difference = (Watched.starts[one] - Watched.starts[other]).abs()
        assert (
            difference.max() < 2 * 0.25 + 1e-6
        )  # both are drawn from U(-1/sqrt(16), 1/sqrt(16)), untrained
        assert difference.mean() > 0.05
