"""Orthonormal bases of directions, beside numpy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench_plugins.ogd.basis import (
    DenseBasis,
    FactoredBasis,
    finite,
    inverse,
    principal,
    sum_of,
    whitening,
    without,
)
from clbench_plugins.ogd.parts import DenseRows, LinearFactors, joined

NAMES = ["weight", "bias"]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rows(members: int = 2, samples: int = 3, each: int = 2, seed: int = 0) -> DenseRows:
    """Directions in a weight of 2 x 2 and a bias of 2 numbers."""
    return DenseRows(NAMES, drawn(members, samples, each, 6, seed=seed))


def factors(members: int = 2, samples: int = 2, seed: int = 0) -> LinearFactors:
    """Of a linear layer with two inputs and two outputs, a direction a sample."""
    inputs = drawn(members, samples, 2, seed=seed)
    return LinearFactors("weight", "bias", inputs, drawn(members, samples, 1, 2, seed=seed + 9))


def gradients(members: int = 2, seed: int = 5) -> dict[str, Tensor]:
    return {"weight": drawn(members, 2, 2, seed=seed), "bias": drawn(members, 2, seed=seed + 1)}


def flat(given: dict[str, Tensor]) -> Tensor:
    return torch.cat([given[name].flatten(1) for name in NAMES], dim=1)


# ---------------------------------------------------------------------- matrices


def test_whitening_makes_a_gram_matrix_the_identity() -> None:
    vectors = drawn(3, 7).double()
    w = whitening(vectors @ vectors.T, 1e-3)
    torch.testing.assert_close(w @ vectors @ vectors.T @ w.T, torch.eye(3).double())


def test_what_directions_have_in_common_is_taken_once() -> None:
    one = torch.nn.functional.normalize(drawn(1, 7).double())
    vectors = torch.cat([one, one])
    w = whitening(vectors @ vectors.T, 1e-3)
    lengths = (w @ vectors).norm(dim=1)
    torch.testing.assert_close(lengths.sort().values, torch.tensor([0.0, 1.0]).double())


@pytest.mark.parametrize(("tolerance", "kept"), [(0.5, 1), (0.05, 2)])
def test_a_direction_that_is_shorter_than_the_tolerance_is_dropped(
    tolerance: float, kept: int
) -> None:
    # Orthogonal directions of length 1 and 0.1.
    w = whitening(torch.diag(torch.tensor([1.0, 0.01])).double(), tolerance)
    assert int((w.abs().sum(1) > 0).sum()) == kept


def test_numbers_that_are_not_finite_do_not_fail() -> None:
    gram = torch.tensor([[1.0, torch.nan], [torch.inf, 1.0]]).double()
    assert finite(gram).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert whitening(gram, 1e-3).isfinite().all()


def test_the_inverse_of_a_length_of_nothing_is_nothing() -> None:
    assert inverse(torch.tensor([2.0, 0.0, 1e-35])).tolist() == [0.5, 0.0, 0.0]


def test_principal_directions_are_those_of_the_largest_singular_values() -> None:
    matrix = drawn(4, 9)
    found = principal(matrix, 2)
    singular = np.linalg.svd(matrix.numpy().astype(float), compute_uv=False)
    np.testing.assert_allclose(sorted(found.norm(dim=1).numpy())[::-1], singular[:2], rtol=1e-5)
    torch.testing.assert_close(
        found @ found.T, torch.diag((found @ found.T).diagonal()), atol=1e-4, rtol=0
    )


def test_without_a_basis_nothing_of_it_is_left() -> None:
    basis = torch.linalg.qr(drawn(6, 2)).Q.T
    left = without(basis, drawn(3, 6, seed=1))
    torch.testing.assert_close(left @ basis.T, torch.zeros(3, 2), atol=1e-5, rtol=0)
    assert torch.equal(without(basis[:0], drawn(3, 6)), drawn(3, 6))


def test_a_sum_is_in_order() -> None:
    values = [torch.tensor(1e8), torch.tensor(1.0), torch.tensor(-1e8)]
    # In float32 the 1 is lost beside 1e8.
    assert sum_of(values).item() == 0.0
    assert sum_of([values[0], values[2], values[1]]).item() == 1.0


# ---------------------------------------------------------------------- bases


def numpy_projection(vectors: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """What of a gradient is orthogonal to these rows."""
    found = np.linalg.lstsq(vectors.T, gradient, rcond=None)[0]
    return gradient - vectors.T @ found


def dense() -> tuple[DenseBasis, list[DenseRows]]:
    return DenseBasis(NAMES, 1e-3), [rows(samples=1), rows(samples=1, seed=1)]


def factored() -> tuple[FactoredBasis, list[LinearFactors]]:
    return FactoredBasis(1e-3), [factors(), factors(seed=1)]


def written_out(part: DenseRows | LinearFactors) -> np.ndarray:
    """`[R, directions, 6]`, before the basis has scaled it."""
    if isinstance(part, DenseRows):
        return part.rows.flatten(1, 2).numpy()
    outer = part.deltas[:, :, 0, :, None] * part.inputs[:, :, None, :]
    return torch.cat([outer.flatten(2), part.deltas[:, :, 0]], dim=2).numpy()


@pytest.mark.parametrize("make", [dense, factored])
def test_a_gradient_loses_what_it_has_in_the_span_of_all_directions(make) -> None:
    basis, tasks = make()
    spanned = np.concatenate([written_out(part) for part in tasks], axis=1)
    for part in tasks:
        basis.add([part])
    given = gradients()
    expected = [
        numpy_projection(vectors, gradient)
        for vectors, gradient in zip(spanned, flat(given).numpy(), strict=True)
    ]
    basis.project(given)
    np.testing.assert_allclose(flat(given).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("make", [dense, factored])
def test_what_was_projected_once_is_not_moved_again(make) -> None:
    basis, tasks = make()
    basis.add([tasks[0]])
    given = gradients()
    basis.project(given)
    once = flat(given).clone()
    basis.project(given)
    torch.testing.assert_close(flat(given), once, atol=1e-6, rtol=0)


@pytest.mark.parametrize("make", [dense, factored])
def test_the_vectors_of_a_basis_are_orthonormal(make) -> None:
    basis, tasks = make()
    for part in tasks:
        basis.add([part])
    vectors = basis.vectors(gradients())
    gram = vectors @ vectors.mT
    torch.testing.assert_close(gram, torch.eye(gram.shape[1]).expand_as(gram), atol=1e-4, rtol=0)


def test_of_each_task_so_many_principal_directions_are_taken() -> None:
    basis = DenseBasis(NAMES, 1e-3, pca=1)
    basis.add([rows()])
    basis.add([rows(seed=1)])
    assert basis.vectors(gradients()).shape == (2, 2, 6)


def test_parts_of_new_samples_join_those_that_are_there() -> None:
    first, second = rows(samples=1), rows(samples=2, seed=1)
    whole = torch.cat([first.rows, second.rows], dim=1)
    assert joined([], [first]) == [first]
    (both,) = joined([first], [second])
    assert both is first
    assert torch.equal(both.rows, whole)
