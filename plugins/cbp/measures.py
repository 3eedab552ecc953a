"""What the utility of a unit is made of, for all members at once."""

from __future__ import annotations

from torch import Tensor

from clbench import Layer


def by_column(layer: Layer, hidden: Tensor, rows: int) -> Tensor:
    """Activations as `[R, rows, columns, positions]`, a column for each column of weights out."""
    hidden = hidden.detach()[:, :rows]
    units = hidden.shape[2]
    return hidden.reshape(*hidden.shape[:2], units * layer.block, -1)


def mean(activations: Tensor) -> Tensor:
    """`[R, columns]`: the mean over the batch and positions."""
    return activations.mean((1, 3))


def mean_distance(activations: Tensor, center: Tensor) -> Tensor:
    """`[R, columns]`: the mean of |h - center|."""
    # `[R, columns]` beside `[R, B, columns, positions]`.
    distance = activations - center[:, None, :, None]
    return distance.abs_().mean((1, 3))


def mean_size(activations: Tensor) -> Tensor:
    """`[R, columns]`: the mean of |h|."""
    return activations.abs().mean((1, 3))


def size_out(weight: Tensor) -> Tensor:
    """`[R, columns]`: the mean size of the weights out, `[R, out, columns, ...]`."""
    # Over outputs and over kernel positions.
    return weight.detach().abs().mean((1, *range(3, weight.dim())))


def size_in(weight: Tensor) -> Tensor:
    """`[R, units]`: the mean size of the weights in, `[R, units, ...]`."""
    return weight.detach().abs().mean(tuple(range(2, weight.dim())))


def by_unit(layer: Layer, values: Tensor) -> Tensor:
    """`[R, columns]` to `[R, units]`: the mean over the columns of each unit."""
    if layer.block == 1:
        return values
    return values.view(len(values), -1, layer.block).mean(2)


def to_columns(layer: Layer, values: Tensor) -> Tensor:
    """`[R, units]` to `[R, columns]`: each unit's value for all of its columns."""
    if layer.block == 1:
        return values
    return values[..., None].expand(*values.shape, layer.block).flatten(1)
