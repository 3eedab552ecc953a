from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Batch
from clbench_plugins.ewc import EWC
from clbench_plugins.naive import Naive
from clbench_plugins.weight_penalties import L2, L2Init, L2Last
from clbench_plugins.weight_penalties.distance import distance

from .single_network import Reference, check, noting

# One member's d = theta - anchor, and by hand: sum d^2 / 2, sum |d|, sum huber(d).
MOVED = [0.5, -2.0]
BY_HAND = {"l2": 2.125, "l1": 2.5, "huber": 0.125 + 1.5}
SLOPES = {"l2": [0.5, -2.0], "l1": [1.0, -1.0], "huber": [0.5, -1.0]}


@pytest.mark.parametrize("kind", ["l2", "l1", "huber"])
def test_two_parameters_by_hand(kind: Any) -> None:
    """The second member is where it began: no distance, and no gradient."""
    anchors = [torch.tensor([[1.0], [7.0]]), torch.tensor([[[3.0]], [[-1.0]]])]
    params = [torch.tensor([[1.5], [7.0]]), torch.tensor([[[1.0]], [[-1.0]]])]
    for p in params:
        p.requires_grad_()
    value = distance(kind, params, anchors)
    assert value.tolist() == [BY_HAND[kind], 0.0]
    (torch.tensor([3.0, 5.0]) * value).sum().backward()
    for param, slope in zip(params, SLOPES[kind], strict=True):
        assert param.grad[0].item() == 3.0 * slope
    assert [p.grad[1].item() for p in params] == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["l2", "l1", "huber"])
def test_the_gradient_is_that_of_the_value(kind: Any) -> None:
    """Also where a parameter does not lie in memory in its own order, and without anchors."""
    noise = torch.Generator().manual_seed(1)
    weight = torch.randn(2, 4, 3, generator=noise, dtype=torch.float64).transpose(1, 2)
    bias = 2.0 * torch.randn(2, 3, generator=noise, dtype=torch.float64)
    anchors = [torch.full_like(weight, 0.1), torch.zeros_like(bias)]
    params = [weight.requires_grad_(), bias.requires_grad_()]
    assert torch.autograd.gradcheck(lambda *p: distance(kind, p, anchors), params)
    from_zero = [torch.zeros_like(p) for p in params]
    torch.testing.assert_close(distance(kind, params, None), distance(kind, params, from_zero))


class Still(L2Init):
    """Data say nothing: what moves the weights is the penalty alone."""

    def task_loss(self, batch: Batch) -> Tensor:
        return 0.0 * super().task_loss(batch)


def test_initial_weights_are_where_the_penalty_comes_to_rest(on_digits: Any) -> None:
    """Left to itself, every parameter goes back to where it began: by (1 - lr * strength) a
    step.
    """
    bench = on_digits(Still(strength=2.0), optimizer={"sgd": {"lr": 0.1}}, steps=3)
    strategy, loop = bench.start(0, 1)
    start = [p.detach().clone() for p in strategy.net.parameters()]
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.add_(1.0)
    loop.task(strategy.session.streams.tasks[0])
    for p, first in zip(strategy.net.parameters(), start, strict=True):
        torch.testing.assert_close(p.detach() - first, torch.full_like(first, 0.8**3))


def test_at_the_initial_weights_there_is_no_penalty(on_digits: Any) -> None:
    strategy, _ = on_digits(L2Init(strength=5.0, l1_strength=1.0)).start(0, 1, 2)
    assert strategy.penalty().tolist() == [0.0, 0.0, 0.0]


def test_both_distances_are_added(on_digits: Any) -> None:
    strategy, _ = on_digits(L2Init(strength=3.0, l1_strength=0.5)).start(0, 1)
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.add_(0.1)
    count = sum(p[0].numel() for p in strategy.net.parameters())
    wanted = count * (3.0 * 0.5 * 0.01 + 0.5 * 0.1)
    torch.testing.assert_close(
        strategy.penalty().detach(), torch.tensor([wanted] * 2), rtol=1e-4, atol=0.0
    )


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norms_are_left_out_of_l2_init(on_digits: Any, norm: str) -> None:
    model = {"mlp": {"hidden": [8], "norm": norm}}
    strategy, _ = on_digits(L2Init(), model=model).start(0)
    assert list(strategy.initial) == ["linear1.weight", "linear1.bias", "head.weight", "head.bias"]


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ({}, set()),
        ({"biases": False}, {"linear1.bias", "head.bias"}),
        ({"norms": False}, {"norm1.weight", "norm1.bias"}),
    ],
)
def test_l2_pulls_the_parameters_it_is_told_to(
    on_digits: Any, options: Any, left_out: set[str]
) -> None:
    model = {"mlp": {"hidden": [8], "norm": "layer"}}
    strategy, _ = on_digits(L2(**options), model=model).start(0)
    assert set(strategy.net.named_parameters()) - set(strategy.chosen) == left_out


@pytest.mark.parametrize(
    "optimizer", [{"sgd": {"lr": 0.05, "momentum": 0.9}}, {"adam": {"lr": 0.002}}]
)
def test_l2_is_the_weight_decay_of_the_optimiser(on_digits: Any, optimizer: Any) -> None:
    """To rounding: there the decay is added within the update, here by autograd."""
    ((kind, options),) = optimizer.items()
    decayed = {kind: {**options, "weight_decay": 0.01}}
    weights = []
    for strategy, chosen in [(L2(strength=0.01), optimizer), (Naive, decayed)]:
        running, loop = on_digits(strategy, optimizer=chosen).start(0, 1)
        for task in running.session.streams.tasks[:2]:
            loop.task(task)
        weights.append([p.detach().clone() for p in running.net.parameters()])
    plain, _ = on_digits(Naive, optimizer=optimizer).start(0, 1)
    for mine, optimisers, untrained in zip(*weights, plain.net.parameters(), strict=True):
        torch.testing.assert_close(mine, optimisers, rtol=1e-3, atol=1e-5)
        assert not torch.allclose(mine, untrained, atol=1e-2)


@pytest.mark.parametrize("strategy", [L2(strength=0.0), L2Init(strength=0.0)])
def test_a_strength_of_zero_is_naive(on_digits: Any, strategy: Any) -> None:
    plain, mine = (on_digits(one, tasks=3).run(0, 1) for one in (Naive, strategy))
    np.testing.assert_array_equal(plain.accuracy, mine.accuracy)


class Noted(L2Init):
    """Keeps the weights at the end of the first task."""

    ends: ClassVar[list[list[Tensor]]] = []

    def end_task(self, task: Any) -> None:
        super().end_task(task)
        self.ends.append([p.detach().clone() for p in self.net.parameters()])


def test_with_ewc_both_penalties_count(on_digits: Any) -> None:
    """One pulls to where the first task ended, the other to where the network began."""
    Noted.ends.clear()
    strategy, loop = on_digits([EWC(strength=4.0), Noted(strength=0.5)]).start(0, 1)
    start = [p.detach().clone() for p in strategy.net.parameters()]
    loop.task(strategy.session.streams.tasks[0])
    fisher = strategy.part("ewc").fisher_sum
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.add_(0.1)
    strategy.optimizer.zero_grad()
    strategy.penalty().sum().backward()
    for p, f, end, first in zip(
        strategy.net.parameters(), fisher, Noted.ends[0], start, strict=True
    ):
        wanted = 4.0 * f * (p.detach() - end) + 0.5 * (p.detach() - first)
        torch.testing.assert_close(p.grad, wanted, rtol=1e-4, atol=1e-6)


def test_resampled_weights_to_pull_to_are_new_at_every_step(on_digits: Any) -> None:
    """On average the penalty is that of the distance from the mean, and the variance of what is
    drawn.
    """
    model = {"mlp": {"hidden": [300]}}
    strategy, _ = on_digits(L2Init(strength=2.0, resample=True), model=model).start(0, 1)
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.fill_(0.1)
    drawn = torch.stack([strategy.penalty().detach() for _ in range(20)])
    assert len(drawn.unique()) == 40
    shapes = {64: 64 * 300 + 300, 300: 300 * 10 + 10}  # uniform in +- fan_in^-1/2, by fan_in
    wanted = sum(count * (0.1**2 + 1 / fan_in / 3) for fan_in, count in shapes.items())
    torch.testing.assert_close(drawn.mean(0), torch.tensor([wanted] * 2), rtol=0.01, atol=0.0)


class LastAlone(Reference):
    """lambda ||theta - theta*||^2, theta* the weights at the end of the last task."""

    anchor: list[Tensor] | None = None

    def penalty(self) -> Tensor:
        if self.anchor is None:
            return super().penalty()
        pairs = zip(self.weights, self.anchor, strict=True)
        return 0.2 * sum((w - a).square().sum() for w, a in pairs)

    def end_task(self, task: int) -> None:
        self.anchor = self.copied()


def test_l2_last_against_a_network_by_itself(on_digits: Any) -> None:
    """Two ends of tasks: the second replaces the first."""
    noted, sgd = noting(L2Last), {"lr": 0.05, "momentum": 0.9}
    model = {"mlp": {"hidden": [8]}}
    bench = on_digits(noted(strength=0.2), optimizer={"sgd": sgd}, model=model, steps=15)
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks[:3]:
        loop.task(task)
    check(strategy, noted, LastAlone, **sgd)


def test_l2_last_and_l2_init_pull_to_either_end(on_digits: Any) -> None:
    strategy, loop = on_digits([L2Last(strength=2.0), L2Init(strength=0.5)]).start(0, 1)
    start = [p.detach().clone() for p in strategy.net.parameters()]
    loop.task(strategy.session.streams.tasks[0])
    end = [p.detach().clone() for p in strategy.net.parameters()]
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.add_(0.1)
    strategy.optimizer.zero_grad()
    strategy.penalty().sum().backward()
    for p, last, first in zip(strategy.net.parameters(), end, start, strict=True):
        wanted = 4.0 * (p.detach() - last) + 0.5 * (p.detach() - first)
        torch.testing.assert_close(p.grad, wanted, rtol=1e-4, atol=1e-6)


def test_l2_last_keeps_one_network(on_digits: Any) -> None:
    strategy, loop = on_digits(L2Last()).start(0, 1)
    for task in strategy.session.streams.tasks[:2]:
        loop.task(task)
    assert strategy.session.learner.carried_bytes()[0] == 4 * sum(
        p[0].numel() for p in strategy.net.parameters()
    )


def test_finished_outputs_stand_still_under_l2_last(on_digits: Any) -> None:
    adam = {"adam": {"lr": 0.01}}
    strategy, loop = on_digits(L2Last(), setting="task", optimizer=adam).start(0, 1)
    first, second = strategy.session.streams.tasks[:2]
    loop.task(first)
    weight = strategy.net.part("head").parameters()[0]
    before = weight.detach().clone()
    loop.task(second)
    for row, classes in enumerate(first.classes):
        assert torch.equal(weight[row, classes], before[row, classes])
    assert not torch.equal(weight, before)
