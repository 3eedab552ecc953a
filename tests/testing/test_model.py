"""What the checks of a model are made of, on a network whose layer can be described wrongly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from clbench.models.layer import Layer
from clbench.stack import Stack
from clbench.testing import ModelConformance
from clbench.testing.model import (
    _check_columns,
    _check_names,
    _check_place,
    _outputs_and_gradients,
    _silence_first_unit,
    _without_first_columns,
)
from clbench.testing.network import FILTERS, UNITS, kit_convnet

from .planted import fails, mlp

SHAPE = (1, 8, 8)
X = torch.linspace(-1, 1, 64).reshape(1, 1, *SHAPE).expand(2, 3, -1, -1, -1)


@pytest.fixture
def net() -> Stack:
    return Stack(lambda: kit_convnet(SHAPE, 4), 2).eval()


@pytest.fixture
def conv(net: Stack) -> Layer:
    return net.layers()[0]


def test_a_layer_that_is_described_rightly_passes(net: Stack) -> None:
    for layer in net.layers():
        _check_names(layer, net)
        _check_place(layer, net, X)
        _check_columns(layer, net, X)


def test_parameters_that_are_not_there_are_named(net: Stack, conv: Layer) -> None:
    odd = replace(conv, bias="conv.offset", norm=("norm.weight",))
    with pytest.raises(AssertionError, match=r"does not have: conv\.offset, norm\.weight"):
        _check_names(odd, net)


def test_a_layer_may_have_no_bias(net: Stack, conv: Layer) -> None:
    _check_names(replace(conv, bias=None, out_bias=None), net)


def test_a_place_with_other_units_is_told(net: Stack, conv: Layer) -> None:
    odd = replace(conv, weight="linear.weight")
    said = f"layer conv has {UNITS} units by its weight and {FILTERS} by its activation"
    with pytest.raises(AssertionError, match=said):
        _check_place(odd, net, X)


@pytest.mark.parametrize("block", [1, 8, 15])
def test_columns_of_another_number_are_told(net: Stack, conv: Layer, block: int) -> None:
    said = rf"unit 0 owns other columns of linear\.weight than 0\.\.{block - 1}"
    with pytest.raises(AssertionError, match=said):
        _check_columns(replace(conv, block=block), net, X)


def test_a_check_leaves_no_hook_behind(net: Stack, conv: Layer) -> None:
    before = net(X)
    _check_columns(conv, net, X)
    assert torch.equal(net(X), before)


def test_columns_of_the_first_unit_are_zero_in_a_copy(net: Stack, conv: Layer) -> None:
    params = _without_first_columns(conv, net)
    changed, kept = params["linear.weight"], net.named_parameters()["linear.weight"]
    assert bool((changed[:, :, : conv.block] == 0).all())
    assert torch.equal(changed[:, :, conv.block :], kept[:, :, conv.block :])
    assert bool((kept[:, :, : conv.block] != 0).any())
    assert params["head.weight"] is net.named_parameters()["head.weight"]


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 2, 2)])
def test_silencing_a_unit_silences_all_its_positions(shape: tuple[int, ...]) -> None:
    output = torch.ones(shape)
    silenced = _silence_first_unit(torch.nn.ReLU(), (), output)
    assert bool((silenced[:, 0] == 0).all())
    assert bool((silenced[:, 1:] == 1).all())
    assert bool((output == 1).all())


def test_outputs_and_gradients_are_of_doubles() -> None:
    x = X[:1].double().expand(3, -1, -1, -1, -1)  # of three members
    found = _outputs_and_gradients(lambda: kit_convnet(SHAPE, 4), "loop", x)
    # The output, and a weight and a bias of three layers.
    assert len(found) == 1 + 6
    assert {one.dtype for one in found} == {torch.float64}
    assert not found[0].requires_grad


# ------------------------------------------------------------------ planted faults


class TestModelFaults:
    def check(self, model, name):
        checks = ModelConformance()
        getattr(checks, name)(lambda: model((1, 8, 8), 10))

    def test_wrong_columns(self):
        def wrong(shape, classes):
            model = mlp(shape, classes)
            layers = [replace(layer, block=2) for layer in model.layers()]
            model.layers = lambda: layers
            return model

        with fails("owns other columns of head.weight"):
            self.check(wrong, "test_layers_are_named_right")

    def test_no_head(self):
        with fails("no linear submodule named 'head'"):
            self.check(
                lambda shape, classes: torch.nn.Sequential(
                    torch.nn.Flatten(), torch.nn.Linear(64, 10)
                ),
                "test_has_a_head",
            )

    def test_draws_in_the_forward(self):
        class Noisy(torch.nn.Linear):
            def forward(self, x):
                return super().forward(x) + torch.randn(self.out_features)

        with fails("Noisy.*global generator"):
            self.check(
                lambda shape, classes: torch.nn.Sequential(torch.nn.Flatten(), Noisy(64, 10)),
                "test_output_shape",
            )
