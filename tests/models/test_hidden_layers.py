"""How the built-in models name their hidden layers, and that the names are those of tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clbench_plugins.builtin_models.convnet import convnet
from clbench_plugins.builtin_models.hidden import activated, layer_of
from clbench_plugins.builtin_models.lenet import lenet
from clbench_plugins.builtin_models.mlp import mlp
from clbench_plugins.builtin_models.resnet import reduced_resnet18

MODELS = {
    "mlp": (mlp((1, 4, 4), 3, hidden=(5, 6)), (1, 4, 4)),
    "mlp, norm": (mlp((1, 4, 4), 3, hidden=(5, 6), norm="batch"), (1, 4, 4)),
    "mlp, crelu": (mlp((1, 4, 4), 3, hidden=(5, 6), activation="crelu"), (1, 4, 4)),
    "convnet": (convnet((3, 32, 32), 4), (3, 32, 32)),
    "convnet, crelu": (convnet((3, 32, 32), 4, activation="crelu"), (3, 32, 32)),
    "lenet": (lenet((1, 14, 14), 4), (1, 14, 14)),
    "resnet": (reduced_resnet18((3, 8, 8), 4, width=8), (3, 8, 8)),
}
WITH_MODELS = pytest.mark.parametrize(("model", "shape"), MODELS.values(), ids=MODELS)


def test_names_follow_from_the_modules() -> None:
    found = layer_of("one", "linear1", "head", read="act1", norm=("n.weight",), block=2)
    assert (found.name, found.read, found.norm, found.block) == ("one", "act1", ("n.weight",), 2)
    assert (found.weight, found.bias) == ("linear1.weight", "linear1.bias")
    assert (found.out_weight, found.out_bias) == ("head.weight", "head.bias")


@pytest.mark.parametrize(
    ("activation", "names", "kind"),
    [("relu", ["act3"], nn.ReLU), ("tanh", ["act3"], nn.Tanh), ("crelu", ["act3", "join3"], None)],
)
def test_an_activation_is_a_module_and_that_of_two_halves_is_two(activation, names, kind) -> None:
    modules = activated(3, activation)
    assert list(modules) == names
    if kind is not None:
        assert isinstance(modules["act3"], kind)
    # Two halves of three units lie side by side behind it.
    out = nn.Sequential(*modules.values())(torch.ones(2, 3))
    assert out.shape == (2, 3 * len(names))


@WITH_MODELS
def test_every_name_is_that_of_a_tensor(model: nn.Module, shape: tuple[int, ...]) -> None:
    tensors = dict(model.named_parameters())
    for layer in model.layers():
        named = (layer.weight, layer.bias, layer.out_weight, layer.out_bias, *layer.norm)
        for name in named:
            assert name is None or name in tensors


@WITH_MODELS
def test_what_is_read_has_a_value_for_each_unit(model: nn.Module, shape: tuple[int, ...]) -> None:
    seen: dict[str, torch.Tensor] = {}
    modules = dict(model.named_modules())
    for layer in model.layers():
        modules[layer.read].register_forward_hook(
            lambda _, __, out, name=layer.name: seen.update({name: out})
        )
    model.eval()(torch.rand(2, *shape))
    tensors = dict(model.named_parameters())
    for layer in model.layers():
        assert seen[layer.name].shape[1] == tensors[layer.weight].shape[0]


@WITH_MODELS
def test_columns_of_the_weights_out_are_dealt_out_to_units(
    model: nn.Module, shape: tuple[int, ...]
) -> None:
    tensors = dict(model.named_parameters())
    for layer in model.layers():
        if layer.name.startswith("block"):
            continue  # what goes past a block has no columns of its own
        units = tensors[layer.weight].shape[0]
        assert tensors[layer.out_weight].shape[1] == units * layer.block


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_norms_belong_to_their_units(norm: str) -> None:
    first, _ = mlp((1, 4, 4), 3, hidden=(5, 6), norm=norm).layers()
    assert first.norm == (() if norm == "none" else ("norm1.weight", "norm1.bias"))
