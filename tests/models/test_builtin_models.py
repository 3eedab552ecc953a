from __future__ import annotations

import pytest
import torch
from torch import nn

from clbench.errors import OptionError, UserError
from clbench.options import check_options, describe_options
from clbench.stack import Stack, make_optimizer
from clbench_plugins.builtin_models import (
    clbench_models,
    convnet,
    lenet,
    mlp,
    reduced_resnet18,
    resnet18,
)

SHAPE = (1, 8, 8)
MODELS = {
    "mlp": lambda: mlp(SHAPE, 10, hidden=(7, 5)),
    "mlp batch": lambda: mlp(SHAPE, 10, hidden=(7, 5), norm="batch", dropout=0.5),
    "mlp layer": lambda: mlp(SHAPE, 10, hidden=(7,), norm="layer", activation="tanh"),
    "mlp crelu": lambda: mlp(SHAPE, 10, hidden=(7, 5), norm="layer", activation="crelu"),
    "convnet": lambda: convnet((3, 32, 32), 10),
    "convnet crelu": lambda: convnet((1, 28, 28), 10, activation="crelu"),
    "convnet small": lambda: convnet((1, 28, 28), 10),
    "lenet": lambda: lenet((3, 32, 32), 10),
    "resnet": lambda: resnet18((3, 32, 32), 10, width=8),
    "resnet bias": lambda: resnet18((3, 32, 32), 10, width=8, bias=True),
}
LAYER_NORMED = ("mlp layer", "mlp crelu")  # whose units see each other
SHAPES = {
    "convnet": (3, 32, 32),
    "convnet crelu": (1, 28, 28),
    "convnet small": (1, 28, 28),
    "lenet": (3, 32, 32),
    "resnet": (3, 32, 32),
    "resnet bias": (3, 32, 32),
}


def example(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    return model, torch.randn(4, *SHAPES.get(name, SHAPE))


def read(model: nn.Module, layer, x: torch.Tensor) -> torch.Tensor:
    found = []
    handle = model.get_submodule(layer.read).register_forward_hook(
        lambda module, given, out: found.append(out)
    )
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
        assert layer.bias is None or len(parameters[layer.bias]) == units
        assert all(len(parameters[norm]) == units for norm in layer.norm)
        assert parameters[layer.out_weight].shape[1] == units * layer.block
        assert layer.out_bias is None or len(parameters[layer.out_bias]) == len(
            parameters[layer.out_weight]
        )
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


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LAYER_NORMED])
def test_incoming_parameters_change_their_unit_alone(name):
    model, x = example(name)
    parameters = dict(model.named_parameters())
    for layer in model.layers():
        for owned in filter(None, (layer.weight, layer.bias, *layer.norm)):
            before = read(model, layer, x)
            with torch.no_grad():
                parameters[owned][2] += 10
            changed = (read(model, layer, x) != before).transpose(0, 1).flatten(1).any(1)
            assert changed.nonzero().flatten().tolist() in ([2], [])


def test_the_mlp_has_its_modules_in_the_order_of_the_study():
    names = [
        name
        for name, _ in mlp(SHAPE, 10, hidden=(7, 5), norm="batch", dropout=0.2).named_children()
    ]
    assert names == [
        "flatten",
        "linear1",
        "norm1",
        "act1",
        "drop1",
        "linear2",
        "norm2",
        "act2",
        "drop2",
        "head",
    ]
    assert [name for name, _ in mlp(SHAPE, 10, hidden=()).named_children()] == ["flatten", "head"]


def test_the_convnet_is_the_published_one():
    model = convnet((3, 32, 32), 2)
    shapes = {
        name: tuple(parameter.shape)
        for name, parameter in model.named_parameters()
        if name.endswith("weight")
    }
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


def test_crelu_gives_both_halves_of_a_unit_to_neighbouring_inputs():
    model = mlp(SHAPE, 10, hidden=(3,), activation="crelu").eval()
    x = torch.randn(4, *SHAPE)
    z = model.linear1(x.flatten(1))
    given = []
    model.head.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    model(x)
    for k in range(3):
        assert torch.equal(given[0][:, 2 * k], z[:, k].relu())
        assert torch.equal(given[0][:, 2 * k + 1], (-z[:, k]).relu())
    assert [layer.block for layer in model.layers()] == [2]
    assert model.head.weight.shape == (10, 6)


def test_crelu_pools_each_half_of_a_filter_by_itself():
    model = convnet((1, 28, 28), 10, activation="crelu").eval()
    assert [layer.block for layer in model.layers()] == [2, 2, 2, 2, 2]
    x = torch.randn(4, 1, 28, 28)
    z = model.conv1(x)
    given = []
    model.conv2.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    model(x)
    assert torch.equal(given[0][:, 10], nn.functional.max_pool2d(z[:, 5].relu(), 2))
    assert torch.equal(given[0][:, 11], nn.functional.max_pool2d((-z[:, 5]).relu(), 2))


@pytest.mark.parametrize(
    ("model", "shape", "classes", "published"),
    [
        (lenet, (1, 28, 28), 10, 61_706),
        (lenet, (3, 32, 32), 10, 62_006),
        (resnet18, (3, 32, 32), 10, 11_173_962),
        (resnet18, (3, 32, 32), 100, 11_220_132),
        (reduced_resnet18, (3, 32, 32), 100, 1_109_240),
    ],
)
def test_parameters_are_as_many_as_published(model, shape, classes, published):
    assert sum(parameter.numel() for parameter in model(shape, classes).parameters()) == published


def test_every_convolution_of_the_resnet_may_have_a_bias():
    """One for each filter: 64 of the stem, and four or five times as many in each of four
    stages.
    """
    filters = 64 + 4 * 64 + 5 * (128 + 256 + 512)
    model = resnet18((3, 32, 32), 100, bias=True)
    assert sum(parameter.numel() for parameter in model.parameters()) == 11_220_132 + filters
    biases = [layer.bias for layer in model.layers()]
    assert biases[:2] == ["block1.conv1.bias", "block2.conv1.bias"]


def test_the_resnet_halves_the_image_three_times():
    model = reduced_resnet18((3, 32, 32), 10, width=8)
    sides = []
    for k in range(1, 9):
        model.get_submodule(f"block{k}").register_forward_hook(
            lambda module, given, out: sides.append(tuple(out.shape[1:]))
        )
    model(torch.randn(2, 3, 32, 32))
    assert sides == [(8, 32, 32)] * 2 + [(16, 16, 16)] * 2 + [(32, 8, 8)] * 2 + [(64, 4, 4)] * 2


def trained(seeds, x, y):
    """Three steps of a stack of resnets, in training mode: parameters and batch-norm's buffers."""
    net = Stack(lambda: reduced_resnet18((3, 16, 16), 4, width=8), [(seed, 0) for seed in seeds])
    optimizer = make_optimizer({"sgd": {"lr": 0.1, "momentum": 0.9}}, net.parameters(), len(seeds))
    for _ in range(3):
        optimizer.zero_grad()
        logits = net(x.expand(len(seeds), -1, -1, -1, -1)).flatten(0, 1)
        nn.functional.cross_entropy(logits, y.repeat(len(seeds)), reduction="none").view(
            len(seeds), -1
        ).mean(1).sum().backward()
        optimizer.step()
    return [value[-1] for value in (*net.parameters(), *net.buffers.values())]


def test_a_stacked_resnet_trains_as_one_alone_to_the_bit():
    x = torch.randn(1, 6, 16, 16, 3, generator=torch.Generator().manual_seed(0)).permute(
        0, 1, 4, 2, 3
    )
    y = torch.arange(6) % 4
    alone = trained([2], x, y)
    assert all(
        torch.equal(one, other) for one, other in zip(alone, trained([0, 1, 2], x, y), strict=True)
    )
    assert len(alone) == 62 + 60


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 11, 32)])
def test_images_too_small_for_lenet_are_refused(shape):
    with pytest.raises(UserError, match="at least 12x12"):
        lenet(shape, 10)
    assert lenet((shape[0], 12, 12), 10)(torch.zeros(1, shape[0], 12, 12)).shape == (1, 10)


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
    with pytest.raises(OptionError, match="width"):
        check_options(resnet18, {"width": 4})


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_weights_of_an_mlp_begin_as_its_option_says(activation):
    """Glorot & Bengio 2010 and He et al. 2015: how far the uniform distributions reach, and biases
    of 0.
    """
    gain = {"relu": 2**0.5, "tanh": 5 / 3}[activation]
    for init, bounds in {
        "default": [(1 / 64) ** 0.5, (1 / 300) ** 0.5],
        "xavier": [(6 / 364) ** 0.5, (6 / 310) ** 0.5],
        "kaiming": [gain * (3 / 64) ** 0.5, (3 / 300) ** 0.5],
    }.items():
        torch.manual_seed(0)
        model = mlp(SHAPE, 10, hidden=(300,), activation=activation, init=init)
        for layer, bound in zip([model.linear1, model.head], bounds, strict=True):
            furthest = layer.weight.abs().max().item()
            assert 0.98 * bound < furthest <= bound
            assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
            assert bool((layer.bias == 0).all()) == (init != "default")
