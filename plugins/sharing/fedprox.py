"""FedProx: federated averaging whose local training stays near the last mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import NonNegativeFloat
from torch import Tensor
from torch.autograd.function import once_differentiable

from clbench import beside

from .fedavg import FedAvg


class FedProx(FedAvg):
    """Federated averaging with a pull, in local training, to the last mean (Li et al. 2020).

    loss + mu/2 sum (w - w_last)^2 over the shared parameters alone; w_last are the agent's after
    the last round that it took part in, and before the first one those it had then. With `mu: 0` it
    is `fedavg`, bit for bit. In tasks that are the same for all agents there are no rounds, and no
    pull.
    """

    paper = (
        "Li et al. 2020, Federated optimization in heterogeneous networks,"
        " https://arxiv.org/abs/1812.06127"
    )
    name = "fedprox"

    mu: NonNegativeFloat = 0.1  # how hard; 0 is plain averaging

    def keeps_aggregate(self) -> bool:
        return self.mu > 0 or super().keeps_aggregate()

    def penalty(self) -> Tensor:
        total = super().penalty()
        if not self.mu or not self.aggregate:
            return total
        named = self.net.named_parameters()
        pairs = [
            (named[name], last)
            for name, last in self.aggregate.items()
            if named[name].requires_grad
        ]
        if not pairs:
            return total
        params, anchors = zip(*pairs, strict=True)
        drift: Tensor = _SquaredDistance.apply(anchors, *params)
        return total + self.mu / 2 * drift


class _SquaredDistance(torch.autograd.Function):
    """`[R]`: sum (w - w_last)^2, with the gradient written out: autograd would walk over all
    parameters three times more.
    """

    @staticmethod
    def forward(ctx: Any, anchors: Sequence[Tensor], *params: Tensor) -> Tensor:
        moved = [param - anchor for param, anchor in zip(params, anchors, strict=True)]
        ctx.save_for_backward(*moved)
        norms = [torch.linalg.vector_norm(change.flatten(1), dim=1) for change in moved]
        return torch.stack(norms).square().sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # d/dw sum (w - w_last)^2 = 2 (w - w_last), times what came from behind.
        slopes = [2.0 * beside(grad, d) * d for d in ctx.saved_tensors]
        return None, *slopes
