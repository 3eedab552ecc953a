"""What every author would write again: a member's accuracy, random numbers for probes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from clbench import ProbeMetric, Strategy
from clbench.engine.evaluate import accuracy
from clbench.errors import StrategyError
from clbench_plugins.naive import Naive


class Chooses(Strategy):
    """Looks at its own accuracy, and at that of other weights."""

    def end_task(self, task: Any) -> None:
        super().end_task(task)
        zeros = [torch.zeros_like(p) for p in self.net.parameters()]

        def of_zeros(x: Tensor, task: Any) -> Tensor:
            return self.net.call(zeros, x)

        self.own = self.accuracy(task)
        self.other = self.accuracy(task, "validation", of_zeros)


def test_a_strategy_knows_the_accuracy_of_each_member(make_bench: Any) -> None:
    strategy, loop = make_bench(Chooses, validation=0.3).start(0, 1)
    task = strategy.session.streams.tasks[0]
    loop.task(task)
    found, _ = accuracy(loop.learner, task, "validation")
    assert torch.equal(strategy.own, found)
    assert strategy.own.shape == (2,)
    assert not torch.equal(strategy.own, strategy.other)
    assert strategy.net.training


class Peeks(Strategy):
    """Asks for its accuracy on test data."""

    def end_task(self, task: Any) -> None:
        self.accuracy(task, "test")


def test_accuracy_on_test_data_is_for_those_who_declare_it(make_bench: Any) -> None:
    with pytest.raises(StrategyError, match="reads_test = True"):
        make_bench(Peeks, steps=1).run(0)


class Noisy(ProbeMetric):
    """Random numbers, by which metrics and members are told apart."""

    def measure(self, probe: Any) -> Tensor:
        return torch.cat([probe.rng("a").uniform(2), probe.rng("b").uniform(1)], dim=1)


class Louder(Noisy):
    """The same under another name."""


def test_probes_have_random_numbers_of_the_member_and_the_task_alone(make_bench: Any) -> None:
    bench = make_bench(Naive, metrics=[Noisy, Louder], steps=1)
    together, alone = bench.run(0, 1), bench.run(1)
    noisy, louder = (torch.from_numpy(together.metrics[name]) for name in ("noisy", "louder"))
    assert torch.equal(noisy[1], torch.from_numpy(alone.metrics["noisy"])[0])
    assert not torch.equal(noisy, louder)
    assert len(noisy.flatten().unique()) == noisy.numel()


def test_asking_for_random_numbers_changes_no_run(make_bench: Any) -> None:
    plain, probed = make_bench(Naive, steps=3), make_bench(Naive, metrics=[Noisy], steps=3)
    one, other = plain.run(0, 1), probed.run(0, 1)
    assert torch.equal(torch.from_numpy(one.loss), torch.from_numpy(other.loss))
