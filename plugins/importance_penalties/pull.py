"""A pull towards anchors, each weight by its importance, with the gradient written out.

Autograd would keep two more copies of all parameters, and walk over them as often again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.autograd.function import once_differentiable

from clbench import Strategy, beside


class Anchored(Strategy):
    """A strategy that pulls weights to anchors, once it has some, by their importance."""

    strength: NonNegativeFloat = 1.0  # of the pull

    def setup(self) -> None:
        super().setup()
        self.importance: list[Tensor] = []  # Omega
        self.anchor: list[Tensor] = []  # theta*

    def penalty(self) -> Tensor:
        total = super().penalty()
        if not self.importance:
            return total
        pull = weighted_distance(self.net.parameters(), self.anchor, self.importance)
        return total + self.strength * pull


def weighted_distance(
    params: Sequence[Tensor], anchors: Sequence[Tensor], importance: Sequence[Tensor]
) -> Tensor:
    """`[R]`: the sum of importance * (theta - anchor)^2 over the parameters that are trained."""
    trained = [
        triple
        for triple in zip(params, anchors, importance, strict=True)
        if triple[0].requires_grad
    ]
    if not trained:
        return torch.zeros(len(params[0]), device=params[0].device)
    chosen, held, weights = zip(*trained, strict=True)
    value: Tensor = _WeightedDistance.apply(held, weights, *chosen)
    return value


class _WeightedDistance(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, anchors: Sequence[Tensor], importance: Sequence[Tensor], *params: Tensor
    ) -> Tensor:
        moved = [p - anchor for p, anchor in zip(params, anchors, strict=True)]
        # Omega (theta - theta*): half the gradient, and a factor of the value.
        slopes = [weight * d for weight, d in zip(importance, moved, strict=True)]
        ctx.save_for_backward(*slopes)
        # `moved` is not needed again: it becomes the products in place.
        # Omega (theta - theta*)^2, summed.
        parts = [d.mul_(slope).flatten(1).sum(1) for d, slope in zip(moved, slopes, strict=True)]
        return torch.stack(parts).sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        twice = 2.0 * grad
        slopes = ctx.saved_tensors
        # d/dtheta = 2 Omega (theta - theta*), times what comes from above, `[R]`.
        return None, None, *(s * beside(twice, s) for s in slopes)
