"""Both halves of each unit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clbench import CReLU


def test_a_unit_gives_its_positive_and_its_negative_part() -> None:
    z = torch.tensor([[1.5, -2.0, 0.0]])
    assert CReLU()(z).tolist() == [[[1.5, 0.0], [0.0, 2.0], [0.0, 0.0]]]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5)])
def test_the_halves_have_a_dimension_behind_the_units(shape: tuple[int, ...]) -> None:
    z = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    halves = CReLU()(z)
    assert halves.shape == (2, 3, 2, *shape[2:])
    # Nothing is lost: their difference is what came in.
    assert torch.equal(halves[:, :, 0] - halves[:, :, 1], z)


def test_flattened_a_unit_feeds_two_neighbouring_inputs() -> None:
    joined = nn.Sequential(CReLU(), nn.Flatten(1, 2))
    assert joined(torch.tensor([[1.0, -2.0]])).tolist() == [[1.0, 0.0, 0.0, 2.0]]


def test_in_a_stack_the_members_come_before() -> None:
    z = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0))
    stacked = CReLU().halves(z, 3)
    for member in range(4):
        assert torch.equal(stacked[member], CReLU()(z[member]))
