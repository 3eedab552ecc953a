"""What a step's first pass saw, in the engine."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clbench import Batch, Strategy
from clbench_plugins.er import ER
from clbench_plugins.l1_activity import L1Activity
from clbench_plugins.naive import Naive

SEEN: list[tuple[int, int]] = []


class UsesUnits(Strategy):
    """Judges units after a step, as continual back-propagation does."""

    def setup(self) -> None:
        super().setup()
        self.net.keep_hidden = True
        self.net.watch("head")

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        units = self.net.hidden["hidden1"].shape[1]
        SEEN.append((batch.size, units))
        assert torch.equal(self.net.first_logits(batch.x), self.net.seen["head"])  # type: ignore[arg-type]


class OldGradients(Strategy):
    """Runs an old task's memory through the network in each step, as gradient episodic memory
    does.
    """

    def adjust_gradients(self, batch: Batch) -> None:
        super().adjust_gradients(batch)
        held = [p.grad for p in self.net.parameters()]
        old = self.fetch(batch.index.repeat(1, 3), batch.tasks.repeat(1, 3))
        self.task_loss(old).sum().backward()
        for parameter, grad in zip(self.net.parameters(), held, strict=True):
            parameter.grad = grad


def test_units_are_judged_by_the_batch_and_not_by_a_memory(make_bench: Any) -> None:
    SEEN.clear()
    strategy, loop = make_bench([OldGradients, UsesUnits], steps=3).start(0, 1)
    loop.task(strategy.session.streams.tasks[0])
    assert SEEN
    assert all(batch == units for batch, units in SEEN)


class Losses(Strategy):
    """Keeps the loss over a memory."""

    found: Tensor

    def adjust_gradients(self, batch: Batch) -> None:
        super().adjust_gradients(batch)
        old = self.fetch(batch.index[:, :3], batch.tasks[:, :3])
        self.found = self.task_loss(old)
        with self.net.first_pass(old.x) as seen:
            plain = self.cross_entropy(self.net(old.x), old)
        self.wanted = plain + 0.5 * seen["act1"].abs().flatten(1).mean(1)
        assert torch.equal(self.found, self.wanted)
        self.found = self.found.detach()
        self.wanted = self.wanted.detach()


def test_a_penalty_on_activity_is_that_of_the_samples_whose_loss_it_joins(make_bench: Any) -> None:
    strategy, loop = make_bench([Losses, L1Activity(strength=0.5)], steps=2).start(0, 1)
    loop.task(strategy.session.streams.tasks[0])
    assert strategy.found.shape == (2,)


def test_a_penalty_on_activity_covers_what_replay_adds(make_bench: Any) -> None:
    strategy, loop = make_bench([ER(memory=20), L1Activity(strength=0.5)], steps=2).start(0, 1)
    for task in strategy.session.streams.tasks[:2]:
        loop.task(task)
    strategy.net.keep_hidden = True
    batch = next(strategy.session.streams.tasks[0].batches("train", 8))
    strategy.session.clock.begin_step(batch.x)
    strategy.task_loss(batch)
    assert strategy.net.hidden["hidden1"].shape[1] == 16


def test_a_first_pass_says_whether_it_was_over_the_images_asked_about(make_bench: Any) -> None:
    strategy, _ = make_bench(Naive).start(0, 1)
    strategy.session.task = strategy.session.streams.tasks[0]
    batch = next(strategy.task.batches("train", 8))
    net = strategy.net
    net.watch("head")
    joined = batch.join(batch)
    with net.first_pass(batch.x) as seen:
        net(joined.x)
        assert not seen.over_x
        assert seen["head"].shape[1] == 16
        net(batch.x)
    assert seen.over_x
    assert seen["head"].shape[1] == 8
