"""Online accuracy by the step's own logits: where they serve, and that they change nothing."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench import Batch, ProbeMetric, SoloStrategy, Task
from clbench.engine import online
from clbench.engine.online import depends_on_mode
from clbench.stack import Stack
from clbench.testing.bench import first_difference, rows
from clbench_plugins.er import ER
from clbench_plugins.ewc import EWC
from clbench_plugins.l1_activity import L1Activity
from clbench_plugins.naive import Naive


class OnlineAccuracy(ProbeMetric):
    """Asks the engine for online accuracy."""

    needs = ("online_accuracy",)
    when = "run_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.zeros(probe.strategy.members)


class Observing(Naive):
    """A step of its own."""

    def observe(self, batch: Batch) -> Any:
        return super().observe(batch)


class Predicting(Naive):
    """Predicts otherwise than it trains."""

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        return -super().predict(x, task)


class Shaking(Naive):
    """Moves its weights before it looks at the batch."""

    def task_loss(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            for p in self.net.parameters():
                p.mul_(-1.0)
        return super().task_loss(batch)


class Growing(Naive):
    """Begins anew with another network in every task."""

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.setup()


class Alone(SoloStrategy):
    """Solo."""


class Forwards:
    """Counts the forwards of stacks in training and in evaluation mode."""

    training: ClassVar[int] = 0
    evaluation: ClassVar[int] = 0


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> type[Forwards]:
    call = Stack.call
    Forwards.training = Forwards.evaluation = 0

    def counted(self: Stack, *args: Any, **kwargs: Any) -> Any:
        which = "training" if self.training else "evaluation"
        setattr(Forwards, which, getattr(Forwards, which) + 1)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(Stack, "call", counted)
    return Forwards


def seconds(bench: Any, forwards: type[Forwards], online_asked: bool) -> int:
    """The forwards in evaluation mode of one epoch."""
    _, loop = bench.start(0, 1)
    loop.training.online = online_asked
    loop.untrained()
    before = forwards.evaluation
    task = loop.streams.tasks[0]
    loop.session.task = task
    loop.train(task)
    return forwards.evaluation - before


MODELS = {
    "plain": {"mlp": {"hidden": [12]}},
    "dropout": {"mlp": {"hidden": [12], "dropout": 0.3}},
    "batch": {"mlp": {"hidden": [12], "norm": "batch"}},
}


@pytest.mark.parametrize(
    ("strategy", "model", "saved"),
    [
        (Naive, "plain", True),
        (EWC, "plain", True),
        ([EWC, L1Activity], "plain", True),
        (Naive, "dropout", False),
        (Naive, "batch", False),
        (ER, "plain", False),
        (Observing, "plain", False),
        (Predicting, "plain", False),
        (Shaking, "plain", False),
    ],
)
def test_a_second_forward_is_spared_where_the_steps_own_logits_serve(
    make_bench: Any, forwards: type[Forwards], strategy: Any, model: str, saved: bool
) -> None:
    bench = make_bench(strategy, model=MODELS[model], epochs=1)
    without, asked = (seconds(bench, forwards, online_asked) for online_asked in (False, True))
    # A loss of the method's own is watched for a step.
    assert (asked - without <= 1) is saved
    assert saved or asked - without >= 4


@pytest.mark.parametrize(
    ("strategy", "setting", "form"),
    [
        (Naive, "class", "vmap"),
        (Naive, "class", "loop"),
        (Naive, "task", "vmap"),
        (ER, "class", "vmap"),
        ([EWC, L1Activity], "class", "loop"),
        (Shaking, "class", "vmap"),
        (Growing, "class", "vmap"),
        (Predicting, "class", "vmap"),
        (Alone, "class", "auto"),
    ],
)
def test_the_steps_own_logits_change_no_number(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, strategy: Any, setting: str, form: str
) -> None:
    bench = make_bench(
        strategy, metrics=[OnlineAccuracy], setting=setting, logits="seen", epochs=2, tasks=2
    )
    reused = bench.run(0, 2, form=form)
    monkeypatch.setattr(online, "depends_on_mode", lambda module: True)
    twice = bench.run(0, 2, form=form)
    assert "online_accuracy" in reused.curves
    for seed in (0, 2):
        assert first_difference(rows(reused, seed), rows(twice, seed)) is None
    plain = make_bench(strategy, setting=setting, logits="seen", epochs=2, tasks=2)
    np.testing.assert_array_equal(reused.accuracy, plain.run(0, 2, form=form).accuracy)
    np.testing.assert_array_equal(reused.loss, plain.run(0, 2, form=form).loss)


def test_early_stopping_by_training_accuracy_takes_them_too(make_bench: Any) -> None:
    bench = make_bench(Naive, stop_at={"train": 0.9}, epochs=30, tasks=2)
    together = bench.run(0, 1)
    assert first_difference(rows(together, 1), rows(bench.run(1), 1)) is None


# ------------------------------------------------------------------------------------------ modules


class Doubling(nn.Module):
    """Twice as much in training."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if self.training else x


class Hidden(nn.Module):
    """Asks somebody else."""

    def forward(self, x: Tensor) -> Tensor:
        return helper(self, x)


def helper(module: nn.Module, x: Tensor) -> Tensor:
    return F.dropout(x, 0.5, module.training)


class Inner(nn.Module):
    """Asks within a function of its own."""

    @property
    def scale(self) -> float:
        return next(1.0 if self.training else 2.0 for _ in range(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class Plain(nn.Module):
    """Asks nobody."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)


def hooked() -> nn.Module:
    module = nn.Linear(2, 2)
    module.register_forward_hook(lambda module, x, out: out)
    return module


def changed() -> nn.Module:
    module = nn.Linear(2, 2)
    module.forward = lambda x: x  # type: ignore[method-assign]
    return module


@pytest.mark.parametrize(
    ("module", "depends"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.LayerNorm(2), nn.Flatten()), False),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.GroupNorm(1, 1)), False),
        (Plain(), False),
        (nn.Sequential(nn.Dropout(0.1)), True),
        (nn.BatchNorm1d(2), True),
        (nn.InstanceNorm1d(2), True),
        (nn.RReLU(), True),
        (nn.MultiheadAttention(2, 1), True),
        (Doubling(), True),
        (Hidden(), True),
        (Inner(), True),
        (hooked(), True),
        (changed(), True),
    ],
)
def test_what_may_differ_between_the_modes_is_known(module: nn.Module, depends: bool) -> None:
    assert depends_on_mode(module) is depends
