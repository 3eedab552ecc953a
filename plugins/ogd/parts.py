"""Directions in the space of parameters, and how they are kept: as factors, or as they are.

Directions belong to samples, K a sample: `[R, M, K]` of them are those of M samples. What a
direction is for one linear layer is an outer product, delta x^T for the weight and delta for the
bias (as `net.tap` gives them), and the input x is that of all K directions of a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from clbench import Stateful, per_member, side_by_side, split_like

Gradients = Mapping[str, Tensor]
COLUMNS = 2**16  # of a dense direction that are turned to float64 at a time


class Part(Stateful):
    """What M samples' directions are in some of the parameters."""

    def dots(self, gradients: Gradients) -> Tensor:
        """`[R, M, K]`: the inner products with these gradients."""
        raise NotImplementedError

    def subtract(self, gradients: Gradients, coefficients: Tensor) -> None:
        """Subtract sum c_i v_i from the gradients, in place; c is `[R, M, K]`."""
        raise NotImplementedError

    def gram(self) -> Tensor:
        """`[R, M K, M K]` in float64: the inner products with each other."""
        raise NotImplementedError

    def squares(self) -> Tensor:
        """`[R, M, K]`: squared norms."""
        raise NotImplementedError

    def scale(self, factors: Tensor) -> None:
        """Multiply each direction by a number of its own, `[R, M, K]`."""
        raise NotImplementedError

    def join(self, other: Part) -> None:
        """Take in the directions of other samples."""
        raise NotImplementedError


class LinearFactors(Part):
    """A linear layer's directions as factors: `inputs [R, M, in]`, `deltas [R, M, K, out]`."""

    def __init__(self, weight: str, bias: str | None, inputs: Tensor, deltas: Tensor) -> None:
        self.weight, self.bias = weight, bias
        self.inputs, self.deltas = inputs, deltas

    def dots(self, gradients: Gradients) -> Tensor:
        """delta_i^T (G x_i + b)."""
        # `[R, M, out]`: <delta x^T, G> = delta^T (G x), so no outer product is written out.
        moved = torch.bmm(self.inputs, gradients[self.weight].transpose(1, 2))
        if self.bias is not None:
            moved = moved + gradients[self.bias][:, None]
        return (self.deltas * moved[:, :, None]).sum(3)

    def subtract(self, gradients: Gradients, coefficients: Tensor) -> None:
        """G - (c delta)^T x."""
        # `[R, M, out]`: the K directions of a sample share x, and so are summed before the product.
        weighted = (self.deltas * coefficients[..., None]).sum(2)
        gradients[self.weight].baddbmm_(weighted.transpose(1, 2), self.inputs, alpha=-1.0)
        if self.bias is not None:
            gradients[self.bias].sub_(weighted.sum(1))

    def gram(self) -> Tensor:
        """(delta_i . delta_j) (x_i . x_j + 1)."""
        bias = 0.0 if self.bias is None else 1.0

        def of_member(inputs: Tensor, deltas: Tensor) -> Tensor:
            samples, each = deltas.shape[:2]
            x, delta = inputs.double(), deltas.flatten(0, 1).double()
            # `[M, 1, M, 1]` beside `[M, K, M, K]`: <d x^T, e y^T> = (d . e) (x . y); the bias is an
            # input of 1.
            between_inputs = (x @ x.T + bias)[:, None, :, None]
            between_deltas = (delta @ delta.T).view(samples, each, samples, each)
            return (between_deltas * between_inputs).view(samples * each, samples * each)

        found: Tensor = per_member(of_member, self.inputs, self.deltas)
        return found

    def squares(self) -> Tensor:
        """|delta|^2 (|x|^2 + 1)."""
        # The norm of an outer product is the product of the norms.
        inputs = self.inputs.square().sum(2)
        if self.bias is not None:
            inputs = inputs + 1.0
        return self.deltas.square().sum(3) * inputs[:, :, None]

    def scale(self, factors: Tensor) -> None:
        """The deltas alone, for samples share their inputs."""
        self.deltas = self.deltas * factors[..., None]

    def join(self, other: Part) -> None:
        """One sample after the other."""
        assert isinstance(other, LinearFactors)
        self.inputs = torch.cat([self.inputs, other.inputs], dim=1)
        self.deltas = torch.cat([self.deltas, other.deltas], dim=1)


class DenseRows(Part):
    """The directions in other parameters, number by number: `rows [R, M, K, numbers]`."""

    def __init__(self, names: Sequence[str], rows: Tensor) -> None:
        self.names, self.rows = list(names), rows

    def dots(self, gradients: Gradients) -> Tensor:
        """As they are."""
        flat = flattened(gradients, self.names)
        found: Tensor = per_member(torch.mv, self.rows.flatten(1, 2), flat)
        return found.view(self.rows.shape[:3])

    def subtract(self, gradients: Gradients, coefficients: Tensor) -> None:
        """As they are."""
        subtract_flat(gradients, self.names, combined(self.rows.flatten(1, 2), coefficients))

    def gram(self) -> Tensor:
        """As they are."""
        found: Tensor = per_member(dense_gram, self.rows.flatten(1, 2))
        return found

    def squares(self) -> Tensor:
        """As they are."""
        return self.rows.square().sum(3)

    def scale(self, factors: Tensor) -> None:
        """As they are."""
        self.rows = self.rows * factors[..., None]

    def join(self, other: Part) -> None:
        """One sample after the other."""
        assert isinstance(other, DenseRows)
        self.rows = torch.cat([self.rows, other.rows], dim=1)


def joined(own: list[Part], new: Sequence[Part]) -> list[Part]:
    """The parts with the directions of new samples, in the same parameters; or the new alone."""
    if not own:
        return list(new)
    for part, more in zip(own, new, strict=True):
        part.join(more)
    return own


def flattened(gradients: Gradients, names: Sequence[str]) -> Tensor:
    """`[R, numbers]`: these gradients side by side."""
    return side_by_side(gradients[name] for name in names)


def subtract_flat(gradients: Gradients, names: Sequence[str], flat: Tensor) -> None:
    """Subtract `[R, numbers]` from these gradients, in place."""
    chosen = [gradients[name] for name in names]
    for gradient, part in zip(chosen, split_like(flat, chosen), strict=True):
        gradient.sub_(part)


def combined(rows: Tensor, coefficients: Tensor) -> Tensor:
    """`[R, numbers]`: sum c_i v_i of `rows [R, n, numbers]`."""

    def of_member(own: Tensor, coefficient: Tensor) -> Tensor:
        return torch.mv(own.T, coefficient)

    found: Tensor = per_member(of_member, rows, coefficients.flatten(1))
    return found


def dense_gram(rows: Tensor) -> Tensor:
    """`[n, n]` in float64 of one member's `[n, numbers]`."""
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for columns in rows.split(COLUMNS, dim=1):
        # A block of columns at a time: a copy of all rows in float64 would take twice their room.
        wide = columns.double()
        total = total + wide @ wide.T
    return total
