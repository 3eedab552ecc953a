"""Synaptic intelligence."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from clbench import Batch, Task

from .pull import Anchored


class SI(Anchored):
    """Synaptic intelligence (Zenke et al. 2017): loss + strength * sum Omega (theta - theta*)^2.

    Every trained weight is credited with what its own path took off the loss: after each step omega
    <- omega - g * (change of theta), with the gradient g of the task's loss alone (replay and
    distillation are part of it, penalties are not) and the change that the optimiser really made.
    At the end of a task Omega <- Omega + omega / ((theta - theta*)^2 + xi), omega <- 0, and theta*
    <- theta; theta* are at first the weights that the network began with.

    Heads are weights as all others: one that stands still is credited with nothing, and pulled by
    nothing.
    """

    paper = (
        "Zenke et al. 2017, Continual learning through synaptic intelligence,"
        " https://arxiv.org/abs/1703.04200"
    )
    name = "si"
    strength: NonNegativeFloat = 1.0  # c
    xi: PositiveFloat = 0.1  # keeps Omega within bounds where a weight hardly moved
    # Set Omega to 0 where it is negative: a weight along whose path the loss grew is else pushed
    # away from theta*.
    clamp: bool = False

    def setup(self) -> None:
        super().setup()
        params = self.net.parameters()
        self.path = [torch.zeros_like(p, requires_grad=False) for p in params]  # omega
        # theta*; Omega comes with the end of the first task.
        self.anchor = [p.detach().clone() for p in params]
        # Gradient and value of each parameter, within a step; no state between steps.
        self.begun: list[tuple[Tensor, Tensor] | None] = []

    def data_gradients(self, batch: Batch) -> None:
        # Before other parts, which may change the gradient: the credit is that of the loss itself.
        # g of the loss alone, and theta before the step.
        self.begun = [_gradient_and_value(p) for p in self.net.parameters()]
        super().data_gradients(batch)

    @torch.no_grad()
    def after_step(self, batch: Batch) -> None:
        # Before other parts, which may move weights by other means than the optimiser.
        for path, p, begun in zip(self.path, self.net.parameters(), self.begun, strict=False):
            if begun is not None:
                gradient, before = begun
                # omega += g (theta_before - theta_after), which is -g delta theta.
                path.add_(before.sub_(p).mul_(gradient))
        self.begun = []
        super().after_step(batch)

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        super().end_task(task)
        if not self.importance:
            self.importance = [torch.zeros_like(path) for path in self.path]
        for importance, path, anchor, p in zip(
            self.importance, self.path, self.anchor, self.net.parameters(), strict=True
        ):
            # Omega += omega / (Delta^2 + xi).
            importance.add_(path / ((p - anchor).square() + self.xi))
            if self.clamp:
                importance.clamp_(min=0.0)
            path.zero_()
            anchor.copy_(p)


def _gradient_and_value(p: Tensor) -> tuple[Tensor, Tensor] | None:
    return None if p.grad is None else (p.grad.clone(), p.detach().clone())
