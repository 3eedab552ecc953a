"""Gradients of all parameters side by side, and what the memory says they should be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import PositiveInt
from torch import Tensor

from clbench import Batch, Memory, Strategy


class MemoryGradients(Strategy):
    """A strategy that compares a step's gradient with those of a memory of earlier tasks."""

    memory: Memory = 500  # samples kept in all, or the bytes that they may take
    # Samples drawn a step; by default as many as the batch has.
    replay_batch: PositiveInt | None = None

    def data_gradient(self) -> Tensor:
        """`[R, N]`: the gradient at hand, 0 of a parameter that has none."""
        params = self.optimizer.params
        return side_by_side([p.grad for p in params], params)

    def memory_gradient(self, batch: Batch) -> Tensor:
        """`[R, N]`: the gradient of the cross-entropy on samples of the memory; 0 of a member
        without any.
        """
        params = self.optimizer.params
        loss = self.cross_entropy(self.net(batch.x), batch)
        # allow_unused: heads of other tasks have no gradient here.
        found = torch.autograd.grad(loss, params, torch.ones_like(loss), allow_unused=True)
        return side_by_side(found, params)

    @torch.no_grad()
    def add_to_gradient(self, change: Tensor) -> None:
        """Add `[R, N]` to the gradient at hand."""
        params = self.optimizer.params
        parts = change.split([p[0].numel() for p in params], dim=1)
        for p, part in zip(params, parts, strict=True):
            if p.grad is None:
                p.grad = part.reshape(p.shape).clone()
            else:
                p.grad.add_(part.view(p.shape))


def side_by_side(gradients: Sequence[Tensor | None], params: Sequence[Tensor]) -> Tensor:
    """`[R, N]`: the gradients of all parameters, 0 where there is none."""
    filled = [
        torch.zeros_like(p) if gradient is None else gradient
        for p, gradient in zip(params, gradients, strict=True)
    ]
    return torch.cat([gradient.detach().flatten(1) for gradient in filled], dim=1)
