"""Parts, layers, parameters and copies of a stack."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from clbench.errors import StrategyError
from clbench.stack import Stack

from .networks import FORMS, Net, inputs

# ---------------------------------------------------------------------------------------- parts and
# layers


@FORMS
def test_a_part_is_a_submodule_of_every_member(form: str) -> None:
    net = Stack(Net, 3, form=form)
    head = net.part("head")
    assert head.names == ["head.weight", "head.bias"]
    assert head.parameters()[0] is net.params["head.weight"]
    assert list(head.named_parameters()) == ["weight", "bias"]
    h = torch.randn(3, 7, 5)
    torch.testing.assert_close(
        head(h)[2], h[2] @ net.params["head.weight"][2].T + net.params["head.bias"][2]
    )
    zeros = {name: torch.zeros_like(value) for name, value in head.named_parameters().items()}
    assert not head(h, zeros).any()
    out = net(inputs())
    _, seen = net(inputs(), trace=True)
    torch.testing.assert_close(head(seen["two"]), out)
    with pytest.raises(StrategyError, match="Net has no part 'tail'"):
        net.part("tail")


def test_a_part_follows_the_mode_of_the_network_and_leaves_it_as_it_was() -> None:
    net = Stack(
        lambda: nn.Sequential(
            OrderedDict(body=nn.Sequential(nn.Identity(), nn.Dropout(0.5)), head=nn.Linear(4, 3))
        ),
        2,
    )
    ones = torch.ones(2, 50, 4)
    assert (net.part("body")(ones) == 0).any()
    net(ones)
    assert net.eval().part("body")(ones).eq(1).all()
    net.train()
    net(ones)
    assert (net.part("body")(ones) == 0).any()
    assert net.module.body.training


def test_a_model_that_does_not_name_its_layers_is_told_how() -> None:
    with pytest.raises(
        StrategyError, match=r"Sequential does not name its hidden layers:.*layers\(\)"
    ):
        Stack(lambda: nn.Sequential(nn.Linear(2, 2)), 2).layers()


# ----------------------------------------------------------------------------------------
# parameters


def test_parameters_are_stacked_in_the_models_order() -> None:
    net = Stack(Net, [(5, 0), (6, 1)])
    assert net.members == 2
    assert list(net.params) == [
        "a.weight",
        "a.bias",
        "b.weight",
        "b.bias",
        "head.weight",
        "head.bias",
    ]
    alone = Stack(Net, [(6, 1)])
    for value, single in zip(net.parameters(), alone.parameters(), strict=True):
        assert torch.equal(value[1], single[0])
    named = net.named_parameters()
    named["a.weight"] = torch.zeros(1)
    assert net.params["a.weight"].shape == (2, 6, 4)


def test_frozen_parameters_of_a_model_stay_frozen() -> None:
    def frozen() -> nn.Module:
        net = Net()
        net.a.requires_grad_(False)
        return net

    net = Stack(frozen, 2)
    assert [value.requires_grad for value in net.parameters()] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    assert [value.requires_grad for value in net.requires_grad_().parameters()] == [True] * 6
    assert [value.requires_grad for value in net.requires_grad_(False).parameters()] == [False] * 6


def test_redraw_is_a_function_of_seed_stream_and_step() -> None:
    net, other = Stack(Net, [(1, 0), (2, 0)]), Stack(Net, [(2, 0)])
    before = {name: value.detach().clone() for name, value in net.params.items()}
    places = [value.data_ptr() for value in net.parameters()]
    for stack in (net, other):
        stack.redraw(stack.part("head").names, "reset", 3)
    assert torch.equal(net.params["head.weight"][1], other.params["head.weight"][0])
    assert not torch.equal(net.params["head.weight"], before["head.weight"])
    assert torch.equal(net.params["a.weight"], before["a.weight"])
    assert places == [value.data_ptr() for value in net.parameters()]
    third = net.params["head.weight"].detach().clone()
    net.redraw(net.part("head").names, "reset", 4)
    assert not torch.equal(net.params["head.weight"], third)
    net.redraw(["head.weight"], "reset", 3)
    assert torch.equal(net.params["head.weight"], third)


# ---------------------------------------------------------------------------------------- copies


@FORMS
def test_a_copy_has_parameters_buffers_and_a_mode_of_its_own(form: str) -> None:
    net = Stack(
        lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)), 2, form=form
    )
    net(inputs(2))
    teacher = net.spawn().requires_grad_(False).eval()
    expected = net.eval()(inputs(2)).detach()
    net.train()
    with torch.no_grad():
        for value in net.parameters():
            value.add_(1.0)
    net(inputs(2))
    assert torch.equal(teacher(inputs(2)), expected)
    assert net.training
    assert not teacher(inputs(2)).requires_grad
    assert all(value.requires_grad for value in net.parameters())
    net(inputs(2))
    assert net.module.training  # the two share one skeleton


def test_deepcopy_is_spawn() -> None:
    net = Stack(Net, 2)
    net(inputs(2)).sum().backward()
    twin = copy.deepcopy(net)
    assert torch.equal(twin(inputs(2)), net(inputs(2)))
    assert twin.params["a.weight"] is not net.params["a.weight"]


def test_a_copy_made_while_members_sit_out_serves_them_when_they_return() -> None:
    net = Stack(Net, 3, form="loop")
    net.active = [1]
    twin = net.spawn()
    net.active = None
    assert torch.equal(twin(inputs()), net(inputs()))


def test_a_stack_of_plain_modules_shows_them_as_they_are() -> None:
    modules = [nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)) for _ in range(2)]
    for module in modules:
        module(torch.randn(6, 4))
        module.eval()
    shown = Stack.of_modules(modules, [(0, 0), (1, 0)])
    assert torch.equal(
        shown(inputs(2)),
        torch.stack([module(x) for module, x in zip(modules, inputs(2), strict=True)]),
    )
    with torch.no_grad():
        shown.parameters()[0].zero_()
    assert modules[0][0].weight.any()


@FORMS
def test_what_is_given_stands_in_for_the_networks_own_within_the_block(form: str) -> None:
    net = Stack(lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), 2, form=form).eval()
    x, own = torch.randn(2, 5, 4), net.named_parameters()
    without = {"0.weight": torch.zeros_like(own["0.weight"])}
    moved = {"1.running_mean": torch.full((2, 3), 2.0)}
    before = net(x)
    with net.given(without, moved):
        within = net(x)
    assert torch.equal(within, net.call({**own, **without}, x, buffers=moved))
    assert not torch.equal(within, before)
    assert torch.equal(net(x), before)
    within.sum().backward()
    assert own["0.weight"].grad is None
    assert own["0.bias"].grad is not None
