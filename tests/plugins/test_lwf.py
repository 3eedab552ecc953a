from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench_plugins.er import ER
from clbench_plugins.lwf import LwF
from clbench_plugins.lwf.heads import divergence, responses, with_head, with_outputs
from clbench_plugins.naive import Naive
from clbench_plugins.weight_penalties import L2Init

from .single_network import Reference, check, forward, noting

SGD = {"lr": 0.05, "momentum": 0.9}
SMALL = {"mlp": {"hidden": [8]}}


def begun(bench: Any, tasks: int = 1) -> Any:
    """A strategy after so many tasks, the next one at hand."""
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks[:tasks]:
        loop.task(task)
    strategy.session.task = strategy.session.streams.tasks[tasks]
    return strategy


def first_batch(strategy: Any) -> Batch:
    batch: Batch = next(strategy.task.batches("train", 12))
    return batch


def shaken(strategy: Any) -> None:
    """Weights elsewhere than where the last task ended."""
    noise = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=noise))


# ------------------------------------------------------------------------------------ heads


def test_the_divergence_of_two_logits_by_hand() -> None:
    """At T = 2 the teacher's logits (2 ln 3, 0) are 3/4 and 1/4, the network's (0, 0) a half
    each.
    """
    heads = torch.tensor([[[0, 1]]])
    taught = responses(torch.tensor([[[2.0 * np.log(3.0), 0.0, 50.0]]]).float(), heads, 2.0)
    own = responses(torch.tensor([[[0.0, 0.0, -7.0]]]), heads, 2.0)
    wanted = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert divergence(taught, own).item() == pytest.approx(wanted, rel=1e-5)


def test_heads_are_compared_by_themselves_and_added_up() -> None:
    heads = torch.tensor([[[0, 1], [3, -1]], [[2, 3], [-1, -1]]])
    logits = torch.tensor([[[1.0, 3.0, 9.0, 5.0]], [[1.0, 3.0, 9.0, 5.0]]])
    taught = responses(logits, heads, 1.0)
    found = taught.exp()
    share = 1.0 / (1.0 + np.exp(2.0))
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([share, 1.0 - share]).float())
    assert found[0, 0, 1].tolist() == [1.0, 0.0]  # one output is sure of itself
    other = responses(torch.zeros_like(logits), heads, 1.0)
    one_head = responses(torch.zeros_like(logits), heads[:, :1], 1.0)
    alone = responses(logits, heads[:, :1], 1.0)
    # The second member has one head, the first another that says nothing: both count 0.
    assert torch.equal(divergence(taught, other), divergence(alone, one_head))


def test_the_heads_of_a_stream() -> None:
    """In another order it is the same head; what one member has already is no head of its again."""
    heads = torch.full((2, 1, 6), -1)
    for classes in ([[1, 0], [4, 5]], [[2, 3], [5, 4]]):
        heads = with_head(heads, torch.tensor(classes))
    rows = heads[:, 1:, :2].tolist()
    assert rows == [[[0, 1], [2, 3]], [[4, 5], [-1, -1]]]
    assert (heads[:, :, 2:] == -1).all()


def test_one_head_grows() -> None:
    heads = torch.full((1, 1, 4), -1)
    heads = with_outputs(with_outputs(heads, torch.tensor([[3, 1]])), torch.tensor([[1, 0]]))
    assert heads.tolist() == [[[0, 1, -1, 3]]]


# ------------------------------------------------------------------------------------ the loss


def distilled(taught: Tensor, own: Tensor, groups: list[list[int]], temperature: float) -> Tensor:
    """T^2 times KL over each group of outputs, by torch's own function; the mean over samples."""
    total = torch.zeros((), dtype=own.dtype)
    for group in groups:
        target = (taught[:, group] / temperature).softmax(1)
        answer = (own[:, group] / temperature).log_softmax(1)
        total = total + F.kl_div(answer, target, reduction="batchmean")
    return temperature**2 * total


def old_heads(strategy: Any, row: int, tasks: int) -> list[list[int]]:
    """The groups of outputs that are compared, after so many tasks."""
    owned = [task.classes[row].tolist() for task in strategy.session.streams.tasks[:tasks]]
    if strategy.scenario.setting == "task":
        return owned
    return [sorted({output for outputs in owned for output in outputs})]


@pytest.mark.parametrize("setting", ["class", "task", "domain"])
def test_the_loss_by_hand(on_digits: Any, setting: str) -> None:
    options = {"strength": 0.7, "temperature": 3.0}
    strategy = begun(on_digits(LwF(**options), setting=setting, model=SMALL), tasks=2)
    batch = first_batch(strategy)
    ends = [p.detach().clone() for p in strategy.net.parameters()]
    shaken(strategy)
    now = [p.detach() for p in strategy.net.parameters()]
    mine = strategy.task_loss(batch).detach()
    plain = strategy.cross_entropy(strategy.net(batch.x), batch).detach()
    for row in (0, 1):
        taught = forward([p[row] for p in ends], batch.x[row])
        own = forward([p[row] for p in now], batch.x[row])
        groups = old_heads(strategy, row, 2)
        wanted = plain[row] + 0.7 * distilled(taught, own, groups, 3.0)
        torch.testing.assert_close(mine[row], wanted, rtol=1e-4, atol=1e-6)
        assert mine[row] > plain[row] + 1e-3


@pytest.mark.parametrize("setting", ["class", "task", "domain"])
def test_a_network_that_is_its_teacher_learns_nothing_from_it(on_digits: Any, setting: str) -> None:
    """The divergence is 0 at its least: value and gradient are those of naive training."""
    strategy = begun(on_digits(LwF(strength=50.0), setting=setting, model=SMALL))
    batch = first_batch(strategy)
    strategy.optimizer.zero_grad()
    plain = strategy.cross_entropy(strategy.net(batch.x), batch)
    plain.sum().backward()
    wanted = [p.grad.clone() for p in strategy.net.parameters()]
    strategy.optimizer.zero_grad()
    mine = strategy.task_loss(batch)
    mine.sum().backward()
    torch.testing.assert_close(mine, plain)
    for p, gradient in zip(strategy.net.parameters(), wanted, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=0.0, atol=3e-5)
    shaken(strategy)
    assert (strategy.task_loss(batch) > strategy.cross_entropy(strategy.net(batch.x), batch)).all()


class LwFAlone(Reference):
    """As Li & Hoiem write it: a frozen copy teaches its own answers."""

    def __init__(self, strategy: Any, strength: float) -> None:
        self.strategy, self.strength = strategy, strength
        self.teacher: list[Tensor] | None = None

    def task_loss(self, x: Tensor, y: Tensor, task: int) -> Tensor:
        logits = self.forward(x)
        loss = F.cross_entropy(self.setting(logits, task), y)
        if self.teacher is None:
            return loss
        groups = old_heads(self.strategy, self.row, task)
        return loss + self.strength * distilled(forward(self.teacher, x), logits, groups, 2.0)

    def setting(self, logits: Tensor, task: int) -> Tensor:
        """In the task setting the task's own outputs."""
        if self.strategy.scenario.setting != "task":
            return logits
        own = self.strategy.session.streams.tasks[task].classes[self.row]
        hidden = torch.full_like(logits, -torch.inf)
        return hidden.index_copy(1, own, logits[:, own])

    def end_task(self, task: int) -> None:
        self.teacher = self.copied()


@pytest.mark.parametrize("setting", ["class", "task", "domain"])
def test_against_a_network_by_itself(on_digits: Any, setting: str) -> None:
    noted = noting(LwF)
    bench = on_digits(
        noted(strength=2.0), optimizer={"sgd": SGD}, model=SMALL, steps=15, setting=setting
    )
    strategy = begun(bench, tasks=3)
    check(strategy, noted, lambda: LwFAlone(strategy, 2.0), **SGD)


def test_distillation_takes_the_pass_of_the_loss(on_digits: Any) -> None:
    """One pass of the network over the batch, and one of the teacher."""
    strategy = begun(on_digits(LwF()))
    batch, passes = first_batch(strategy), []
    call = type(strategy.net)._run
    for net in (strategy.net, strategy.teacher):
        net._run = lambda *given, net=net: passes.append(net) or call(net, *given)
    strategy.task_loss(batch)
    assert [net is strategy.teacher for net in passes] == [False, True]


def test_behind_it_replay_is_not_distilled(on_digits: Any) -> None:
    """`lwf+er` distils the batch alone, although the loss's own pass is over the memory, too."""
    strategy = begun(on_digits([LwF(strength=3.0), ER(memory=30)], model=SMALL))
    batch = first_batch(strategy)
    ends = [p.detach().clone() for p in strategy.net.parameters()]
    shaken(strategy)
    now = [p.detach() for p in strategy.net.parameters()]
    drawn: list[Batch] = []
    buffer = strategy.part("er").buffer
    sample = buffer.sample
    buffer.sample = lambda size: drawn.append(sample(size)) or drawn[0]
    mine = strategy.task_loss(batch).detach()
    del buffer.sample
    joined = batch.join(drawn[0])
    plain = strategy.cross_entropy(strategy.net(joined.x), joined).detach()
    for row in (0, 1):
        taught = forward([p[row] for p in ends], batch.x[row])
        own = forward([p[row] for p in now], batch.x[row])
        wanted = plain[row] + 3.0 * distilled(taught, own, old_heads(strategy, row, 1), 2.0)
        torch.testing.assert_close(mine[row], wanted, rtol=1e-4, atol=1e-6)


def test_with_l2_init_both_count(on_digits: Any) -> None:
    plain, both = (
        begun(on_digits(parts, steps=10), tasks=2)
        for parts in ([LwF()], [LwF(), L2Init(strength=0.5)])
    )
    assert not torch.allclose(plain.net.parameters()[0], both.net.parameters()[0], atol=1e-4)
    shaken(both)
    assert (both.penalty() > 0).all()


def test_it_keeps_one_network_and_the_numbers_of_outputs(on_digits: Any) -> None:
    strategy = begun(on_digits(LwF()), tasks=3)
    numbers = sum(p[0].numel() for p in strategy.net.parameters())
    assert (
        strategy.session.learner.carried_bytes()[0] == 4 * numbers + 8 * strategy.scenario.classes
    )


def test_a_strength_of_zero_is_naive(on_digits: Any) -> None:
    plain, mine = (on_digits(one, tasks=3).run(0) for one in (Naive, LwF(strength=0.0)))
    np.testing.assert_array_equal(plain.loss, mine.loss)


def test_it_helps_where_the_task_is_known(on_digits: Any) -> None:
    options = {
        "epochs": 6,
        "optimizer": {"adam": {"lr": 0.01}},
        "model": SMALL,
        "setting": "task",
    }
    naive, lwf = (
        on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1].mean(1)
        for strategy in (Naive, LwF())
    )
    assert (lwf > naive + 0.05).all()
