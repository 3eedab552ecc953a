from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Batch
from clbench_plugins.er import ER
from clbench_plugins.importance_penalties import MAS, SI
from clbench_plugins.importance_penalties.pull import weighted_distance
from clbench_plugins.naive import Naive
from clbench_plugins.weight_penalties import L2

from .single_network import Reference, check, forward, noting

SGD = {"lr": 0.05, "momentum": 0.9}
SMALL = {"mlp": {"hidden": [8]}}
LINEAR = {"mlp": {"hidden": []}}


def trained(bench: Any, tasks: int = 2) -> Any:
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks[:tasks]:
        loop.task(task)
    return strategy


def shift(strategy: Any, by: float) -> None:
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.add_(by)


# ------------------------------------------------------------------------------------ the pull


def test_the_pull_of_two_weights_by_hand() -> None:
    """3 (0.5)^2 - 2 (1)^2 = -1.25, and its slopes 2 * 3 * 0.5 and 2 * -2 * -1; the second member
    rests.
    """
    weight = torch.tensor([[1.5], [7.0]]).requires_grad_()
    bias = torch.tensor([[1.0], [4.0]]).requires_grad_()
    anchors = [torch.tensor([[1.0], [7.0]]), torch.tensor([[2.0], [4.0]])]
    importance = [torch.tensor([[3.0], [5.0]]), torch.tensor([[-2.0], [5.0]])]
    value = weighted_distance([weight, bias], anchors, importance)
    assert value.tolist() == [-1.25, 0.0]
    (torch.tensor([10.0, 1.0]) * value).sum().backward()
    assert weight.grad is not None
    assert bias.grad is not None
    assert weight.grad.flatten().tolist() == [30.0, 0.0]
    assert bias.grad.flatten().tolist() == [40.0, 0.0]


def test_the_gradient_of_the_pull_is_that_of_its_value() -> None:
    """Also where a parameter does not lie in memory in its own order."""
    noise = torch.Generator().manual_seed(1)
    draws = [torch.randn(2, 4, 3, generator=noise, dtype=torch.float64) for _ in range(3)]
    weight, anchor, importance = (draw.transpose(1, 2) for draw in draws)
    weight.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda p: weighted_distance([p], [anchor], [importance]), weight
    )


def test_a_frozen_parameter_is_not_pulled() -> None:
    frozen, moving = torch.zeros(2, 3), torch.zeros(2, 3, requires_grad=True)
    ones = [torch.ones(2, 3)] * 2
    assert weighted_distance([frozen, moving], ones, ones).tolist() == [3.0, 3.0]
    assert weighted_distance([frozen], ones[:1], ones[:1]).tolist() == [0.0, 0.0]


# ------------------------------------------------------------------------------------ SI


def loss_of_the_task(strategy: Any) -> Tensor:
    """`[R]`: each member's loss over all samples of the first task, in double precision."""
    (batch,) = strategy.session.streams.tasks[0].batches("train", 400)
    rows = []
    for row in range(strategy.members):
        weights = [p[row].detach().double() for p in strategy.net.parameters()]
        kept = batch.valid[row]
        logits = forward(weights, batch.x[row][kept].double())
        rows.append(torch.nn.functional.cross_entropy(logits, batch.y[row][kept]))
    return torch.stack(rows)


class Path(SI):
    """Keeps the path integral at the end of the task, before it becomes importance."""

    def end_task(self, task: Any) -> None:
        self.found = sum(path.flatten(1).sum(1) for path in self.path)
        super().end_task(task)


@pytest.mark.parametrize("parts", [[Path], [Path, L2(strength=0.5)], [L2(strength=0.5), Path]])
def test_the_path_integral_is_the_decrease_of_the_loss(on_digits: Any, parts: Any) -> None:
    """Full batches and small steps; a penalty moves the weights, too, and is not credited for
    itself.
    """
    bench = on_digits(
        parts, optimizer={"sgd": {"lr": 0.005}}, batch_size=400, epochs=60, model=SMALL
    )
    strategy, loop = bench.start(0, 1)
    before = loss_of_the_task(strategy)
    loop.task(strategy.session.streams.tasks[0])
    decrease = before - loss_of_the_task(strategy)
    assert (decrease > 0.1).all()
    torch.testing.assert_close(strategy.part(Path).found.double(), decrease, rtol=0.01, atol=0.0)


class SIAlone(Reference):
    """As Zenke et al. write it."""

    def __init__(self, strength: float, xi: float, clamp: bool) -> None:
        self.strength, self.xi, self.clamp = strength, xi, clamp

    def begin(self) -> None:
        self.anchor = self.copied()
        self.omega = [torch.zeros_like(w) for w in self.anchor]
        self.importance = [torch.zeros_like(w) for w in self.anchor]

    def penalty(self) -> Tensor:
        terms = zip(self.importance, self.weights, self.anchor, strict=True)
        return self.strength * sum((i * (w - a) ** 2).sum() for i, w, a in terms)

    def before_step(self, gradients: list[Tensor]) -> None:
        self.gradients, self.before = gradients, self.copied()

    def after_step(self) -> None:
        steps = zip(self.omega, self.gradients, self.weights, self.before, strict=True)
        for omega, g, w, before in steps:
            omega -= g * (w.detach() - before)

    def end_task(self, task: int) -> None:
        for place, w in enumerate(self.copied()):
            moved = (w - self.anchor[place]) ** 2
            self.importance[place] += self.omega[place] / (moved + self.xi)
            if self.clamp:
                self.importance[place].clamp_(min=0.0)
            self.omega[place].zero_()
        self.anchor = self.copied()


@pytest.mark.parametrize(
    "options",
    [{"strength": 3.0, "xi": 0.1, "clamp": False}, {"strength": 1.0, "xi": 0.01, "clamp": True}],
)
def test_si_against_a_network_by_itself(on_digits: Any, options: Any) -> None:
    noted = noting(SI)
    bench = on_digits(noted(**options), optimizer={"sgd": SGD}, model=SMALL, steps=15)
    strategy = trained(bench, tasks=3)
    check(strategy, noted, lambda: SIAlone(**options), **SGD)
    without = SIAlone(**{**options, "strength": 0.0}).train(noted, 0, **SGD)
    assert not torch.allclose(without[2], strategy.net.parameters()[2][0].double(), atol=5e-3)


def test_si_clamps_at_zero_where_it_is_told_to(on_digits: Any) -> None:
    """Weight decay drags weights uphill, along which the task's loss grows."""
    free, clamped = (
        trained(on_digits([SI(clamp=clamp), L2(strength=2.0)]), tasks=1).importance
        for clamp in (False, True)
    )
    assert any((o < 0).any() for o in free)
    for one, other in zip(free, clamped, strict=True):
        assert torch.equal(one.clamp(min=0.0), other)


def test_si_keeps_three_networks(on_digits: Any) -> None:
    """omega, Omega and theta*; what a step needs is gone when it is over."""
    strategy = trained(on_digits(SI()), tasks=2)
    numbers = sum(p[0].numel() for p in strategy.net.parameters())
    assert strategy.session.learner.carried_bytes()[0] == 3 * 4 * numbers


class Restless(Naive):
    """Moves weights after the optimiser did."""

    name = "restless"

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        shift(self, 0.001)


def test_si_credits_the_steps_of_the_optimiser_alone(on_digits: Any) -> None:
    """Whichever part comes first."""
    one, other = (
        trained(on_digits(parts, steps=10), tasks=1) for parts in ([SI, Restless], [Restless, SI])
    )
    for a, b in zip(one.part(SI).importance, other.part(SI).importance, strict=True):
        assert torch.equal(a, b)
        assert a.any()


# ------------------------------------------------------------------------------------ MAS


def importance_by_hand(strategy: Any, row: int, batch: Batch, outputs: list[int]) -> list[Tensor]:
    """f = W x + b, so d ||f||^2 / dW = 2 f x^T and d ||f||^2 / db = 2 f, for the outputs that
    count.
    """
    weight, bias = (p[row].detach().double() for p in strategy.net.parameters())
    x = batch.x[row][batch.valid[row]].double().flatten(1)
    f = torch.zeros(len(x), len(bias), dtype=torch.float64)
    f[:, outputs] = (x @ weight.T + bias)[:, outputs]
    slopes = (2.0 * f).abs()
    return [slopes.T @ x.abs() / len(x), slopes.mean(0)]


@pytest.mark.parametrize("setting", ["task", "class", "domain"])
def test_mas_on_a_linear_model_by_hand(on_digits: Any, setting: str) -> None:
    bench = on_digits(MAS(samples=None), setting=setting, model=LINEAR)
    strategy = trained(bench, tasks=1)
    task = strategy.session.streams.tasks[0]
    (batch,) = task.batches("train", 400)
    for row in (0, 1):
        outputs = list(range(strategy.scenario.classes))
        if setting == "task":
            outputs = task.classes[row].tolist()
        wanted = importance_by_hand(strategy, row, batch, outputs)
        for got, by_hand in zip(strategy.importance, wanted, strict=True):
            torch.testing.assert_close(got[row].double(), by_hand, rtol=1e-4, atol=1e-6)
    assert (strategy.importance[1] > 0).sum(1).tolist() == [len(outputs)] * 2


def test_mas_looks_at_so_many_samples(on_digits: Any) -> None:
    strategy = trained(on_digits(MAS(samples=20), model=LINEAR), tasks=1)
    (batch,) = strategy.session.streams.tasks[0].batches("train", 20, 20)
    wanted = importance_by_hand(strategy, 1, batch, list(range(10)))
    torch.testing.assert_close(strategy.importance[0][1].double(), wanted[0], rtol=1e-4, atol=1e-6)


class MASAlone(Reference):
    """As Aljundi et al. write it, one sample at a time."""

    def __init__(self, strategy: Any, strength: float) -> None:
        self.tasks, self.strength = strategy.session.streams.tasks, strength

    def begin(self) -> None:
        self.anchor = self.copied()
        self.importance = [torch.zeros_like(w) for w in self.anchor]

    def penalty(self) -> Tensor:
        terms = zip(self.importance, self.weights, self.anchor, strict=True)
        return self.strength * sum((i * (w - a) ** 2).sum() for i, w, a in terms)

    def end_task(self, task: int) -> None:
        (batch,) = self.tasks[task].batches("train", 400)
        images = batch.x[self.row][batch.valid[self.row]].double()
        for image in images:
            length = self.forward(image[None]).square().sum()
            slopes = torch.autograd.grad(length, self.weights)
            for importance, slope in zip(self.importance, slopes, strict=True):
                importance += slope.abs() / len(images)
        self.anchor = self.copied()


def test_mas_against_a_network_by_itself(on_digits: Any) -> None:
    noted = noting(MAS)
    options = {"strength": 0.002, "samples": None}
    bench = on_digits(noted(**options), optimizer={"sgd": SGD}, model=SMALL, steps=15)
    strategy = trained(bench, tasks=3)
    check(strategy, noted, lambda: MASAlone(strategy, 0.002), **SGD)
    without = MASAlone(strategy, 0.0).train(noted, 0, **SGD)
    assert not torch.allclose(without[2], strategy.net.parameters()[2][0].double(), atol=5e-3)


def test_mas_keeps_two_networks(on_digits: Any) -> None:
    strategy = trained(on_digits(MAS()), tasks=3)
    numbers = sum(p[0].numel() for p in strategy.net.parameters())
    assert strategy.session.learner.carried_bytes()[0] == 2 * 4 * numbers


# ------------------------------------------------------------------------------------ both


@pytest.mark.parametrize("kind", [SI, MAS])
def test_a_strength_of_zero_is_naive(on_digits: Any, kind: type[Any]) -> None:
    plain, mine = (on_digits(one, tasks=3).run(0) for one in (Naive, kind(strength=0.0)))
    np.testing.assert_array_equal(plain.loss, mine.loss)


@pytest.mark.parametrize("optimizer", ["sgd", "torch.RMSprop"])
@pytest.mark.parametrize("kind", [SI, MAS])
def test_the_outputs_of_finished_tasks_stand_still(
    on_digits: Any, kind: type[Any], optimizer: str
) -> None:
    options = {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}
    bench = on_digits(kind(strength=0.01), setting="task", optimizer={optimizer: options}, tasks=3)
    strategy, loop = bench.start(0, 1)
    finished = torch.zeros(2, strategy.scenario.classes, dtype=torch.bool)
    for task in strategy.session.streams.tasks:
        before = [p.detach().clone() for p in strategy.net.part("head").parameters()]
        loop.task(task)
        for p, old in zip(strategy.net.part("head").parameters(), before, strict=True):
            assert torch.equal(p[finished], old[finished])
        finished.scatter_(1, task.classes, True)
    assert (strategy.importance[-1] != 0)[finished].all()


@pytest.mark.parametrize("kind", [SI, MAS])
def test_beside_replay_old_outputs_are_pulled(on_digits: Any, kind: type[Any]) -> None:
    """Replay moves the finished tasks' heads, and so the penalty reaches them."""
    strategy = trained(on_digits([ER(memory=50), kind()], setting="task", steps=20), tasks=2)
    first = strategy.session.streams.tasks[0].classes
    importance = strategy.part(kind).importance[-1]
    shift(strategy, 0.01)
    strategy.optimizer.zero_grad()
    strategy.penalty().sum().backward()
    gradient = strategy.net.parameters()[-1].grad
    torch.testing.assert_close(gradient, 2.0 * importance * 0.01, rtol=1e-3, atol=1e-6)
    assert (gradient.gather(1, first) != 0).all()
