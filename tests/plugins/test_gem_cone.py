"""The quadratic programme of GEM, beside scipy's non-negative least squares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor

from clbench_plugins.gem.cone import exchanges, nearest, non_negative_minimum


def vectors(members: int, count: int, size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(members, count, size, dtype=torch.float64, generator=generator)


def of(references: Tensor, gradient: Tensor, margin: float = 0.0) -> Tensor:
    """v for references `[R, k, n]` and a gradient `[R, n]`."""
    gram = references @ references.mT
    along = (references @ gradient[..., None])[..., 0]
    return nearest(gram, along, gradient.square().sum(1), margin)


@pytest.mark.parametrize(("count", "size"), [(1, 5), (3, 8), (6, 6), (9, 4)])
def test_the_solution_is_that_of_non_negative_least_squares(count: int, size: int) -> None:
    references, gradient = vectors(5, count, size), vectors(5, 1, size, seed=1)[:, 0]
    found = of(references, gradient)
    for r, g, v in zip(references.numpy(), gradient.numpy(), found.numpy(), strict=True):
        # min |g + R'v| over v >= 0 is nnls of R' against -g.
        _, distance = nnls(r.T, -g)
        if (r @ g < 0).any():
            np.testing.assert_allclose(np.linalg.norm(g + r.T @ v), distance, atol=1e-9)
        assert (v >= 0.0).all()


def test_what_comes_out_points_against_no_reference() -> None:
    references, gradient = vectors(8, 4, 6), vectors(8, 1, 6, seed=1)[:, 0]
    changed = gradient + (references.mT @ of(references, gradient)[..., None])[..., 0]
    angles = (references @ changed[..., None])[..., 0]
    assert (angles > -1e-9).all()


def test_a_gradient_that_points_against_none_is_left_alone() -> None:
    references = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    gradient = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    for margin in (0.0, 0.5):
        assert of(references, gradient, margin).tolist() == [[0.0, 0.0]]


def test_one_reference_takes_off_exactly_what_is_against_it() -> None:
    # <g, r> / <r, r> = -6 / 4: v = 1.5 brings g to where it is orthogonal to r.
    references = torch.tensor([[[2.0, 0.0]]], dtype=torch.float64)
    gradient = torch.tensor([[-3.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(of(references, gradient), torch.tensor([[1.5]]).double())


def test_a_margin_is_the_least_that_every_reference_weighs() -> None:
    references = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    gradient = torch.tensor([[-3.0, 5.0]], dtype=torch.float64)
    # Along the first axis 3 are needed, along the second nothing but the margin.
    torch.testing.assert_close(
        of(references, gradient, margin=0.5), torch.tensor([[3.0, 0.5]]).double()
    )


def test_lengths_change_nothing_but_the_weights_themselves() -> None:
    references, gradient = vectors(3, 4, 6), vectors(3, 1, 6, seed=1)[:, 0]
    scale = torch.tensor([1e-6, 1.0, 1e3, 7.0], dtype=torch.float64)
    scaled = of(references * scale[:, None], gradient)
    torch.testing.assert_close(scaled * scale, of(references, gradient))


def test_the_same_reference_twice_does_no_harm() -> None:
    references = vectors(2, 3, 6)
    gradient = -references[:, 0]
    doubled = torch.cat([references, references[:, :1]], dim=1)
    one = gradient + (references.mT @ of(references, gradient)[..., None])[..., 0]
    two = gradient + (doubled.mT @ of(doubled, gradient)[..., None])[..., 0]
    torch.testing.assert_close(one, two)


def test_a_reference_without_direction_weighs_nothing() -> None:
    references = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)
    gradient = torch.tensor([[-2.0, 1.0]], dtype=torch.float64)
    assert of(references, gradient).tolist() == [[0.0, 2.0]]


def test_a_member_does_not_depend_on_its_neighbours() -> None:
    references, gradient = vectors(4, 5, 7), vectors(4, 1, 7, seed=1)[:, 0]
    together = of(references, gradient)
    for row in range(4):
        alone = of(references[row : row + 1], gradient[row : row + 1])
        assert torch.equal(alone[0], together[row])


def test_at_the_minimum_no_slope_leads_down() -> None:
    # Conditions of Karush, Kuhn and Tucker: z >= 0, P z + q >= 0, and z'(P z + q) = 0.
    rows = torch.nn.functional.normalize(vectors(6, 5, 5), dim=2)
    quadratic, linear = rows @ rows.mT, vectors(6, 1, 5, seed=2)[:, 0]
    z = non_negative_minimum(quadratic, linear)
    slope = (quadratic @ z[..., None])[..., 0] + linear
    assert (z >= 0.0).all()
    assert (slope > -1e-9).all()
    torch.testing.assert_close((z * slope).sum(1), torch.zeros(6).double(), atol=1e-9, rtol=0.0)


def test_exchanges_grow_with_the_references() -> None:
    assert [exchanges(count) for count in (0, 1, 5)] == [4, 6, 14]
