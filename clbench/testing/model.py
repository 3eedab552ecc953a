"""Checks that every model inherits."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from clbench.models.layer import Layer
from clbench.stack import Stack


class ModelConformance:
    """Subclass it and give it a fixture `model`: a
    callable `(input_shape, classes) -> nn.Module`.
    """

    input_shape: ClassVar[tuple[int, int, int]] = (1, 8, 8)
    classes: ClassVar[int] = 10

    @pytest.fixture
    def model(self) -> Any:
        """What is checked."""
        pytest.fail(
            f"{type(self).__name__} needs a fixture named 'model' that returns the model's factory"
        )

    @pytest.fixture
    def factory(self, model: Any) -> Any:
        """The factory a stack is given."""
        return lambda: model(self.input_shape, self.classes)

    def _x(self, members: int, dtype: torch.dtype = torch.float32) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        one = torch.randn(1, 6, *self.input_shape, generator=generator, dtype=dtype)
        # The same images for every member: outputs then differ by weights alone.
        return one.expand(members, -1, -1, -1, -1)

    def test_output_shape(self, factory: Any) -> None:
        """[R, B, ...] -> [R, B, classes]."""
        out = Stack(factory, 3)(self._x(3))
        assert tuple(out.shape) == (3, 6, self.classes), (
            f"the output is {list(out.shape)}; [3, 6, {self.classes}] is wanted"
        )

    def test_has_a_head(self, factory: Any) -> None:
        """The last linear layer is a submodule named `head`."""
        head = dict(factory().named_modules()).get("head")
        assert isinstance(head, nn.Linear), (
            "the model has no linear submodule named 'head'; resets and multi-head methods need it"
        )
        assert head.out_features == self.classes

    def test_layers_are_named_right(self, factory: Any) -> None:
        """Silencing a unit's outgoing columns has the effect of silencing its activation."""
        net = Stack(factory, 2).eval()
        x = self._x(2)
        for layer in net.layers():
            assert isinstance(layer, Layer)
            _check_names(layer, net)
            _check_place(layer, net, x)
            _check_columns(layer, net, x)

    def test_forms_agree(self, factory: Any) -> None:
        """Loop and vmap give the same outputs and gradients in float64."""
        x = self._x(3, torch.float64)
        by_loop = _outputs_and_gradients(factory, "loop", x)
        by_vmap = _outputs_and_gradients(factory, "vmap", x)
        for one, other in zip(by_loop, by_vmap, strict=True):
            assert torch.allclose(one, other, rtol=1e-9, atol=1e-9), (
                "the loop and the vmap form differ by more than 1e-9 in float64"
            )

    def test_stacked_equals_solo(self, factory: Any) -> None:
        """A member's output does not depend on its neighbours,
        to the bit, in the form the model gets on a CPU.
        """
        together = Stack(factory, [(0, 0), (1, 0), (2, 0)])(self._x(3))
        alone = Stack(factory, [(2, 0)])(self._x(1))
        # To the bit: the contract on a CPU.
        assert torch.equal(together[2], alone[0]), (
            "member 2 of a stack and the same member alone give different bits"
        )


def _outputs_and_gradients(factory: Any, form: str, x: Tensor) -> list[Tensor]:
    # In float64 two forms differ by rounding alone, far below 1e-9.
    net = Stack(lambda: factory().double(), 3, form=form).eval()
    out = net(x)
    out.square().sum().backward()
    trained = [p.grad for p in net.parameters() if p.grad is not None]
    return [out.detach(), *trained]


# ------------------------------------------------------------------ a layer's description


def _check_names(layer: Layer, net: Stack) -> None:
    """All parameters that a layer names are there."""
    params = net.named_parameters()
    named = [layer.weight, layer.bias, layer.out_weight, layer.out_bias, *layer.norm]
    missing = [name for name in named if name and name not in params]
    assert not missing, (
        f"layer {layer.name} names parameters that the model does not have: {', '.join(missing)}"
    )


def _check_place(layer: Layer, net: Stack, x: Tensor) -> None:
    """A layer is read where it has as many units as its weight has rows."""
    _, seen = net(x, trace=True)
    assert layer.name in seen, (
        f"layer {layer.name} is read at {layer.read!r}, which the forward never reaches"
    )
    # `[R, units, ...]`, and `[R, B, units, ...]`.
    units = net.named_parameters()[layer.weight].shape[1]
    read = seen[layer.name].shape[2]
    assert read == units, (
        f"layer {layer.name} has {units} units by its weight and {read} by its activation"
    )


def _check_columns(layer: Layer, net: Stack, x: Tensor) -> None:
    """Without the first unit's outgoing columns, and with the activation of that unit at zero,
    the network gives the same.
    """
    without_columns = net.call(_without_first_columns(layer, net), x)
    # Not to the bit: sums are taken in another order.
    same = torch.allclose(_without_activation(layer, net, x), without_columns, atol=1e-5)
    assert same, (
        f"layer {layer.name}: unit 0 owns other columns of {layer.out_weight} than"
        f" 0..{layer.block - 1}"
    )


def _without_activation(layer: Layer, net: Stack, x: Tensor) -> Tensor:
    """The output with the activation of the layer's first unit at zero."""
    handle = net.module.get_submodule(layer.read).register_forward_hook(_silence_first_unit)
    try:
        return net(x)  # type: ignore[no-any-return]
    finally:
        handle.remove()


def _without_first_columns(layer: Layer, net: Stack) -> dict[str, Tensor]:
    params = net.named_parameters()
    weight = params[layer.out_weight].clone()
    # Columns of unit 0: the first `block` of the weight's inputs.
    weight[:, :, : layer.block] = 0
    return {**params, layer.out_weight: weight}


def _silence_first_unit(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    # `[units, 1, ...]`, beside `[B, units, ...]`: forms of the stack call it a member at a time.
    others = torch.ones(output.shape[1], *(1,) * (output.dim() - 2))
    others[0] = 0.0
    return output * others
