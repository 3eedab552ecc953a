"""What the utility of a unit is made of, with numbers by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from clbench import Layer
from clbench_plugins.cbp import measures


def layer(block: int = 1) -> Layer:
    """Units with so many columns of the weights out each."""
    return Layer("hidden", "act", "in.weight", "in.bias", "out.weight", "out.bias", block=block)


def of_one(values: object) -> Tensor:
    """Of a single member."""
    return torch.tensor([values], dtype=torch.float32)


def test_a_dense_unit_is_a_column_with_one_position() -> None:
    hidden = of_one([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = measures.by_column(layer(), hidden, rows=2)
    # [R, rows, columns, positions]; the third row came from a replay.
    assert found.tolist() == [[[[1.0], [2.0]], [[3.0], [4.0]]]]


def test_a_flattened_filter_has_a_column_for_each_of_its_pixels() -> None:
    hidden = torch.arange(8.0).view(1, 1, 2, 2, 2)  # two filters of 2 x 2 pixels
    found = measures.by_column(layer(block=4), hidden, rows=1)
    assert found.shape == (1, 1, 8, 1)
    assert found.flatten().tolist() == list(range(8))
    # In front of a convolution a filter is one column, of four positions.
    assert measures.by_column(layer(), hidden, rows=1).shape == (1, 1, 2, 4)


def test_activations_are_cut_off_from_the_graph() -> None:
    hidden = torch.ones(1, 2, 3, requires_grad=True)
    assert not measures.by_column(layer(), hidden, 2).requires_grad


def test_means_are_over_the_batch_and_over_positions() -> None:
    h = of_one([[[1.0, -3.0]], [[-1.0, 5.0]]])  # two rows, one column, two positions
    assert measures.mean(h).tolist() == [[0.5]]
    assert measures.mean_size(h).tolist() == [[2.5]]
    # |1 - 2|, |-3 - 2|, |-1 - 2|, |5 - 2|.
    assert measures.mean_distance(h, of_one([2.0])).tolist() == [[(1 + 5 + 3 + 3) / 4]]


def test_distances_leave_the_activations_as_they_are() -> None:
    h = of_one([[[1.0]], [[-1.0]]])
    measures.mean_distance(h, of_one([0.0]))
    assert h.flatten().tolist() == [1.0, -1.0]


def test_weights_out_are_sized_by_column_and_weights_in_by_unit() -> None:
    out = of_one([[1.0, -2.0], [3.0, 0.0]])  # two outputs, two columns
    assert measures.size_out(out).tolist() == [[2.0, 1.0]]
    into = of_one([[1.0, -2.0], [3.0, 0.0]])  # two units, two inputs
    assert measures.size_in(into).tolist() == [[1.5, 1.5]]


def test_kernels_count_with_all_their_pixels() -> None:
    kernel = torch.zeros(1, 2, 3, 2, 2)  # two out, three in, 2 x 2
    kernel[0, 1, 2, 1, 1] = 8.0
    # Outputs and pixels: 2 * 4 numbers a column. Inputs and pixels: 3 * 4 a unit.
    assert measures.size_out(kernel).tolist() == [[0.0, 0.0, 1.0]]
    torch.testing.assert_close(measures.size_in(kernel), of_one([0.0, 8.0 / 12.0]))


def test_a_unit_is_worth_the_mean_of_its_columns() -> None:
    values = of_one([1.0, 3.0, 10.0, 20.0])
    assert measures.by_unit(layer(block=2), values).tolist() == [[2.0, 15.0]]
    assert measures.by_unit(layer(), values) is values


def test_a_units_value_goes_to_all_of_its_columns() -> None:
    values = of_one([1.0, 2.0])
    assert measures.to_columns(layer(block=3), values).tolist() == [[1.0] * 3 + [2.0] * 3]
    assert measures.to_columns(layer(), values) is values
    back = measures.by_unit(layer(block=3), measures.to_columns(layer(block=3), values))
    assert torch.equal(back, values)
