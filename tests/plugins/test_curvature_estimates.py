"""Estimates of a Hessian that is known by its products, beside numpy's eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench_plugins.curvature_metrics.estimates import Lanczos, ends, sizes, slopes


class Quadratic:
    """1/2 x'Hx for `[R, N]` matrices H of size D, at x = 0: all that an estimate asks for."""

    def __init__(self, matrices: Tensor) -> None:
        self.matrices = matrices
        self.size = matrices.shape[-1]

    def product(self, vectors: Tensor) -> Tensor:
        return (self.matrices @ vectors[..., None])[..., 0]

    def gradient(self, shift: Tensor | None = None) -> Tensor:
        blank = self.matrices.new_zeros(self.matrices.shape[:-1])
        return self.product(blank if shift is None else shift)

    def mean(self, values: Tensor) -> Tensor:
        return values.mean(1)


def symmetric(members: int = 2, functions: int = 3, size: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(members, functions, size, size, generator=generator).double()
    return drawn + drawn.mT


def start(matrices: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(matrices.shape[:-1], generator=generator).double()
    return drawn / drawn.norm(dim=-1, keepdim=True)


def signs(matrices: Tensor, draws: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    shape = matrices.shape[:-1]
    return [torch.randint(2, shape, generator=generator).double() * 2 - 1 for _ in range(draws)]


def test_the_ends_of_the_spectrum_are_numpys() -> None:
    matrices = symmetric()
    found = ends(Quadratic(matrices), start(matrices), steps=6)
    values = np.linalg.eigvalsh(matrices.numpy())
    expected = np.stack([values[..., -1].mean(1), values[..., 0].mean(1)], axis=1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8)


def test_more_steps_than_dimensions_find_no_more() -> None:
    matrices = symmetric()
    six = ends(Quadratic(matrices), start(matrices), steps=6)
    assert torch.equal(ends(Quadratic(matrices), start(matrices), steps=50), six)


def test_few_steps_stay_within_the_spectrum() -> None:
    matrices = symmetric()
    values = np.linalg.eigvalsh(matrices.numpy())
    largest, smallest = ends(Quadratic(matrices), start(matrices), steps=2).numpy().T
    assert (largest <= values[..., -1].mean(1)).all()
    assert (smallest >= values[..., 0].mean(1)).all()


def test_a_start_that_reaches_few_directions_ends_early() -> None:
    # H = 5 in every direction: one vector spans all that its image can reach.
    matrices = 5.0 * torch.eye(4).double().expand(1, 2, 4, 4)
    found = ends(Quadratic(matrices), start(matrices), steps=4)
    torch.testing.assert_close(found, torch.tensor([[5.0, 5.0]]).double())


def test_a_hessian_of_nothing_has_no_curvature() -> None:
    matrices = torch.zeros(1, 1, 3, 3).double()
    assert ends(Quadratic(matrices), start(matrices), steps=3).tolist() == [[0.0, 0.0]]


def test_one_that_ends_early_does_not_disturb_the_others() -> None:
    matrices = symmetric(members=1)
    matrices[0, 1] = 2.0 * torch.eye(6).double()
    values = np.linalg.eigvalsh(matrices.numpy())
    found = ends(Quadratic(matrices), start(matrices), steps=6)
    np.testing.assert_allclose(found[0, 0].item(), values[..., -1].mean(), rtol=1e-8)


def test_the_basis_is_orthonormal_and_the_matrix_is_h_in_it() -> None:
    matrices = symmetric(members=1, functions=1)
    process = Lanczos(start(matrices), 6)
    for step in range(6):
        process.advance(step, Quadratic(matrices).product(process.basis[:, :, step]))
    basis, h = process.basis[0, 0], matrices[0, 0]
    torch.testing.assert_close(basis @ basis.T, torch.eye(6).double())
    torch.testing.assert_close(basis @ h @ basis.T, process.matrix[0, 0], atol=1e-9, rtol=0.0)


def test_a_trace_is_exact_for_a_diagonal_whatever_the_signs() -> None:
    diagonal = torch.tensor([1.0, -2.0, 4.0]).double()
    matrices = torch.diag(diagonal).expand(2, 3, 3, 3)
    found = slopes(Quadratic(matrices), signs(matrices, 4))
    # z'Hz = sum of h_i z_i^2 = 3, with no spread at all.
    torch.testing.assert_close(found, torch.tensor([[3.0, 0.0]] * 2).double())


def test_a_trace_is_estimated_within_its_standard_error() -> None:
    matrices = symmetric(members=1, functions=1)
    mean, error = slopes(Quadratic(matrices), signs(matrices, 400))[0].tolist()
    assert abs(mean - matrices[0, 0].trace().item()) < 4.0 * error


def test_one_draw_has_no_error() -> None:
    matrices = symmetric()
    assert slopes(Quadratic(matrices), signs(matrices, 1))[:, 1].isnan().all()


@pytest.mark.parametrize("h", [0.1, 2.0])
def test_of_a_quadratic_the_size_of_the_change_does_not_depend_on_the_step(h: float) -> None:
    matrices = 3.0 * torch.eye(4).double().expand(2, 3, 4, 4)
    found = sizes(Quadratic(matrices), signs(matrices, 2), h)
    # ||3 h z|| / h with z of four signs: 3 * sqrt(4).
    torch.testing.assert_close(found, torch.full((2,), 6.0).double())
