"""Modes of parts, and buffers that a caller brings."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from clbench import Strategy
from clbench.engine.evaluate import evaluating
from clbench.errors import StrategyError
from clbench.stack import Stack, restore, save

from .networks import FORMS, inputs


def model() -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            first=nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6)),
            second=nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)),
            head=nn.Linear(5, 3),
        )
    )


def moved(net: Stack) -> list[str]:
    """Which running means the next forward writes."""
    before = {name: value.clone() for name, value in net.named_buffers().items()}
    net(inputs() + 1)
    return [
        name
        for name, value in net.named_buffers().items()
        if "mean" in name and not torch.equal(value, before[name])
    ]


BOTH = ["first.1.running_mean", "second.1.running_mean"]


@FORMS
def test_a_part_keeps_its_mode_whatever_the_rest_does(form: str) -> None:
    net = Stack(model, 3, form=form)
    assert moved(net) == BOTH
    net.part("first").eval()
    assert moved(net) == BOTH[1:]
    net.train()
    assert moved(net) == BOTH[1:]
    net.eval()
    assert moved(net) == []
    net.part("second").train()
    assert moved(net) == BOTH[1:]
    net.train()
    net.part("first").train()
    assert moved(net) == BOTH


def test_a_part_set_later_decides_for_all_within_it() -> None:
    net = Stack(model, 3)
    net.part("first.1").eval()
    net.part("first").train()
    assert moved(net) == BOTH
    net.part("first").eval()
    net.part("first.1").train()
    assert moved(net) == BOTH


def test_during_evaluation_everything_is_in_evaluation_mode_and_then_as_before() -> None:
    net = Stack(model, 3)
    net.part("first").eval()
    net.part("second").train()
    with net.evaluation():
        assert moved(net) == []
        with net.evaluation():
            assert moved(net) == []
        assert moved(net) == []
        net.train()  # who adapts statistics while it is tested may say so
        assert moved(net) == BOTH
    assert moved(net) == BOTH[1:]


def test_copies_share_a_skeleton_and_not_their_modes() -> None:
    net = Stack(model, 3)
    net.part("first").eval()
    twin = net.spawn()
    twin.part("first").train()
    assert moved(net) == BOTH[1:]
    assert moved(twin) == BOTH
    assert moved(net) == BOTH[1:]


def test_the_mode_of_a_part_is_state() -> None:
    net, other = Stack(model, 3), Stack(model, 3)
    net.part("first").eval()
    restore(other, save(net))
    assert moved(other) == BOTH[1:]


@FORMS
def test_a_part_called_alone_has_its_own_mode(form: str) -> None:
    net = Stack(model, 3, form=form)
    net.part("first").eval()
    before = net.buffers["first.1.running_mean"].clone()
    net.part("first")(inputs())
    assert torch.equal(before, net.buffers["first.1.running_mean"])


class FrozenNorm(Strategy):
    """Batch-norm stands still from the second task on."""

    def begin_task(self, task: Any) -> None:
        super().begin_task(task)
        if task.index == 1:
            self.net.part("norm1").eval()
            self.frozen = self.net.named_buffers()["norm1.running_mean"].clone()


def test_the_engine_leaves_a_parts_mode_alone(request: pytest.FixtureRequest) -> None:
    from clbench.host import Host
    from clbench.suite.choice import Choice
    from clbench.testing.bench import Bench

    split = Choice(
        "split", {"dataset": "digits", "tasks": 5, "setting": "class", "class_order": "random"}
    )
    protocol = {
        "model": {"mlp": {"hidden": [6], "norm": "batch"}},
        "steps": 3,
        "batch_size": 8,
        "optimizer": {"sgd": {"lr": 0.1}},
    }
    strategy, loop = Bench(FrozenNorm, Host.load(), split, protocol).start(0, 1)
    tasks = strategy.session.streams.tasks
    loop.task(tasks[0])
    assert strategy.net.named_buffers()["norm1.running_mean"].any()
    loop.task(tasks[1])
    statistics = strategy.net.named_buffers()["norm1.running_mean"]
    assert torch.equal(statistics, strategy.frozen)
    with evaluating(strategy.session.learner):
        assert not strategy.net.training
    assert strategy.net.training


# ---------------------------------------------------------------------------------------- buffers


@FORMS
def test_a_call_reads_and_writes_the_buffers_that_it_is_given(form: str) -> None:
    net = Stack(model, 3, form=form)
    net(inputs())
    own = {name: value.clone() for name, value in net.named_buffers().items()}
    given = {name: torch.zeros_like(value) for name, value in own.items() if "first" in name}
    net.call(net.params, inputs() + 1, buffers=given)
    assert torch.equal(net.buffers["first.1.running_mean"], own["first.1.running_mean"])
    assert not torch.equal(net.buffers["second.1.running_mean"], own["second.1.running_mean"])
    assert given["first.1.num_batches_tracked"].tolist() == [1, 1, 1]

    other = Stack(model, 3, form=form)
    with torch.no_grad():
        for name in given:
            other.buffers[name].zero_()
    other(inputs() + 1)
    for name, value in given.items():
        torch.testing.assert_close(value, other.buffers[name])
    torch.testing.assert_close(
        net.eval().call(net.params, inputs(), buffers=given),
        net.call(net.params, inputs(), buffers={**net.named_buffers(), **given}),
    )


def test_a_buffer_that_the_model_lacks_is_named() -> None:
    net = Stack(model, 3)
    with pytest.raises(StrategyError, match=r"has no buffer 'mean'; it has first\.1\.running_mean"):
        net.call(net.params, inputs(), buffers={"mean": torch.zeros(3)})
