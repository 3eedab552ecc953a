"""One network trained by torch alone, batch by batch as a member of a stack was: a reference for
methods.

In double precision, as a paper would have it written down: autograd of the whole loss, torch's SGD.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch

Weights = list[Tensor]


def forward(weights: Weights, x: Tensor) -> Tensor:
    """The logits of `mlp: {hidden: [n]}`."""
    hidden = torch.relu(x.flatten(1) @ weights[0].T + weights[1])
    return hidden @ weights[2].T + weights[3]


def noting(kind: type) -> type:
    """This method, keeping its first weights (`start`) and its batches (`batches`) in the class."""

    class Noted(kind):  # type: ignore[misc]
        start: ClassVar[Weights] = []
        batches: ClassVar[list[Batch]] = []

        def setup(self) -> None:
            super().setup()
            type(self).start = [p.detach().clone() for p in self.net.parameters()]
            type(self).batches = []

        def observe(self, batch: Batch) -> Tensor | None:
            self.batches.append(batch)
            return super().observe(batch)

    Noted.name = f"noted_{kind.__name__.lower()}"
    Noted.__doc__ = kind.__doc__
    return Noted


class Reference:
    """A method for one network: what it adds to the cross-entropy, and what it does between."""

    weights: Weights
    row: int

    def task_loss(self, x: Tensor, y: Tensor, task: int) -> Tensor:
        return F.cross_entropy(self.forward(x), y)

    def forward(self, x: Tensor) -> Tensor:
        return forward(self.weights, x)

    def penalty(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64)

    def before_step(self, gradients: Weights) -> None:
        """The gradients are those of the task's loss."""

    def after_step(self) -> None:
        pass

    def end_task(self, task: int) -> None:
        pass

    def train(self, noted: Any, row: int, **sgd: float) -> Weights:
        """The weights after all the batches that this member saw."""
        self.row = row
        self.weights = [value[row].double().requires_grad_() for value in noted.start]
        self.begin()
        optimizer = torch.optim.SGD(self.weights, **sgd)
        current = 0
        for batch in noted.batches:
            if batch.task.index != current:
                self.end_task(current)
                current = batch.task.index
            x, y = batch.x[row].double(), batch.y[row]
            loss = self.task_loss(x, y, current)
            self.before_step(list(torch.autograd.grad(loss, self.weights, retain_graph=True)))
            optimizer.zero_grad()
            (loss + self.penalty()).backward()
            optimizer.step()
            self.after_step()
        return self.weights

    def begin(self) -> None:
        pass

    def copied(self) -> Weights:
        return [w.detach().clone() for w in self.weights]


def check(strategy: Any, noted: Any, make: Callable[[], Reference], **sgd: float) -> None:
    """Every member of the stack ends where a network by itself does, and not where it began."""
    for row in range(strategy.members):
        wanted = make().train(noted, row, **sgd)
        for value, alone, first in zip(strategy.net.parameters(), wanted, noted.start, strict=True):
            torch.testing.assert_close(
                value[row].detach().double(), alone.detach(), rtol=2e-3, atol=2e-5
            )
            assert not torch.allclose(value[row].detach(), first[row], atol=1e-3)
