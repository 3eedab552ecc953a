"""Functions of one member applied to all, and members' tensors side by side."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clbench.stack.members import (
    beside,
    per_member,
    rows_of,
    side_by_side,
    split_like,
    stack_rows,
    stacked,
)


def numbers(*shape: int) -> Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).view(shape)


# ---------------------------------------------------------------------- member by member


@pytest.mark.parametrize("members", [1, 2, 5])
def test_a_function_of_one_member_is_applied_to_each(members: int) -> None:
    x, y = numbers(members, 3, 2), numbers(members, 2)
    found = per_member(torch.mv, x, y)
    assert found.shape == (members, 3)
    for row in range(members):
        assert torch.equal(found[row], x[row] @ y[row])


def test_what_a_function_gives_in_containers_is_stacked_within_them() -> None:
    def parts(x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return x.sum(), {"twice": 2 * x}

    total, named = per_member(parts, numbers(3, 2))
    assert total.tolist() == [1.0, 5.0, 9.0]
    assert torch.equal(named["twice"], 2 * numbers(3, 2))


def test_a_member_has_the_bits_that_it_has_alone() -> None:
    # 67 numbers fill no vector: in one call over all members others would be the last few.
    x = torch.randn(4, 67, generator=torch.Generator().manual_seed(0))
    together = per_member(torch.sigmoid, x)
    for row in range(4):
        assert torch.equal(together[row : row + 1], per_member(torch.sigmoid, x[row : row + 1]))


def test_gradients_go_back_to_every_member() -> None:
    x = numbers(3, 2).requires_grad_()
    per_member(torch.square, x).sum().backward()
    assert torch.equal(x.grad, 2 * numbers(3, 2))


def test_tensors_of_unequal_numbers_of_members_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        per_member(torch.add, numbers(3, 2), numbers(2, 2))


def test_a_single_member_is_taken_out_and_put_back_without_a_copy() -> None:
    x = numbers(1, 4)
    (row,) = rows_of(x)
    assert row.data_ptr() == x.data_ptr()
    assert stack_rows(row).data_ptr() == x.data_ptr()


def test_stacked_results_are_those_of_the_members_in_order() -> None:
    found = stacked([{"a": numbers(2)}, {"a": 10 + numbers(2)}])
    assert found["a"].tolist() == [[0.0, 1.0], [10.0, 11.0]]


# ---------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    ("values", "tensor", "expected"),
    [
        ((3,), (3,), (3,)),
        ((3,), (3, 4, 5), (3, 1, 1)),
        ((3, 4), (3, 4, 5), (3, 4, 1)),
        ((3, 1), (3, 4, 5, 6), (3, 1, 1, 1)),
    ],
)
def test_a_value_a_row_gets_the_dimensions_of_its_neighbour(values, tensor, expected) -> None:
    given = numbers(*values)
    found = beside(given, numbers(*tensor))
    assert found.shape == expected
    assert found.data_ptr() == given.data_ptr()


def test_side_by_side_a_member_is_one_row() -> None:
    found = side_by_side([numbers(2, 2, 1), 10 + numbers(2, 3)])
    assert found.tolist() == [[0, 1, 10, 11, 12], [2, 3, 13, 14, 15]]


def test_the_way_back_gives_every_tensor_its_shape() -> None:
    tensors = [numbers(2, 3, 4), numbers(2), numbers(2, 1, 5)]
    back = split_like(side_by_side([tensors[0], tensors[1][:, None], tensors[2]]), tensors)
    for found, wanted in zip(back, tensors, strict=True):
        assert torch.equal(found, wanted)


def test_what_is_split_is_seen_and_not_copied() -> None:
    flat = torch.zeros(2, 6)
    first, second = split_like(flat, [numbers(2, 2), numbers(2, 4)])
    first.fill_(1.0)
    second[1].fill_(2.0)
    assert flat.tolist() == [[1, 1, 0, 0, 0, 0], [1, 1, 2, 2, 2, 2]]


def test_a_row_of_another_length_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="split_with_sizes"):
        split_like(torch.zeros(2, 5), [numbers(2, 2), numbers(2, 4)])
