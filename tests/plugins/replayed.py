"""A replay method in plain torch, one network at a time, fed with the batches and draws of a
stacked run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch

Weights = list[Tensor]


@dataclass
class Step:
    """What one step of a stacked run was about."""

    batch: Batch
    drawn: list[Batch] = field(default_factory=list)
    active: list[int] = field(default_factory=list)
    loss: Tensor | None = None


@dataclass
class Followed:
    """A stacked run: the weights it began and ended with, and its steps."""

    strategy: Any
    begin: Weights
    end: Weights
    steps: list[Step]


def follow(bench: Any, *seeds: int, tasks: int) -> Followed:
    """Run it, and note every batch and what was drawn from the buffer beside it."""
    strategy, loop = bench.start(*seeds)
    steps: list[Step] = []
    draw, observe = strategy.buffer.sample_with, strategy.observe

    def noted_draw(size: int) -> Any:
        drawn = draw(size)
        steps[-1].drawn.append(drawn[0])
        return drawn

    def noted_step(batch: Batch) -> Any:
        steps.append(Step(batch, active=list(strategy.session.active)))
        steps[-1].loss = observe(batch)
        return steps[-1].loss

    strategy.buffer.sample_with, strategy.observe = noted_draw, noted_step
    begin = [value.detach().clone() for value in strategy.net.parameters()]
    for task in strategy.session.streams.tasks[:tasks]:
        loop.task(task)
    end = [value.detach().clone() for value in strategy.net.parameters()]
    return Followed(strategy, begin, end, steps)


def forward(weights: Weights, x: Tensor) -> Tensor:
    """An MLP with one hidden layer."""
    hidden = torch.relu(F.linear(x.flatten(1), weights[0], weights[1]))
    return F.linear(hidden, weights[2], weights[3])


Loss = Callable[[Weights, Batch, list[Batch], int], Tensor]


def train_alone(run: Followed, row: int, loss: Loss, lr: float) -> Weights:
    """Plain SGD of one network over the same batches; `loss` sees a member's part of them, and what
    was drawn.
    """
    weights = [value[row].clone().requires_grad_() for value in run.begin]
    optimizer = torch.optim.SGD(weights, lr=lr)
    for step in run.steps:
        if row not in step.active:
            continue
        drawn = [part.member(row) for part in step.drawn if bool(part.weights[row].all())]
        found = loss(weights, step.batch.member(row), drawn, row)
        assert step.loss is not None
        torch.testing.assert_close(found.detach(), step.loss[row], atol=2e-5, rtol=2e-5)
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
    return [value.detach() for value in weights]


def assert_same_end(run: Followed, loss: Callable[[], Loss], lr: float) -> None:
    """Every member of the stack ended where its network ends alone."""
    for row in range(len(run.end[0])):
        alone = train_alone(run, row, loss(), lr)
        for value, wanted in zip(run.end, alone, strict=True):
            torch.testing.assert_close(value[row], wanted, atol=2e-4, rtol=2e-4)
