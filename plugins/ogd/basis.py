"""Orthonormal bases of stored directions, and gradients without their components in them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clbench import Stateful, per_member

from .parts import (
    DenseRows,
    Gradients,
    Part,
    combined,
    dense_gram,
    flattened,
    joined,
    subtract_flat,
)

LEAST = 1e-30  # a direction whose norm is below is none


class Basis(Stateful):
    """An orthonormal basis of the directions that it was given."""

    def add(self, parts: Sequence[Part]) -> None:
        """Take in the directions of a task."""
        raise NotImplementedError

    def project(self, gradients: Gradients) -> None:
        """Leave of g what is orthogonal to the basis, g - sum <g, u> u, in place."""
        raise NotImplementedError

    def vectors(self, like: Gradients) -> Tensor:
        """`[R, directions, numbers]`: the basis itself, 0 where a direction was dropped."""
        raise NotImplementedError


class FactoredBasis(Basis):
    """Directions as they came, of norm 1, and the matrix W that makes them orthonormal: u = W v.

    With the eigenvectors E and eigenvalues s^2 of the directions' Gram matrix, in float64, W = E^T
    / s. What the directions have in common to less than `tolerance` of their norm is left out: s is
    at least that.
    """

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.parts: list[Part] = []

    def add(self, parts: Sequence[Part]) -> None:
        """The whole Gram matrix is worked through anew: errors of earlier tasks do not add up."""
        # Norm 1 first: the tolerance is then a part of each direction's own length.
        factors = inverse(sum_of([part.squares() for part in parts]).sqrt())
        for part in parts:
            part.scale(factors)
        self.parts = joined(self.parts, parts)
        # Inner products add up over the parameters that the parts stand for.
        gram = sum_of([part.gram() for part in self.parts])
        self.whitening: Tensor = per_member(self._whitening, gram)

    def _whitening(self, gram: Tensor) -> Tensor:
        return whitening(gram, self.tolerance).float()

    def project(self, gradients: Gradients) -> None:
        """By products with the factors; the directions are never written out."""
        dots = sum_of([part.dots(gradients) for part in self.parts])
        # u g = W (V g): inner products with the directions first, then combined to those with the
        # basis.
        components = per_member(torch.mv, self.whitening, dots.flatten(1))
        # sum_u <g, u> u = V^T (W^T components): back to the directions as they are kept.
        coefficients = combined(self.whitening, components).view(dots.shape)
        for part in self.parts:
            part.subtract(gradients, coefficients)

    def vectors(self, like: Gradients) -> Tensor:
        """One direction after the other."""
        found = []
        for row in self.whitening.unbind(1):
            gradients = {name: torch.zeros_like(value) for name, value in like.items()}
            for part in self.parts:
                # Subtracting -c from 0 leaves c: the vector itself.
                part.subtract(gradients, -row.view(part.squares().shape))
            found.append(flattened(gradients, list(like)))
        return torch.stack(found, dim=1)


class DenseBasis(Basis):
    """Orthonormal rows `[R, directions, numbers]`; a direction that was dropped is a row of zeros.

    With `pca` no more than so many directions are taken of each task, those of the largest sum of
    squared inner products with the task's own (Doan et al. 2021).
    """

    def __init__(self, names: Sequence[str], tolerance: float, pca: int | None = None) -> None:
        self.names, self.tolerance, self.pca = list(names), tolerance, pca

    def add(self, parts: Sequence[Part]) -> None:
        """What the basis has not yet of these directions."""
        (part,) = parts
        assert isinstance(part, DenseRows)
        new = part.rows.flatten(1, 2)
        before = self.rows if hasattr(self, "rows") else new[:, :0]
        found = per_member(self._fresh, before, new)
        self.rows: Tensor = torch.cat([before, found], dim=1)

    def _fresh(self, before: Tensor, new: Tensor) -> Tensor:
        """One member's: two passes of block Gram-Schmidt, each made orthonormal within."""
        if self.pca is not None:
            new = principal(new, self.pca)
        new = new * inverse(new.norm(dim=1, keepdim=True))
        # Twice is enough: what rounding left in the first pass, the second one takes (Kahan &
        # Parlett's rule).
        new = without(before, without(before, new))
        # Orthonormal among themselves; what has next to nothing new becomes a row of zeros.
        new = whitening(dense_gram(new), self.tolerance).float() @ new
        # What is left of a direction may be small: the errors of the first pass are as much larger.
        new = without(before, new)
        # Rows have a norm of 1 or 0 by now, so that any tolerance between tells them apart.
        return whitening(dense_gram(new), 0.5).float() @ new

    def project(self, gradients: Gradients) -> None:
        """The rows as one matrix."""
        flat = flattened(gradients, self.names)
        components = per_member(torch.mv, self.rows, flat)
        subtract_flat(gradients, self.names, combined(self.rows, components))

    def vectors(self, like: Gradients) -> Tensor:
        """The rows."""
        return self.rows


def inverse(norms: Tensor) -> Tensor:
    """What brings directions to length 1; 0 for those that are none."""
    return torch.where(norms > LEAST, 1.0 / norms, 0.0)


def without(basis: Tensor, rows: Tensor) -> Tensor:
    """What rows have beside an orthonormal basis, of one member."""
    return rows - (rows @ basis.T) @ basis


def principal(rows: Tensor, count: int) -> Tensor:
    """One member's `count` principal directions of `[n, numbers]`, uncentred, in their lengths."""
    vectors: Tensor = torch.linalg.eigh(finite(dense_gram(rows))).eigenvectors
    # Eigenvectors U of the small `[n, n]` matrix, not of the large one: U^T V are the principal
    # directions. The largest eigenvalues come last.
    return vectors[:, -count:].T.float() @ rows


def whitening(gram: Tensor, tolerance: float) -> Tensor:
    """One member's W with W G W^T = 1, rows 0 for directions of a norm within `tolerance`."""
    values, vectors = torch.linalg.eigh(finite(gram))
    # Eigenvalues are squared lengths.
    known = values > tolerance**2
    lengths = torch.where(known, values, 1.0).sqrt()
    rows: Tensor = (vectors * torch.where(known, 1.0 / lengths, 0.0)).T
    return rows


def finite(gram: Tensor) -> Tensor:
    """0 for what a member that diverged has; its neighbours' decomposition is not to fail."""
    return torch.where(gram.isfinite(), gram, 0.0)


def sum_of(tensors: Sequence[Tensor]) -> Tensor:
    """Their sum, in order."""
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total
