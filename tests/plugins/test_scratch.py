from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Task
from clbench_plugins.naive import Naive
from clbench_plugins.scratch import Scratch

NORMED = {"mlp": {"hidden": [23], "norm": "batch", "dropout": 0.2}}
ADAM = {"adam": {"lr": 0.003}}


def state(strategy: Any) -> dict[str, Tensor]:
    """Weights and buffers of the network."""
    own = {**strategy.net.named_parameters(), **strategy.net.named_buffers()}
    return {name: value.detach().clone() for name, value in own.items()}


class Noted(Scratch):
    """Keeps the network at both ends of every task."""

    begun: ClassVar[list[dict[str, Tensor]]] = []
    ended: ClassVar[list[dict[str, Tensor]]] = []

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.begun.append(state(self))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.ended.append(state(self))


def trained(on_digits: Any, **protocol: Any) -> None:
    Noted.begun.clear()
    Noted.ended.clear()
    strategy, loop = on_digits(Noted, tasks=3, **protocol).start(0, 1)
    for task in strategy.session.streams.tasks:
        loop.task(task)


@pytest.mark.parametrize("protocol", [{"optimizer": ADAM}, {"model": NORMED, "optimizer": ADAM}])
def test_a_later_task_is_trained_as_a_fresh_run_trains_it_alone(
    on_digits: Any, protocol: Any
) -> None:
    """Bit for bit: nothing is left of the tasks before, neither in the optimiser nor in the
    network.
    """
    trained(on_digits, **protocol)
    naive, loop = on_digits(Naive, tasks=3, **protocol).start(0, 1)
    third = naive.session.streams.tasks[2]
    with torch.no_grad():
        own = {**naive.net.named_parameters(), **naive.net.named_buffers()}
        for name, value in Noted.begun[2].items():
            own[name].copy_(value)
    loop.task(third)
    for name, value in state(naive).items():
        assert torch.equal(value, Noted.ended[2][name]), name
        assert "key" in name or not torch.equal(value, Noted.begun[2][name]), name


def test_every_task_begins_with_another_untrained_network(on_digits: Any) -> None:
    trained(on_digits, model=NORMED)
    starts = [found["linear1.weight"] for found in Noted.begun]
    for weight in starts:
        assert 0.99 / 8 < weight.abs().max() <= 1 / 8
    apart = torch.cat([weight.flatten(1) for weight in starts])
    assert torch.corrcoef(apart).fill_diagonal_(0).abs().max() < 0.15
    for found in Noted.begun:
        assert not found["norm1.running_mean"].any()
        assert (found["norm1.running_var"] == 1).all()
        assert (found["norm1.weight"] == 1).all()
        assert not found["drop1.count"].any()
    keys = torch.cat([found["drop1.key"] for found in Noted.begun])
    assert len(keys.unique(dim=0)) == 6


def test_the_first_task_is_naives(on_digits: Any) -> None:
    plain, scratch = (
        on_digits(one, tasks=3, optimizer=ADAM).run(0, 1, 2) for one in (Naive, Scratch)
    )
    np.testing.assert_array_equal(plain.accuracy[:, :2], scratch.accuracy[:, :2])
    np.testing.assert_array_equal(plain.loss[:, 0], scratch.loss[:, 0])
    assert not np.array_equal(plain.loss[:, 1], scratch.loss[:, 1])


def test_accuracy_before_a_task_is_that_of_the_fresh_network(on_digits: Any) -> None:
    """Which is at chance on it, whatever was learnt before."""
    options = {"tasks": 4, "scenario": "permuted", "epochs": 3, "optimizer": {"adam": {"lr": 0.01}}}
    record = on_digits(Scratch, **options).run(0, 1, 2)
    assert record.accuracy_before[:, 1:].mean() < 0.25
    at_its_end = np.diagonal(record.accuracy[:, 1:], axis1=1, axis2=2)
    assert at_its_end.min() > 0.7


def test_it_is_a_bound() -> None:
    assert Scratch.bound
