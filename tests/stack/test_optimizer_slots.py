"""What an optimiser keeps for a parameter: moments, ages, and entries that stand still."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clbench.stack.optimizer import Column, Slot

BETAS = torch.tensor([0.5, 0.25], dtype=torch.float64)


@pytest.fixture
def slot() -> Slot:
    """Of two members with a weight of 2 x 3; a step has been taken."""
    slot = Slot(torch.zeros(2, 2, 3, requires_grad=True), moments=2, betas=2)
    slot.older(BETAS, keep=True)
    for number, moment in enumerate(slot.moments, start=1):
        moment.fill_(float(number))
    return slot


def own(slot: Slot) -> Tensor:
    """The age so far, with the dimensions of the parameter."""
    return slot.age.view(2, 1, 1, 2)


def of_rows(*rows: int) -> Tensor:
    """Of both members these rows of the weight."""
    where = torch.zeros(2, 2, 1, dtype=torch.bool)
    where[:, list(rows)] = True
    return where


def test_a_column_stands_beside_tensors_of_any_kind_and_is_made_once() -> None:
    column = Column(torch.tensor([1.0, 2.0], dtype=torch.float64))
    for shape in ((2, 3), (2, 3, 4)):
        found = column.beside(torch.zeros(shape))
        assert found.shape == (2, *(1,) * (len(shape) - 1))
        assert found.dtype is torch.float32
        assert column.beside(torch.ones(shape)) is found
    assert column.beside(torch.zeros(2, dtype=torch.float64)).dtype is torch.float64


def test_an_age_is_a_product_over_steps() -> None:
    slot = Slot(torch.zeros(3, 4), moments=0, betas=2)
    assert slot.age.tolist() == [[1.0, 1.0]] * 3
    (looked_at,) = slot.older(BETAS, keep=False)
    assert looked_at.tolist() == [[0.5, 0.25]] * 3
    assert slot.age.tolist() == [[1.0, 1.0]] * 3
    slot.older(BETAS, keep=True)
    slot.older(BETAS, keep=True)
    assert slot.age.tolist() == [[0.25, 0.0625]] * 3


def test_members_that_begin_anew_have_no_moments_and_no_age(slot: Slot) -> None:
    slot.reset(torch.tensor([False, True]))
    assert slot.age.tolist() == [[0.5, 0.25], [1.0, 1.0]]
    for number, moment in enumerate(slot.moments, start=1):
        assert moment[0].unique().tolist() == [number]
        assert not moment[1].any()


def test_momentum_may_be_left_in(slot: Slot) -> None:
    slot.reset(torch.tensor([True, True]), first_moment=False)
    assert slot.moments[0].unique().tolist() == [1.0]
    assert not slot.moments[1].any()


def test_entries_that_begin_anew_are_young_and_the_others_go_on(slot: Slot) -> None:
    slot.reset_entries(of_rows(1), own(slot))
    (age,) = slot.ages
    assert age.shape == (2, 2, 1, 2)
    assert age[0, 0, 0].tolist() == [0.5, 0.25]
    assert age[0, 1, 0].tolist() == [1.0, 1.0]
    assert slot.moments[0][0].tolist() == [[1.0] * 3, [0.0] * 3]
    # All ages move on together.
    slot.older(BETAS, keep=True)
    assert age[0, 0, 0].tolist() == [0.25, 0.0625]
    assert age[0, 1, 0].tolist() == [0.5, 0.25]


def test_masks_of_one_shape_share_their_ages(slot: Slot) -> None:
    slot.reset_entries(of_rows(1), own(slot))
    slot.older(BETAS, keep=True)
    slot.reset_entries(of_rows(0), own(slot))
    (age,) = slot.ages
    assert age[0, :, 0, 0].tolist() == [1.0, 0.5]
    # A mask of other entries has ages of its own.
    columns = torch.zeros(2, 1, 3, dtype=torch.bool)
    slot.reset_entries(columns, own(slot))
    assert [tuple(age.shape) for age in slot.ages] == [(2, 2, 1, 2), (2, 1, 3, 2)]


def test_without_betas_no_ages_are_kept() -> None:
    slot = Slot(torch.zeros(2, 2, 3), moments=1, betas=0)
    slot.reset_entries(of_rows(1), slot.age.view(2, 1, 1, 0))
    assert slot.ages == []


def test_entries_that_stand_still_get_ages_of_their_own(slot: Slot) -> None:
    slot.freeze(of_rows(1), own(slot))
    assert slot.frozen.tolist() == of_rows(1).tolist()
    assert [tuple(age.shape) for age in slot.ages] == [(2, 2, 1, 2)]
    # Frozen again in place, for a device graph may hold the mask.
    before = slot.frozen
    slot.freeze(of_rows(0), own(slot))
    assert slot.frozen is before
    assert slot.frozen.tolist() == of_rows(0).tolist()


def test_rows_are_views_in_memory_order() -> None:
    transposed = torch.arange(12.0).view(2, 3, 2).transpose(1, 2)  # [R, 2, 3]
    slot = Slot(transposed, moments=1, betas=0)
    (first, moment), _ = slot.rows()
    assert first.is_contiguous()
    assert first.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert moment.is_contiguous()
    first.fill_(7.0)
    assert slot.param[0].unique().tolist() == [7.0]
    assert slot.rows() is slot.rows()


def test_rows_are_looked_up_again_where_a_tensor_has_moved(slot: Slot) -> None:
    before = slot.rows()
    slot.param.data = torch.ones(2, 2, 3)
    assert slot.rows() is not before
    assert slot.rows()[0][0].tolist() == [[1.0] * 3] * 2


def test_outputs_are_the_rows_of_each_member(slot: Slot) -> None:
    outputs = slot.outputs()
    assert [len(of_member) for of_member in outputs] == [2, 2]
    param, *moments = outputs[1][0]
    assert param.shape == (3,)
    assert [moment.tolist() for moment in moments] == [[1.0] * 3, [2.0] * 3]


def test_a_gradient_is_laid_out_as_the_parameter(slot: Slot) -> None:
    same = torch.ones(2, 2, 3)
    assert slot.laid_out(same) is same
    other = torch.arange(12.0, dtype=torch.float64).view(2, 3, 2).transpose(1, 2)
    found = slot.laid_out(other)
    assert found.stride() == slot.param.stride()
    assert found.dtype is torch.float32
    assert torch.equal(found.double(), other)
