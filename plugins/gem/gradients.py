"""Gradients of all parameters side by side, and what the memory says they should be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import PositiveInt
from torch import Tensor

from clbench import Batch, Memory, Strategy, side_by_side, split_like


class MemoryGradients(Strategy):
    """A strategy that compares a step's gradient with those of a memory of earlier tasks."""

    memory: Memory = 500  # samples kept in all, or the bytes that they may take
    # Samples drawn a step; by default as many as the batch has.
    replay_batch: PositiveInt | None = None

    def data_gradient(self) -> Tensor:
        """`[R, N]`: the gradient at hand, 0 of a parameter that has none."""
        params = self.optimizer.params
        return filled([p.grad for p in params], params)

    def memory_gradient(self, batch: Batch) -> Tensor:
        """`[R, N]`: the gradient of the cross-entropy on the memory's samples, 0 without any."""
        params = self.optimizer.params
        loss = self.cross_entropy(self.net(batch.x), batch)
        # allow_unused: heads of other tasks have no gradient here.
        found = torch.autograd.grad(loss, params, torch.ones_like(loss), allow_unused=True)
        return filled(found, params)

    @torch.no_grad()
    def add_to_gradient(self, change: Tensor) -> None:
        """Add `[R, N]` to the gradient at hand."""
        params = self.optimizer.params
        for p, part in zip(params, split_like(change, params), strict=True):
            if p.grad is None:
                p.grad = part.clone()
            else:
                p.grad.add_(part)


def filled(gradients: Sequence[Tensor | None], params: Sequence[Tensor]) -> Tensor:
    """`[R, N]`: the gradients of all parameters, 0 where there is none."""
    pairs = zip(params, gradients, strict=True)
    known = [torch.zeros_like(p) if gradient is None else gradient for p, gradient in pairs]
    return side_by_side(known).detach()
