from __future__ import annotations

import pytest
import torch
from torch import nn

from clbench.errors import OptionError, UserError
from clbench.options import check_options, describe_options
from clbench_plugins.builtin_models import clbench_models, convnet, mlp

SHAPE = (1, 8, 8)
MODELS = {
    "mlp": lambda: mlp(SHAPE, 10, hidden=(7, 5)),
    "mlp batch": lambda: mlp(SHAPE, 10, hidden=(7, 5), norm="batch", dropout=0.5),
    "mlp layer": lambda: mlp(SHAPE, 10, hidden=(7,), norm="layer", activation="tanh"),
    "convnet": lambda: convnet((3, 32, 32), 10),
    "convnet small": lambda: convnet((1, 28, 28), 10),
}


def example(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    shape = {"convnet": (3, 32, 32), "convnet small": (1, 28, 28)}.get(name, SHAPE)
    return model, torch.randn(4, *shape)


def read(model: nn.Module, layer, x: torch.Tensor) -> torch.Tensor:
    found = []
    handle = model.get_submodule(layer.read).register_forward_hook(lambda module, given, out: found.append(out))
    model(x)
    handle.remove()
    (activation,) = found
    return activation


@pytest.mark.parametrize("name", MODELS)
def test_layers_name_what_is_there(name):
    model, x = example(name)
    parameters = dict(model.named_parameters())
    assert isinstance(model.head, nn.Linear)
    assert model(x).shape == (4, 10)
    for layer in model.layers():
        activation, units = read(model, layer, x), len(parameters[layer.weight])
        assert activation.shape[:2] == (4, units)
        assert len(parameters[layer.bias]) == units
        assert all(len(parameters[norm]) == units for norm in layer.norm)
        assert parameters[layer.out_weight].shape[1] == units * layer.block
        assert len(parameters[layer.out_bias]) == len(parameters[layer.out_weight])
    assert model.layers()[-1].out_weight == "head.weight"


@pytest.mark.parametrize("name", MODELS)
def test_a_unit_without_outgoing_weights_does_not_matter(name):
    model, x = example(name)
    parameters = dict(model.named_parameters())
    for layer in model.layers():
        unit, columns = 3, slice(3 * layer.block, 4 * layer.block)

        def disturb(module, given, out, unit=unit):
            out = out.clone()
            out[:, unit] += 100.0
            return out

        with torch.no_grad():
            before = model(x)
            handle = model.get_submodule(layer.read).register_forward_hook(disturb)
            assert not torch.allclose(model(x), before, atol=1e-2)
            parameters[layer.out_weight][:, columns] = 0
            disturbed = model(x)
            handle.remove()
            torch.testing.assert_close(disturbed, model(x))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "mlp layer"])
def test_incoming_parameters_change_their_unit_alone(name):
    model, x = example(name)
    parameters = dict(model.named_parameters())
    for layer in model.layers():
        for owned in (layer.weight, layer.bias, *layer.norm):
            before = read(model, layer, x)
            with torch.no_grad():
                parameters[owned][2] += 10
            changed = (read(model, layer, x) != before).transpose(0, 1).flatten(1).any(1)
            assert changed.nonzero().flatten().tolist() in ([2], [])


def test_the_mlp_has_its_modules_in_the_order_of_the_study():
    names = [name for name, _ in mlp(SHAPE, 10, hidden=(7, 5), norm="batch", dropout=0.2).named_children()]
    assert names == ["flatten", "linear1", "norm1", "act1", "drop1", "linear2", "norm2", "act2", "drop2", "head"]
    assert [name for name, _ in mlp(SHAPE, 10, hidden=()).named_children()] == ["flatten", "head"]


def test_the_convnet_is_the_published_one():
    model = convnet((3, 32, 32), 2)
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "conv1.weight": (32, 3, 5, 5),
        "conv2.weight": (64, 32, 3, 3),
        "conv3.weight": (128, 64, 3, 3),
        "linear4.weight": (128, 512),
        "linear5.weight": (128, 128),
        "head.weight": (2, 128),
    }
    assert [layer.block for layer in model.layers()] == [1, 1, 4, 1, 1]


def test_pooling_before_the_relu_gives_the_same_bits():
    x = torch.randn(3, 4, 8, 8)
    pool, relu = nn.MaxPool2d(2), nn.ReLU()
    assert torch.equal(relu(pool(x)), pool(relu(x)))


@pytest.mark.parametrize("shape", [(3, 23, 32), (1, 8, 8), (3, 4, 4), (3, 2, 32)])
def test_images_that_are_too_small_are_refused(shape):
    with pytest.raises(UserError, match="at least 24x24"):
        convnet(shape, 10)
    convnet((3, 24, 24), 10)


def test_every_option_is_documented_and_checked():
    for model in clbench_models():
        assert all(option.doc for option in describe_options(model))
    assert check_options(mlp, {"hidden": [64]})["hidden"] == (64,)
    with pytest.raises(OptionError, match="dropout"):
        check_options(mlp, {"dropout": 1.0})
    with pytest.raises(OptionError, match="hidden"):
        check_options(mlp, {"hidden": [0]})
