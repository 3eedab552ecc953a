"""Functions written for one member, applied to all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree


def per_member(fn: Callable[..., Any], *tensors: Tensor) -> Any:
    """`fn(*rows)` of every member, stacked: `[R, ...]` in, `[R, ...]` out, with gradients.

    On a CPU for the sake of bits and of speed. A kernel takes most numbers by the vector and the
    last few one by one, and `sigmoid`, `pow`, `softplus`, `elu`, `silu` and others round
    differently in the two; in a stack other numbers are the last few than alone. And what is large
    stays in the cache where it is worked through member by member. On a GPU all members are
    computed at once by `torch.func.vmap`.
    """
    if tensors[0].device.type != "cpu":
        # randomness stays torch's default, "error": noise has to be drawn before.
        return torch.func.vmap(fn)(*tensors)
    return stacked([fn(*rows) for rows in zip(*map(rows_of, tensors), strict=True)])


def beside(values: Tensor, tensor: Tensor) -> Tensor:
    """One value a row, as a view with the dimensions of the tensor that has these rows.

    `[R]` beside `[R, ...]` becomes `[R, 1, ...]`, and `[R, C]` beside `[R, C, F]` `[R, C, 1]`.
    """
    return values.view(*values.shape, *(1,) * (tensor.dim() - values.dim()))


def side_by_side(tensors: Iterable[Tensor]) -> Tensor:
    """`[R, N]`: all numbers of a member in a row, those of one tensor behind those of another."""
    return torch.cat([tensor.flatten(1) for tensor in tensors], dim=1)


def split_like(flat: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The way back: `[R, N]` as views in the shapes of these tensors, in their order."""
    parts = flat.split([tensor[0].numel() for tensor in tensors], dim=1)
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def rows_of(tensor: Tensor) -> Sequence[Tensor]:
    """The members' rows; of a single member as a view that costs nothing on the way back."""
    return (tensor.squeeze(0),) if tensor.shape[0] == 1 else tensor.unbind(0)


def stacked(results: Sequence[Any]) -> Any:
    """The members' results as one, `[R, ...]`, whether tensors or containers of tensors."""
    return pytree.tree_map(stack_rows, *results)


def stack_rows(*rows: Tensor) -> Tensor:
    """The same for tensors; of a single member without a copy."""
    return rows[0].unsqueeze(0) if len(rows) == 1 else torch.stack(rows)
