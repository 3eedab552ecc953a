"""Entries of parameters that stand still in a step: their value, their moments and their age.

Torch's optimisers skip a parameter without a gradient. Where heads are parts of one tensor, that has to be
done for parts of a parameter. A step is taken as always, and what stands still is put back after it: exact
for every optimiser, and cheap where the parameter is a head.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def standing_still(frozen: Tensor | None, idle: Tensor | None, grad: Tensor) -> Tensor | None:
    """Which entries do not move in a step with this gradient, broadcastable to it; None where all may.

    Entries of `frozen` never do. Those of `idle` do not while the gradient of their row is 0: a loss or a
    penalty that reaches them all the same moves them.
    """
    if idle is None:
        return frozen
    untouched = grad == 0
    spread = [d for d in range(grad.dim()) if idle.shape[d] == 1 and grad.shape[d] != 1]
    if spread:
        untouched = untouched.all(dim=spread, keepdim=True)
    untouched = untouched & idle
    return untouched if frozen is None else untouched | frozen


class Held:
    """Tensors as they were before a step, and which of their entries go back to that."""

    def __init__(self, still: Tensor, tensors: Iterable[Tensor]) -> None:
        self.still = still
        self.before = [(tensor, tensor.clone()) for tensor in tensors]

    def put_back(self) -> None:
        """Undo the step for the entries that stand still."""
        for tensor, before in self.before:
            still = self.still
            if tensor.dim() > still.dim():  # ages have a last dimension of their own
                still = still.unsqueeze(-1)
            torch.where(still, before, tensor, out=tensor)
