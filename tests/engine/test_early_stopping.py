"""Members that stop early, and accuracies of training that are taken on the way."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Batch, Phase, ProbeMetric, Strategy
from clbench.testing.bench import first_difference, rows
from clbench_plugins.naive import Naive

from .recording import OnlineAccuracy, Recorder, batches, specs

# ---------------------------------------------------------------------------------------- early
# stopping


@pytest.mark.parametrize(
    "stop",
    [{"validation": 0.25, "stop_at": 0.9}, {"stop_at": {"train": 0.85}}],
    ids=["validation", "training"],
)
def test_members_stop_at_epochs_of_their_own(make_bench: Any, stop: dict[str, Any]) -> None:
    bench = make_bench(Recorder, epochs=12, optimizer={"sgd": {"lr": 0.05}}, **stop)
    record = bench.run(0, 1, 2)
    taken = {}
    for member in (0, 1, 2):
        for t, task in enumerate(specs(bench, member, stop.get("validation", 0.0))):
            found = batches(member, t)
            count = math.ceil(len(task.train) / 8)
            assert len(found) % count == 0
            taken[member, t] = len(found) // count
            assert not {i for batch in found for i in batch} & set(task.validation)
    assert len(set(taken.values())) > 2
    assert min(taken.values()) < 12
    for seed in (0, 1, 2):
        assert first_difference(rows(bench.run(seed), seed), rows(record, seed)) is None


def test_a_member_stops_after_the_first_epoch_that_reached_the_goal(make_bench: Any) -> None:
    class Validating(Recorder):
        """Measures the validation part itself."""

        measured: ClassVar[list[float]] = []

        def end_epoch(self, phase: Phase, epoch: int) -> None:
            super().end_epoch(phase, epoch)
            right = total = 0
            with torch.no_grad():
                for batch in self.task.batches("validation", 16):
                    right += int(((self.net(batch.x).argmax(2) == batch.y) & batch.valid).sum())
                    total += int(batch.weights.sum())
            self.measured.append(right / total)

    bench = make_bench(
        Validating,
        tasks=1,
        epochs=30,
        validation=0.25,
        stop_at=0.8,
        optimizer={"sgd": {"lr": 0.05}},
    )
    bench.run(3)
    assert 1 < len(Validating.measured) < 30
    assert [value >= 0.8 for value in Validating.measured] == [False] * (
        len(Validating.measured) - 1
    ) + [True]


# ---------------------------------------------------------------------------------------- online
# accuracy


def test_online_accuracy_is_measured_before_the_update(make_bench: Any) -> None:
    class Predicting(Strategy):
        """Notes how much of each batch it would get right, before it learns from it."""

        def observe(self, batch: Batch) -> Tensor | None:
            with torch.no_grad():
                right = self.masked(self.net.eval()(batch.x), batch.tasks).argmax(2) == batch.y
            self.net.train()
            self.log("right", right.sum(1))
            self.log("seen", torch.full((self.members,), float(batch.size)))
            self.log("task", torch.full((self.members,), float(self.task.index)))
            return super().observe(batch)

    for setting in ("class", "task"):
        record = make_bench(
            Predicting,
            metrics=[OnlineAccuracy],
            setting=setting,
            model={"mlp": {"hidden": [6], "dropout": 0.5}},
        ).run(0, 1)
        for r in (0, 1):
            for t in range(3):
                mine = record.curves["task"][r] == t
                wanted = (
                    record.curves["right"][r][mine].sum() / record.curves["seen"][r][mine].sum()
                )
                assert record.curves["online_accuracy"][r, t] == pytest.approx(wanted)


class TrainAccuracy(ProbeMetric):
    """Asks the engine for the training accuracy of each epoch."""

    needs = ("train_accuracy", "online_accuracy")
    when = "run_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.zeros(probe.strategy.members)


def test_training_accuracy_is_that_of_each_epoch(make_bench: Any) -> None:
    plain, record = (
        make_bench(Naive, epochs=3, metrics=metrics).run(0, 1) for metrics in ((), [TrainAccuracy])
    )
    np.testing.assert_array_equal(plain.accuracy, record.accuracy)
    by_epoch = record.curves["train_accuracy"].reshape(2, -1, 3)
    assert by_epoch.shape[1] == record.accuracy.shape[2]
    # Every epoch of a task has the same samples, so their mean is the accuracy of the task.
    np.testing.assert_allclose(by_epoch.mean(2), record.curves["online_accuracy"])
    assert by_epoch[:, :, 2].mean() > by_epoch[:, :, 0].mean()
    assert "train_accuracy" not in plain.curves


def test_measuring_online_accuracy_changes_nothing(make_bench: Any) -> None:
    model = {"mlp": {"hidden": [6], "dropout": 0.5, "norm": "batch"}}
    one, other = (
        make_bench(Naive, model=model, augment="crop_flip", metrics=metrics).run(0, 1)
        for metrics in ((), [OnlineAccuracy])
    )
    np.testing.assert_array_equal(one.accuracy, other.accuracy)
    assert "online_accuracy" not in one.curves
