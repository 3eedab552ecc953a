"""Hypernetworks by hand and against plain PyTorch, in each scheme."""

from __future__ import annotations

import copy
import itertools
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench import Batch, Stack
from clbench.host import Host
from clbench.stack import tensors
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench
from clbench_plugins.hypernetwork import Hypernetwork

from .hypernetworks import ADAM, SMALL, begin, generated, second_task

# ------------------------------------------------------------------ one number by hand


class OneWeight(nn.Module):
    """A network of one weight."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, : self.classes] * self.weight


class Scalar(Hypernetwork):
    """h(e) = theta e, and a loss whose derivative by theta is 4."""

    def make_network(self, inputs: int, outputs: int) -> Stack:
        return self.stack(lambda: nn.Sequential(nn.Linear(inputs, outputs, bias=False)), "network")

    @property
    def theta(self) -> Tensor:
        return self.generator.network.parameters()[0][:, 0, 0]

    def task_loss(self, batch: Batch) -> Tensor:
        return 4.0 * self.theta


@pytest.mark.parametrize(
    ("scheme", "wanted"), [("lookahead", 1.64), ("direct", 1.6), ("sequential", 1.64)]
)
def test_a_step_by_hand(scheme: str, wanted: float) -> None:
    """theta* = 2, e = 1, SGD at 0.1, beta = 0.5: methods with numbers that fit on a line."""
    options = {"embedding_size": 1, "chunk_embedding_size": 1, "chunk_deviation": 0.0}
    bench = Bench(
        Scalar(scheme=scheme, beta=0.5, **options),
        Host.load(),
        Choice("split", {"dataset": "digits", "tasks": 5}),
        {"model": "one_weight", "optimizer": {"sgd": {"lr": 0.1}}, "batch_size": 16},
        own={("model", "one_weight"): lambda input_shape, classes: OneWeight(classes)},
    )
    strategy, _ = bench.start(0, 1)
    begin(strategy, 0)
    strategy.end_task(strategy.task)
    with torch.no_grad():
        strategy.generator.network.parameters()[0].copy_(torch.tensor([[[2.0, 0.0]]]))
        strategy.embeddings[:, 0] = 1.0
    strategy.observe(begin(strategy, 1))
    assert strategy.theta.tolist() == pytest.approx([wanted] * 2, abs=1e-6)


# ------------------------------------------------------------------ against plain PyTorch


class Noted(Hypernetwork):
    """Keeps its batches, and what it began with."""

    batches: ClassVar[list[Batch]] = []
    start: ClassVar[list[Tensor]] = []
    codes: ClassVar[Tensor]

    def setup(self) -> None:
        super().setup()
        self.batches.clear()
        Noted.start = [p.detach().clone() for p in self.generator.parameters()]
        Noted.codes = self.embeddings.clone()

    def observe(self, batch: Batch) -> Tensor | None:
        self.batches.append(batch)
        return super().observe(batch)


def logits(weights: Tensor, x: Tensor, units: int, outputs: int) -> Tensor:
    """Of the main network, 64 inputs and one hidden layer."""
    sizes = [units * 64, units, outputs * units, outputs]
    w1, b1, w2, b2 = weights.split(sizes)
    hidden = F.relu(x.flatten(1) @ w1.view(units, 64).T + b1)
    return hidden @ w2.view(outputs, units).T + b2


def drift(theta: list[Tensor], old: list[Tensor], held: list[Tensor]) -> Tensor:
    """The mean over old tasks of how far their weights are from where they are held, squared."""
    pairs = zip(old, held, strict=True)
    parts = [(generated(theta, code, len(goal)) - goal).square().sum() for code, goal in pairs]
    return torch.stack(parts).mean()


def by_hand(row: int, scheme: str, beta: float, lr: float, penalty: float) -> list[Tensor]:
    """One member after all batches: theta, and the tasks' embeddings."""
    units, outputs = 8, 2
    size = units * 64 + units + outputs * units + outputs
    theta = [value[row].clone().requires_grad_() for value in Noted.start]
    codes = [code.clone().requires_grad_() for code in Noted.codes[row]]
    task, old, held = -1, [], []
    for batch in Noted.batches:
        if batch.task.index != task:
            task = batch.task.index
            optimizer = torch.optim.Adam(theta, lr=lr)
            own = torch.optim.Adam([codes[task]], lr=lr)
            old = [code.detach() for code in codes[:task]]
            held = [generated(theta, code, size).detach() for code in old]
        optimizer.zero_grad()
        own.zero_grad()
        made = logits(generated(theta, codes[task], size), batch.x[row], units, outputs)
        loss = F.cross_entropy(made, batch.y[row]) + penalty * theta[2].square().sum()
        loss.backward()
        if old and scheme == "direct":
            (beta * drift(theta, old, held)).backward()
        if old and scheme == "lookahead":
            moved = [value.detach().clone().requires_grad_() for value in theta]
            trial = torch.optim.Adam(moved, lr=lr)
            trial.load_state_dict(copy.deepcopy(optimizer.state_dict()))
            for value, source in zip(moved, theta, strict=True):
                value.grad = source.grad.clone()
            trial.step()
            added = torch.autograd.grad(beta * drift(moved, old, held), moved)
            for value, more in zip(theta, added, strict=True):
                value.grad += more
        optimizer.step()
        own.step()
        if old and scheme == "sequential":
            optimizer.zero_grad()
            (beta * drift(theta, old, held)).backward()
            optimizer.step()
    return [*theta, torch.stack(codes)]


@pytest.mark.parametrize("scheme", ["lookahead", "direct", "sequential"])
def test_against_plain_pytorch(on_digits: Any, scheme: str) -> None:
    """Three tasks of five steps: each member as a single network with torch's own Adam has it."""
    bench = on_digits(
        Noted(scheme=scheme, beta=0.7, output_l2=0.002, **SMALL),
        tasks=3,
        setting="domain",
        steps=5,
        optimizer={"adam": {"lr": 0.01}},
        model={"mlp": {"hidden": [8]}},
    )
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks:
        loop.task(task)
    assert len(Noted.batches) == 15
    got = [*strategy.generator.parameters(), strategy.embeddings]
    for row in (0, 1):
        wanted = by_hand(row, scheme, 0.7, 0.01, 0.002)
        for value, hand in zip(got, wanted, strict=True):
            torch.testing.assert_close(value[row], hand, rtol=2e-3, atol=2e-4)
    moved = [not torch.equal(value, first) for value, first in zip(got, Noted.start, strict=False)]
    assert all(moved)


# ------------------------------------------------------------------ schemes


def gradients(strategy: Any) -> list[Tensor]:
    return [p.grad.clone() for p in strategy.generator.parameters()]


@pytest.mark.parametrize(("scheme", "is_zero"), [("direct", True), ("lookahead", False)])
def test_the_first_gradient_of_the_regulariser(on_digits: Any, scheme: str, is_zero: bool) -> None:
    """Nothing is protected in the first step of a task, but where the next step is looked at."""
    bench = on_digits(Hypernetwork(scheme=scheme, beta=10, **SMALL), steps=3, optimizer=ADAM)
    strategy, batch = second_task(bench, 0, 1)
    strategy.task_loss(batch).sum().backward()
    before = gradients(strategy)
    strategy.adjust_gradients(batch)
    added = [new - old for new, old in zip(gradients(strategy), before, strict=True)]
    assert all(torch.equal(one, torch.zeros_like(one)) for one in added) is is_zero


def test_looking_ahead_leaves_optimiser_and_weights_alone(on_digits: Any) -> None:
    bench = on_digits(Hypernetwork(beta=10, **SMALL), steps=3, optimizer=ADAM)
    strategy, batch = second_task(bench, 0, 1)
    for _ in range(3):
        strategy.observe(batch)
    strategy.task_loss(batch).sum().backward()
    held = [tensor for _, tensor in tensors(strategy.optimizer, shared=True)]
    before = [tensor.detach().clone() for tensor in held]
    strategy.adjust_gradients(batch)
    assert len(before) > 10
    for one, other in zip(held, before, strict=True):
        torch.testing.assert_close(one.detach(), other, rtol=0, atol=0)


def test_sampled_tasks_share_the_strength_of_all(on_digits: Any) -> None:
    """The gradient for the tasks drawn, against that of the formula; another draw for each
    member.
    """
    options = {"scheme": "direct", "beta": 0.3, "reg_batch": 2, **SMALL}
    bench = on_digits(Hypernetwork(**options), steps=2, optimizer=ADAM)
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks[:4]:
        loop.task(task)
    begin(strategy, 4)
    theta = strategy.generator.parameters()
    with torch.no_grad():
        for value in theta:
            value.add_(0.01)
            value.grad = torch.zeros_like(value)
    drawn = torch.tensor([[0, 3], [2, 1]])
    strategy.old.add_gradients(theta, 0.3, drawn)
    total = torch.zeros(())
    for member, chosen in enumerate(drawn.tolist()):
        for index in chosen:
            made = strategy.generator.flat(strategy.embeddings[:, index])
            drift = made[member] - strategy.old.targets[member, index]
            total = total + 0.3 / 2 * drift.square().sum()
    for value, wanted in zip(theta, torch.autograd.grad(total, theta), strict=True):
        torch.testing.assert_close(value.grad, wanted, rtol=1e-4, atol=1e-6)


def test_old_tasks_are_drawn_evenly_and_never_twice(on_digits: Any) -> None:
    strategy, _ = on_digits(Hypernetwork(reg_batch=2, **SMALL)).start(0, 1)
    strategy.begun = 3
    assert strategy._drawn() is None  # two of two
    strategy.begun = 5
    counts = dict.fromkeys(itertools.permutations(range(4), 2), 0)
    draws = [strategy._drawn() for _ in range(600)]
    for row in torch.cat(draws).tolist():
        counts[tuple(row)] += 1
    # Twelve ordered pairs, a hundred of each expected: chi-square of 11 degrees of freedom.
    assert sum((n - 100) ** 2 / 100 for n in counts.values()) < 35
    assert any(not torch.equal(draw[0], draw[1]) for draw in draws)


def test_targets_computed_anew_are_those_that_were_stored(on_digits: Any) -> None:
    options = {"beta": 1.0, "reg_batch": 1, **SMALL}
    runs = [
        on_digits(Hypernetwork(targets=targets, **options), steps=4, optimizer=ADAM).run(0, 1)
        for targets in ("stored", "online")
    ]
    np.testing.assert_array_equal(runs[0].loss, runs[1].loss)
    free = on_digits(Hypernetwork(**{**options, "beta": 0.0}), steps=4, optimizer=ADAM).run(0, 1)
    assert not np.array_equal(free.loss, runs[0].loss)


def test_of_other_tasks_outputs_nothing_is_held(on_digits: Any) -> None:
    options = {"scheme": "direct", "beta": 1.0, **SMALL}
    drifts = {}
    for hold in ("all", "own_outputs"):
        bench = on_digits(
            Hypernetwork(hold=hold, **options), setting="task", steps=3, optimizer=ADAM
        )
        strategy, batch = second_task(bench, 0, 1)
        for _ in range(3):
            strategy.observe(batch)
        made = strategy.generator.flat(strategy.embeddings[:, 0])
        drifts[hold] = strategy.old._drift(made, 0)
        classes = strategy.session.streams.tasks[0].classes
    shared = 64 * 32 + 32
    assert drifts["all"].ne(0).all()
    weights = drifts["own_outputs"][:, shared : shared + 320].view(2, 10, 32)
    biases = drifts["own_outputs"][:, shared + 320 :]
    for member in (0, 1):
        own = sorted(classes[member].tolist())
        assert weights[member].ne(0).any(1).nonzero().flatten().tolist() == own
        assert biases[member].ne(0).nonzero().flatten().tolist() == own
    assert drifts["own_outputs"][:, :shared].ne(0).all()
