"""Probe metrics in a job: what they are shown, and what they may not do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import ProbeMetric, SoloStrategy, Task, Undefined
from clbench.engine.evaluations import Evaluations
from clbench.errors import StrategyError
from clbench.testing.bench import Stopped
from clbench_plugins.naive import Naive

from .jobs import Norm, SoloPlain


class Curious(ProbeMetric):
    """Checks what it is shown."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        members = probe.strategy.members
        assert not probe.net.training
        assert probe.x.shape[:2] == probe.y.shape == (members, 100)
        for r in range(members):
            assert set(probe.y[r].tolist()) == set(
                probe.task.classes[r].tolist()
            )  # also where a task has fewer samples than that
        for which, wanted in (("all", 3), ("seen", probe.task.index + 1), ("current", 1), ([1], 1)):
            found = list(probe.data("test", which))
            assert sum(int(batch.weights.sum()) for batch in found) == members * wanted * 20
        assert (
            sum(int(batch.weights.sum()) for batch in probe.data("train", "all", 5)) == members * 15
        )
        return probe.net(probe.x).argmax(2).eq(probe.y).double().mean(1)


@pytest.mark.parametrize("strategy", [Naive, SoloPlain])
def test_what_a_probe_is_shown(make_bench: Any, strategy: type) -> None:
    record = make_bench(
        strategy,
        metrics=[Curious],
        model={"mlp": {"hidden": [12], "dropout": 0.5, "norm": "batch"}},
    ).run(0, 1)
    assert record.errors == ()
    assert record.metrics["curious"].shape == (2, 3)


class Moments(ProbeMetric):
    """Measures as often as it is asked."""

    def measure(self, probe: Any) -> Tensor:
        return torch.arange(probe.strategy.members) + 1.0


@pytest.mark.parametrize(
    ("when", "count"), [("task_end", 3), ("run_end", 1), ("epoch_end", 6), ("step", None)]
)
def test_a_suite_says_when_a_probe_is_asked(make_bench: Any, when: Any, count: int | None) -> None:
    record = make_bench(Naive, metrics=[Moments(when=when)], epochs=2).run(0, 1)
    values = record.metrics["moments"]
    steps = [int(np.isfinite(row).sum()) for row in values]
    if count is None:
        assert min(steps) > 6
    else:
        assert steps == [count, count]
    assert set(values[1][: steps[1]]) == {2.0}


def test_a_probe_changes_nothing(make_bench: Any) -> None:
    model = {"mlp": {"hidden": [12], "dropout": 0.5, "norm": "batch"}}
    plain, probed = (
        make_bench(Naive, model=model, metrics=metrics).run(0, 1)
        for metrics in ((), [Curious, Norm])
    )
    np.testing.assert_array_equal(plain.accuracy, probed.accuracy)
    np.testing.assert_array_equal(plain.loss, probed.loss)


class Slow(ProbeMetric):
    """Takes its time, more than all training of these networks."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Tensor:
        time.sleep(0.4)
        return torch.zeros(probe.strategy.members)


def test_measuring_is_timed_by_metric_and_is_no_part_of_training(make_bench: Any) -> None:
    record = make_bench(Naive, metrics=[Slow, Moments]).run(0, 1)
    seconds = record.metric_seconds
    assert (seconds["slow"] >= 3 * 0.4 / 2).all()
    assert ((seconds["moments"] > 0) & (seconds["moments"] < 0.4)).all()
    assert record.cost["train_seconds"].sum(1).max() < seconds["slow"].min()


def test_testing_between_two_steps_is_no_part_of_training(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluations, "within_task", lambda *_: time.sleep(0.4))
    record = make_bench(Naive, evaluate={"every": 4}).run(0)
    assert record.cost["train_seconds"].max() < 0.4


class Raising(ProbeMetric):
    """Raises at its second question."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        if probe.task.index == 1:
            raise KeyError("lost")
        return torch.ones(probe.strategy.members)


class Nowhere(ProbeMetric):
    """Has no value here, and says why."""

    def measure(self, probe: Any) -> Any:
        return Undefined("no such layers")


class Leaving(ProbeMetric):
    """Would end the process."""

    def measure(self, probe: Any) -> Any:
        raise SystemExit(3)


def test_a_probe_may_be_undefined_and_cannot_end_the_process(make_bench: Any) -> None:
    record = make_bench(Naive, metrics=[Nowhere, Leaving, Norm]).run(0)
    assert record.errors[0] == "metric nowhere: Undefined: no such layers"
    assert record.errors[1].startswith("metric leaving: SystemExit: 3\n")
    assert set(record.metrics) == {"norm", "nowhere", "leaving"}
    assert np.isnan([*record.metrics["nowhere"], *record.metrics["leaving"]]).all()


class Meddling(ProbeMetric):
    """Does what a probe must not."""

    def measure(self, probe: Any) -> Any:
        with torch.no_grad():
            probe.net.parameters()[0][:, 0].mul_(0.5)
        raise ValueError("and fails")


def test_a_probe_that_writes_to_the_weights_ends_the_run(make_bench: Any) -> None:
    with pytest.raises(
        StrategyError, match="metric 'meddling' wrote to the tensors of the strategy"
    ):
        make_bench(Naive, metrics=[Meddling]).run(0)


class Scribbling(ProbeMetric):
    """Writes where torch does not count: through `data` or a NumPy view."""

    when = "task_end"
    how: ClassVar[str] = "data"

    def measure(self, probe: Any) -> Any:
        weights = probe.net.parameters()[0]
        if self.how == "data":
            weights.data.mul_(0.5)
        elif self.how == "shuffled":
            weights.data.copy_(weights.data.flip(1))
        else:
            weights.detach().numpy()[:] = 0.0
        return torch.zeros(probe.net.members)


@pytest.mark.parametrize("how", ["data", "shuffled", "numpy"])
def test_a_probe_that_writes_past_the_counts_of_torch_ends_the_run(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(Scribbling, "how", how)
    with pytest.raises(StrategyError, match="metric 'scribbling' wrote to the tensors"):
        make_bench(Naive, metrics=[Scribbling]).run(0)


class Netless(SoloStrategy):
    """Trains no network."""

    def setup(self) -> None:
        pass

    def observe(self, batch: Any) -> None:
        pass

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        return torch.zeros(len(x), self.scenario.classes)


def test_what_a_probe_looks_at_and_is_not_there_makes_it_undefined(make_bench: Any) -> None:
    record = make_bench(Netless, metrics=[Norm]).run(0)
    assert record.errors == (
        "metric norm: Undefined: netless has no network to look at (self.net is not a module)",
    )
    assert np.isnan(record.metrics["norm"]).all()


class Misshapen(ProbeMetric):
    """Returns one number for all."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Any:
        return torch.tensor(3.0) if probe.task.index else torch.ones(probe.strategy.members, 2)


class Growing(ProbeMetric):
    """A value for each task so far."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.ones(probe.strategy.members, probe.task.index + 1)


class Changing(ProbeMetric):
    """Vectors after numbers, which nobody could store."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        return (
            torch.ones(probe.strategy.members, 2)
            if probe.task.index
            else torch.ones(probe.strategy.members)
        )


def test_a_probe_that_fails_is_left_out_and_named(make_bench: Any) -> None:
    record = make_bench(Naive, metrics=[Raising, Misshapen, Changing, Growing, Norm]).run(0, 1)
    plain = make_bench(Naive).run(0, 1)
    np.testing.assert_array_equal(record.accuracy, plain.accuracy)
    assert record.metrics["raising"].shape == record.metrics["changing"].shape == (2, 1)
    assert record.metrics["norm"].shape == (2, 3)
    assert record.metrics["growing"].shape == (2, 3, 3)
    assert len(record.errors) == 3
    found = " ".join(record.errors)
    assert "metric raising: KeyError: 'lost'\nTraceback" in found
    assert (
        "metric misshapen: ValueError: measure returned []; a tensor [members, ...] with 2 members "
        "is wanted" in found
    )
    assert (
        "metric changing: StrategyError: 'changing' was given values of 1 dimensions a member "
        "after some of 0" in found
    )


def test_a_probe_that_failed_stays_out_when_the_job_is_resumed(
    make_bench: Any, tmp_path: Path
) -> None:
    bench, mark = make_bench(Naive, metrics=[Raising]), tmp_path / "job.ckpt"
    with pytest.raises(Stopped):
        bench.run(0, checkpoint=mark, stop_after=2)
    record = bench.run(0, checkpoint=mark)
    assert record.metrics["raising"].shape == (1, 1)
    assert len(record.errors) == 1
