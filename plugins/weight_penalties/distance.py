"""How far parameters are from others, `[R]`, with the gradient written out.

Autograd would keep two more copies of all parameters, and walk over them as often again: a penalty
that is taken at every step costs as much as the optimiser's update. Here the gradient is one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from clbench import beside

Kind = Literal["l2", "l1", "huber"]


def distance(kind: Kind, params: Sequence[Tensor], anchors: Sequence[Tensor] | None) -> Tensor:
    """`[R]`: the distance of all parameters from these anchors (None: from zero).

    With d = theta - anchor, summed over all entries: `l2` is d^2 / 2, `l1` is |d|, and `huber` is
    d^2 / 2 where |d| < 1 and |d| - 1/2 elsewhere.
    """
    value: Tensor = _Distance.apply(kind, anchors, *params)
    return value


class _Distance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kind: Kind, anchors: Sequence[Tensor] | None, *params: Tensor) -> Tensor:
        moved = params
        if anchors is not None:
            moved = tuple(p - anchor for p, anchor in zip(params, anchors, strict=True))
        ctx.kind = kind
        ctx.save_for_backward(*moved)
        return _value(kind, [_rows(d) for d in moved])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        moved = ctx.saved_tensors
        slopes = [_slope(ctx.kind, d) * beside(grad, d) for d in moved]
        # One for each argument of `forward`: kind and anchors have no gradient.
        return None, None, *slopes


def _rows(tensor: Tensor) -> Tensor:
    """`[R, N]`, without a copy: each member's numbers as they lie in memory."""
    if tensor.is_contiguous():
        return tensor.view(len(tensor), -1)
    # Channels-last tensors are contiguous in another order of dimensions; a norm does not mind.
    order = sorted(range(1, tensor.dim()), key=tensor.stride, reverse=True)
    return tensor.permute(0, *order).reshape(len(tensor), -1)


def _value(kind: Kind, moved: Sequence[Tensor]) -> Tensor:
    if kind == "l2":
        norms = torch.stack([torch.linalg.vector_norm(d, dim=1) for d in moved])
        # From norms, which are one fused pass over each tensor.
        return norms.square_().sum(0).mul_(0.5)
    if kind == "l1":
        return torch.stack([torch.linalg.vector_norm(d, ord=1, dim=1) for d in moved]).sum(0)
    return torch.stack([_huber(d.abs()) for d in moved]).sum(0)


def _huber(size: Tensor) -> Tensor:
    return torch.where(size < 1.0, size.square() * 0.5, size - 0.5).sum(1)


def _slope(kind: Kind, d: Tensor) -> Tensor:
    """The derivative by d."""
    if kind == "l2":
        return d
    # huber: d up to a distance of 1, its sign beyond.
    return d.sign() if kind == "l1" else d.clamp(-1.0, 1.0)
