"""Entries of parameters that stand still in a step: their value, their moments and their age.

Torch's optimisers skip a parameter without a gradient. Where heads are parts of one tensor, that
has to be done for parts of a parameter. A step is taken as always, and what stands still is put
back after it: exact for every optimiser, and cheap where the parameter is a head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from clbench.stack.state import Stateful


class IdleRows(Stateful):
    """Rows of a head's parameters, one an output, that
    stand still together in steps that do not reach them.

    `idle [R, C]` is written before every step by whoever knows which outputs take part.
    `age [R, C, betas]` holds beta^t of the steps that each row took.
    """

    wiring: ClassVar[frozenset[str]] = frozenset({"idle"})

    def __init__(self, keys: Sequence[int], idle: Tensor, age: Tensor) -> None:
        self.keys, self.idle = list(keys), idle
        # `[R, betas]` to `[R, C, betas]`: every row begins as old as its member.
        self.age = age[:, None].expand(*idle.shape, age.shape[-1]).clone()

    def still(self, grads: Sequence[Tensor]) -> Tensor:
        """`[R, C]`: the idle rows that have no gradient in any of the parameters.

        What has one moves all the same.
        """
        still = self.idle
        for grad in grads:
            still = still & untouched(grad, 2)
        return still

    def older(self, still: Tensor, betas: Tensor, keep: bool) -> Tensor:
        """The ages one step on, but for the rows that stand still.

        For good where they are to `keep`.
        """
        older = torch.where(still[..., None], self.age, self.age * betas)
        # Ages that are kept go into the old tensor, to which a device graph may point.
        return self.age.copy_(older) if keep else older


def untouched(grad: Tensor, dims: int) -> Tensor:
    """Whether a gradient is 0 in all that lies behind its first dimensions."""
    # Exactly 0, not small: rows without a sample get exact zeros from autograd.
    zero = grad == 0
    return zero.flatten(dims).all(dims) if zero.dim() > dims else zero


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
            # `where`, not a masked assignment, which would read the mask on the host.
            torch.where(still, before, tensor, out=tensor)
