"""Hebbian blocks: what they are made of, and how they begin."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from clbench.errors import UserError
from clbench_plugins.softhebb.blocks import (
    BlockSpec,
    HebbianBlock,
    HebbianNet,
    RePU,
    Softmax,
    Triangle,
    pooling,
    raised,
)
from clbench_plugins.softhebb.presets import for_each_block, widened
from clbench_plugins.softhebb.strategy import for_each, halving, up_to

CONVOLUTION = BlockSpec(units=4, kernel=3, temperature=1.0, rate=0.1)
DENSE = BlockSpec(units=5, kernel=0, temperature=2.0, rate=0.1)


def names(spec: BlockSpec, given: tuple[int, ...]) -> list[str]:
    return [name for name, _ in HebbianBlock(spec, given).named_children()]


# ---------------------------------------------------------------------- activations


def test_a_triangle_is_what_lies_above_the_mean() -> None:
    u = torch.tensor([[1.0, 2.0, 6.0]])  # mean 3
    assert Triangle()(u).tolist() == [[0.0, 0.0, 3.0]]
    assert Triangle(2.0)(u).tolist() == [[0.0, 0.0, 9.0]]


def test_the_mean_is_over_units_at_each_position() -> None:
    u = torch.tensor([[[1.0, 0.0], [3.0, 4.0]]])  # two units, two positions
    assert Triangle()(u).tolist() == [[[0.0, 0.0], [1.0, 2.0]]]


def test_rectified_powers() -> None:
    u = torch.tensor([-2.0, 3.0])
    assert RePU(2.0)(u).tolist() == [0.0, 9.0]
    assert raised(u, 1.0) is u


def test_a_soft_max_over_units_with_an_inverse_temperature() -> None:
    # exp(ln 2 * 1) : exp(0) at twice the temperature is 4 : 1.
    u = torch.tensor([[math.log(2.0), 0.0]])
    torch.testing.assert_close(Softmax(2.0)(u), torch.tensor([[0.8, 0.2]]))


# ---------------------------------------------------------------------- blocks


@pytest.mark.parametrize(
    ("spec", "given", "expected"),
    [
        (CONVOLUTION, (3, 8, 8), ["norm", "pad", "conv", "act"]),
        (replace(CONVOLUTION, norm=False), (3, 8, 8), ["pad", "conv", "act"]),
        (
            replace(CONVOLUTION, pre_triangle=True, pool="max 2/2/0"),
            (3, 8, 8),
            ["norm", "pad", "conv", "pre", "act", "pool"],
        ),
        (DENSE, (3, 8, 8), ["norm", "flatten", "linear", "act"]),
        (DENSE, (7,), ["norm", "linear", "act"]),
    ],
)
def test_a_block_has_the_modules_that_it_needs(spec, given, expected) -> None:
    assert names(spec, given) == expected


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_as_many_pixels_come_out_of_a_convolution_as_go_in(kernel: int) -> None:
    block = HebbianBlock(replace(CONVOLUTION, kernel=kernel), (3, 6, 7))
    assert block.shape == (4, 6, 7)
    assert block(torch.zeros(2, 3, 6, 7)).shape == (2, 4, 6, 7)


@pytest.mark.parametrize(("kernel", "sides"), [(2, (8, 8)), (5, (2, 8)), (5, (8, 2))])
def test_a_kernel_that_does_not_fit_is_said(kernel: int, sides: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"a kernel of {kernel} does not fit"):
        HebbianBlock(replace(CONVOLUTION, kernel=kernel), (3, *sides))


def test_a_convolution_behind_a_dense_block_is_refused() -> None:
    with pytest.raises(UserError, match="kernels of 0 come last"):
        HebbianNet((1, 8, 8), 2, [DENSE, CONVOLUTION], dropout=0.0)


@pytest.mark.parametrize(
    ("words", "given", "expected"),
    [
        ("max 2/2/0", (4, 8, 8), (4, 4, 4)),
        ("avg 4/2/1", (4, 8, 6), (4, 4, 3)),
        ("max 2/2/0", (4, 5, 5), (4, 2, 2)),  # what does not fill a window is left out
    ],
)
def test_pooling_says_what_comes_out(words, given, expected) -> None:
    module, shape = pooling(words, given)
    assert shape == expected
    assert module(torch.zeros(1, *given)).shape == (1, *expected)
    assert isinstance(module, nn.MaxPool2d if words.startswith("max") else nn.AvgPool2d)


@pytest.mark.parametrize(("given", "pixels"), [((4, 1, 3), "1x3"), ((4,), "a dense block")])
def test_pooling_that_leaves_nothing_is_refused(given: tuple[int, ...], pixels: str) -> None:
    with pytest.raises(UserError, match=f"pooling of 'max 2/2/0' leaves nothing of {pixels}"):
        pooling("max 2/2/0", given)


def test_weights_begin_with_the_radius_for_a_norm() -> None:
    torch.manual_seed(0)
    normed = HebbianBlock(replace(DENSE, units=400, radius=9.0), (500,)).get_submodule("linear")
    lengths = normed.weight.norm(dim=1)
    # Of 500 entries with variance 81 / 500 the norm is 9, give or take 9 / sqrt(1000).
    assert abs(lengths.mean() - 9.0) < 0.1
    assert normed.weight.min() < 0.0


def test_without_batch_norm_weights_are_positive_as_inputs_are() -> None:
    torch.manual_seed(0)
    spec = replace(DENSE, units=400, radius=9.0, norm=False)
    weight = HebbianBlock(spec, (500,)).get_submodule("linear").weight
    assert weight.min() >= 0.0
    assert abs(weight.norm(dim=1).mean() - 9.0) < 0.1


def test_biases_begin_as_equal_priors() -> None:
    block = HebbianBlock(replace(DENSE, bias=True), (7,))
    bias = block.get_submodule("linear").bias
    # exp(t b) is 1 / units.
    torch.testing.assert_close((2.0 * bias).exp(), torch.full((5,), 0.2))


# ---------------------------------------------------------------------- networks


def test_layers_are_read_where_blocks_end() -> None:
    pooled = replace(CONVOLUTION, pool="max 2/2/0", bias=True)
    net = HebbianNet((3, 8, 8), 2, [pooled, CONVOLUTION, DENSE], dropout=0.5)
    first, second, third = net.layers()
    assert (first.name, first.read) == ("block1", "body.block1.pool")
    assert (first.weight, first.bias) == ("body.block1.conv.weight", "body.block1.conv.bias")
    assert (first.out_weight, first.out_bias, first.block) == ("body.block2.conv.weight", None, 1)
    assert (second.read, second.bias) == ("body.block2.act", None)
    # A kernel of the second block feeds the dense block at each of its 4 x 4 pixels.
    assert (second.out_weight, second.block) == ("body.block3.linear.weight", 16)
    assert (third.out_weight, third.out_bias, third.block) == ("head.weight", "head.bias", 1)


def test_what_goes_into_the_head_is_flat() -> None:
    net = HebbianNet((3, 8, 8), 2, [CONVOLUTION], dropout=0.0)
    assert net.get_submodule("head").in_features == 4 * 8 * 8
    assert net.layers()[0].block == 64
    assert net(torch.zeros(5, 3, 8, 8)).shape == (5, 2)
    assert list(net.blocks()) == ["block1"]


# ---------------------------------------------------------------------- values for blocks


def test_one_value_stands_for_all_blocks() -> None:
    assert for_each_block("rate", (0.1,), 3) == [0.1, 0.1, 0.1]
    assert for_each_block("rate", (0.1, 0.2), 2) == (0.1, 0.2)
    with pytest.raises(UserError, match="rate has 2 values, and there are 3 blocks"):
        for_each_block("rate", (0.1, 0.2), 3)


def test_where_the_strategy_says_nothing_the_models_values_stay() -> None:
    blocks = ["block1", "block2"]
    assert for_each(blocks, "rate", None) == {}
    assert for_each(blocks, "rate", 0.5) == {"block1": 0.5, "block2": 0.5}
    assert for_each(blocks, "rate", (0.5, 0.25)) == {"block1": 0.5, "block2": 0.25}
    with pytest.raises(UserError, match="rate has 1 values, and the model has 2 blocks"):
        for_each(blocks, "rate", (0.5,))


def test_each_block_behind_is_as_many_times_wider() -> None:
    found = widened([CONVOLUTION, CONVOLUTION, DENSE], width=3, widening=2)
    assert [spec.units for spec in found] == [3, 6, 12]
    assert found[2] == replace(DENSE, units=12)


def test_blocks_behind_the_last_one_that_learns_are_not_run() -> None:
    assert up_to(["block1", "block2", "block3"], "block2") == ["block1", "block2"]


@pytest.mark.parametrize(("epochs", "halvings"), [(20, 2), (49, 2), (50, 7), (200, 7)])
def test_the_longer_the_head_is_trained_the_more_often_its_rate_is_halved(
    epochs: int, halvings: int
) -> None:
    schedule = halving(epochs)["milestones"]
    assert schedule["factor"] == 0.5
    assert len(schedule["at"]) == halvings


def test_a_short_training_has_one_rate() -> None:
    assert halving(19) == "none"
