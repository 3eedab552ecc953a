"""Networks of interchangeable modules, beside the same thing written plainly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clbench.errors import UserError
from clbench_plugins.modular.model import (
    check_has_modules,
    soft_ordering_cnn,
    soft_ordering_mlp,
)

IMAGES = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
COLOURED = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))


def network(**options: object) -> nn.Module:
    torch.manual_seed(0)
    known = {"components": 3, "depth": 2, "width": 6}
    return soft_ordering_mlp((1, 4, 4), 2, **{**known, **options}).eval()


def encoded(net: nn.Module) -> Tensor:
    return net.body.encoder(IMAGES)


def mixed(net: nn.Module, x: Tensor, weights: Tensor) -> Tensor:
    """One depth by hand: `weights [modules]`, or `[B, modules]`."""
    given = torch.stack([component(x) for component in net.body.components], dim=-1)
    return (given * weights.view(-1, 1, given.shape[-1])).sum(-1)


def test_where_nothing_is_said_layer_j_is_module_j() -> None:
    net = network()
    h = net.body.components[1](net.body.components[0](encoded(net)))
    torch.testing.assert_close(net(IMAGES), net.head(h))


def test_more_layers_than_modules_begin_anew_with_the_first() -> None:
    net = network(components=2, depth=3)
    assert net.body.in_turn == [0, 1, 0]
    first, second = net.body.components
    torch.testing.assert_close(net(IMAGES), net.head(first(second(first(encoded(net))))))


def test_modules_are_mixed_at_each_depth() -> None:
    net = network()
    weights = torch.tensor([[0.5, 0.2], [0.5, 0.0], [0.0, 0.8]])  # [modules, depth]
    net.body.mixture.copy_(weights)
    net.body.used = [range(3)] * 2
    h = mixed(net, encoded(net), weights[:, 0])
    torch.testing.assert_close(net(IMAGES), net.head(mixed(net, h, weights[:, 1])))


def test_modules_that_are_not_used_are_not_run() -> None:
    net = network()
    called = []
    for number, component in enumerate(net.body.components):
        component.register_forward_hook(lambda *_, number=number: called.append(number))
    net.body.used = [[2], [2, 0]]
    net(IMAGES)
    assert called == [2, 2, 0]


def test_every_sample_may_have_a_mixture_of_its_own() -> None:
    net = network()
    weights = torch.rand(5, 3, 2, generator=torch.Generator().manual_seed(2)).softmax(1)
    net.body.mixture = weights
    net.body.used = [range(3)] * 2
    h = mixed(net, encoded(net), weights[..., 0])
    torch.testing.assert_close(net(IMAGES), net.head(mixed(net, h, weights[..., 1])))


# ---------------------------------------------------------------------- gates


def gated() -> nn.Module:
    """All modules weigh alike, and one set of gates is drawn."""
    net = network(gated=True)
    net.body.mixture.fill_(1 / 3)
    net.body.used = [range(3)] * 2
    net.body.gates.copy_(torch.randn(net.body.gates.shape))
    return net


def test_gates_of_nothing_change_nothing() -> None:
    torch.testing.assert_close(network(gated=True)(IMAGES), network()(IMAGES))


def test_a_gate_is_a_soft_max_of_what_comes_in() -> None:
    net = gated()
    x = encoded(net)
    for depth in range(2):
        numbers = x @ net.body.gates[0, :, depth].T  # [B, modules]
        x = mixed(net, x, numbers.softmax(-1))
    torch.testing.assert_close(net(IMAGES), net.head(x))


def test_a_module_without_weight_stays_so_whatever_its_gate_says() -> None:
    net = gated()
    net.body.mixture[:, 0] = 0.0
    net.body.gates[:, 0] = 1e6
    out = net(IMAGES)
    x = encoded(net)
    for depth in range(2):
        numbers = x @ net.body.gates[0, 1:, depth].T
        weights = torch.nn.functional.pad(numbers.softmax(-1), (1, 0))
        x = mixed(net, x, weights)
    torch.testing.assert_close(out, net.head(x))


def test_every_sample_has_the_gates_of_its_task() -> None:
    net = gated()
    first = net.body.gates.clone()
    net.body.gates = torch.cat([first, -first])
    net.body.gates_of = torch.tensor([0, 1, 0, 1, 1])
    out = net(IMAGES)
    for task, rows in ((0, [0, 2]), (1, [1, 3, 4])):
        net.body.gates_of = torch.full((5,), task)
        torch.testing.assert_close(out[rows], net(IMAGES)[rows])


# ---------------------------------------------------------------------- models


def test_channels_are_filled_up_and_sides_are_halved_at_each_depth() -> None:
    net = soft_ordering_cnn((2, 8, 8), 3, components=2, depth=2, width=5).eval()
    assert net.body.encoder(COLOURED).shape == (3, 5, 8, 8)
    assert not net.body.encoder(COLOURED)[:, 2:].any()
    assert net.head.in_features == 5 * 2 * 2
    assert net(COLOURED).shape == (3, 3)


def test_a_network_that_halves_its_image_away_is_refused() -> None:
    with pytest.raises(UserError, match=r"5 layers .* 16x32 leave nothing; give \{depth: 4\}"):
        soft_ordering_cnn((1, 16, 32), 2, depth=5)


def test_room_for_more_modules_has_no_weight() -> None:
    net = network(room=2)
    assert len(net.body.components) == 5
    assert not net.body.mixture[:, 3:].any()


def test_the_first_modules_may_be_spared_from_dropout() -> None:
    net = network(dropout=0.5, dense_first=1)
    kinds = [set(map(type, component)) for component in net.body.components]
    assert [nn.Dropout in each for each in kinds] == [False, True, True]


def test_the_projection_of_the_image_is_not_trained() -> None:
    frozen = {name for name, p in network().named_parameters() if not p.requires_grad}
    assert frozen == {"body.encoder.1.weight", "body.encoder.1.bias"}


def test_layers_are_what_each_depth_gives_out() -> None:
    cnn = soft_ordering_cnn((2, 8, 8), 3, components=2, depth=2, width=5)
    first, last = cnn.layers()
    assert (first.name, first.read, first.block) == ("depth1", "body.mixed.0", 1)
    assert first.weight == "body.components.0.0.weight"
    assert first.out_weight == last.weight == "body.components.1.0.weight"
    # A channel of the last depth feeds the head at each of 2 x 2 positions.
    assert (last.out_weight, last.block) == ("head.weight", 4)


def test_other_models_have_no_modules_to_be_mixed() -> None:
    check_has_modules(network())
    with pytest.raises(UserError, match="the model has no modules to be mixed"):
        check_has_modules(nn.Sequential(nn.Linear(2, 2)))
