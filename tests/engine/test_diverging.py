"""Members that diverge, what is refused, and noise that is first drawn late."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import Batch, SoloStrategy, Strategy, Task
from clbench.errors import PluginError, StrategyError
from clbench.testing.bench import first_difference, rows
from clbench_plugins.naive import Naive

from .jobs import run
from .recording import OnlineAccuracy, specs

# ---------------------------------------------------------------------------------------- members
# that diverge


class Breaking(Strategy):
    """The loss of chosen seeds becomes NaN at a step of the second task."""

    broken: ClassVar[tuple[int, ...]] = (1,)
    at: ClassVar[int] = 2

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.step = torch.zeros(self.members)

    def task_loss(self, batch: Batch) -> Tensor:
        self.step += 1
        bad = (
            torch.tensor([seed in self.broken for seed, _ in self.session.members])
            & (self.step == self.at)
            & (self.task.index == 1)
        )
        return super().task_loss(batch) + torch.where(bad, torch.nan, 0.0)


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_a_member_that_diverges_stops_and_its_neighbours_go_on(
    make_bench: Any, form: str, epochs: int
) -> None:
    bench = make_bench(Breaking, epochs=epochs, metrics=[OnlineAccuracy])
    record = bench.run(0, 1, 2, form=form)
    assert record.member_status.tolist() == ["done", "diverged", "done"]
    assert record.status == "done"
    first = epochs * math.ceil(len(specs(bench, 1)[0].train) / 8)
    assert record.diverged_at.tolist() == [-1, first + 1, -1]  # steps it had done before
    assert np.isfinite(record.accuracy[1, :2]).all()
    assert np.isnan(record.accuracy[1, 2:]).all()
    assert np.isfinite(record.accuracy[[0, 2]]).all()
    assert np.isfinite(record.loss[1]).tolist() == [True, False, False]
    for seed in (0, 2):
        assert first_difference(rows(bench.run(seed, form=form), seed), rows(record, seed)) is None


def test_all_members_diverge(make_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Breaking, "broken", (0, 1))
    bench = make_bench(Breaking, metrics=[OnlineAccuracy])
    record = run(bench, 0, 1)
    assert record.status == "diverged"
    assert record.member_status.tolist() == ["diverged"] * 2
    assert np.isfinite(record.accuracy[:, :2]).all()
    assert np.isnan(record.accuracy[:, 2:]).all()
    assert record.errors == ()


def test_a_member_that_breaks_in_its_last_step_is_found_by_its_outputs(make_bench: Any) -> None:
    """No accuracy is noted for it, in whichever task its outputs are looked at first."""

    class Ruined(Strategy):
        """Seed 1's weights become NaN after the first task."""

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            if task.index == 0:
                with torch.no_grad():
                    self.net.params["head.bias"][1] = torch.nan

    record = make_bench(Ruined, metrics=[OnlineAccuracy]).run(0, 1)
    assert record.member_status.tolist() == ["done", "diverged"]
    assert np.isnan(record.accuracy[1, 1:]).all()
    assert np.isfinite(record.accuracy[1, 0]).all()
    assert np.isfinite(record.accuracy[0]).all()


def test_a_huge_rate_diverges_by_itself(make_bench: Any) -> None:
    bench = make_bench(Naive, optimizer={"sgd": {"lr": 1e30}}, epochs=2)
    strategy, loop = bench.start(0, 1)
    loop.untrained()
    for task in strategy.session.streams.tasks:
        loop.task(task)
    measurements = strategy.session.measurements
    assert measurements.running == []
    assert np.isnan(measurements.accuracy[:, 1:]).all()


def test_many_steps_are_watched_in_one_epoch(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of losses on the device is smaller than the epoch."""
    monkeypatch.setattr("clbench.engine.losses.STEPS_ON_DEVICE", 3)
    small = make_bench(Breaking, epochs=2).run(0, 1, 2)
    monkeypatch.undo()
    large = make_bench(Breaking, epochs=2).run(0, 1, 2)
    assert small.diverged_at.tolist() == large.diverged_at.tolist()
    np.testing.assert_array_equal(small.loss, large.loss)
    np.testing.assert_array_equal(small.accuracy, large.accuracy)


# ---------------------------------------------------------------------------------------- what is
# refused


class Wrong(Strategy):
    """Gives what a test asks for."""

    loss: ClassVar[Any] = None
    logits: ClassVar[Any] = None

    def observe(self, batch: Batch) -> Any:
        return self.loss

    def predict(self, x: Tensor, task: Task | None = None) -> Any:
        return super().predict(x, task) if self.logits is None else self.logits


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (torch.ones(()), r"wrong: the loss has shape \[\]; one value a member, \[2\], is wanted"),
        (torch.ones(3), r"wrong: the loss has shape \[3\]; one value a member, \[2\], is wanted"),
        (1.0, r"wrong: the loss is a float; one value a member, \[2\], is wanted"),
    ],
)
def test_a_loss_of_a_wrong_shape_is_named(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, loss: Any, sentence: str
) -> None:
    monkeypatch.setattr(Wrong, "loss", loss)
    with pytest.raises(StrategyError, match=sentence):
        make_bench(Wrong).run(0, 1)


@pytest.mark.parametrize(
    ("logits", "got"),
    [(torch.ones(2, 6), r"\[2, 6\]"), (torch.ones(2, 64, 2), r"\[2, 64, 2\]"), (None, "NoneType")],
)
def test_predictions_of_a_wrong_shape_are_named(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, logits: Any, got: str
) -> None:
    monkeypatch.setattr(Wrong, "logits", logits)
    if logits is None:
        monkeypatch.setattr(Wrong, "predict", lambda self, x, task=None: None)
    with pytest.raises(
        StrategyError,
        match=(
            rf"wrong.predict returned {got}; \[members, batch, classes\] = \[2, \d+, 6\] is "
            r"wanted"
        ),
    ):
        make_bench(Wrong).run(0, 1)


def test_a_task_without_samples_is_named(make_bench: Any, tiny: Any) -> None:
    keep = tiny.y_train > 1
    few = type(tiny)(
        "few", tiny.x_train[keep], tiny.y_train[keep], tiny.x_test, tiny.y_test, 6, "none"
    )
    with pytest.raises(PluginError, match="scenario 'split', task 1: there are no train samples"):
        make_bench(Naive, arrays=few, order="fixed").run(0)


def test_a_model_without_a_head_cannot_reset_it(make_bench: Any) -> None:
    class Headless(SoloStrategy):
        """Has a network of another kind."""

        def setup(self) -> None:
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(16, 6))  # type: ignore[misc]
            self.optimizer = self.make_optimizer(list(self.net.parameters()))  # type: ignore[misc]

    with pytest.raises(
        StrategyError, match="headless: head_reset needs a network with a part named 'head'"
    ):
        make_bench(Headless, head_reset="zero").run(0)


# ---------------------------------------------------------------------------------------- late
# noise


def test_noise_first_drawn_while_a_member_sits_out_begins_anew_for_it(make_bench: Any) -> None:
    class Late(Strategy):
        """Asks for its noise when it first trains; members with few samples sit out at first."""

        def after_step(self, batch: Batch) -> None:
            super().after_step(batch)
            self.log("noise", self.rng("late").uniform(1)[:, 0])

    bench = make_bench(Late, batch_size=39)
    record = bench.run(0, 1, 2, 3)
    first = [len(specs(bench, seed)[0].train) for seed in range(4)]
    assert min(first) < 39 <= max(first)
    for seed in range(4):
        assert first_difference(rows(bench.run(seed), seed), rows(record, seed)) is None
