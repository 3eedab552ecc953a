"""A submodule of every member, by itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clbench.errors import StrategyError
from clbench.stack import Stack
from tests.stack.networks import FORMS, Net, inputs


def nested() -> nn.Module:
    """`0` holds `0` and `1`; `01` only begins alike."""
    inner = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    whole = nn.Sequential(inner, nn.Linear(3, 2))
    whole.add_module("01", nn.Linear(2, 2))
    return whole


def test_names_are_those_of_what_lies_in_it_and_nothing_that_begins_alike() -> None:
    part = Stack(nested, 2).part("0")
    assert part.names == ["0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias"]
    assert list(part.named_parameters()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    statistics = ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert list(part.named_buffers()) == statistics


def test_tensors_are_the_networks_own() -> None:
    net = Stack(nested, 2)
    part = net.part("1")
    assert part.parameters()[0] is net.params["1.weight"]
    assert part.named_parameters()["bias"] is net.params["1.bias"]
    assert net.part("0").named_buffers()["1.running_mean"] is net.buffers["0.1.running_mean"]


@FORMS
def test_it_is_applied_to_every_member_by_itself(form: str) -> None:
    net = Stack(Net, 3, form=form)
    x = torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(1))
    out = net.part("head")(x)
    named = net.named_parameters()
    for member in range(3):
        by_hand = x[member] @ named["head.weight"][member].T + named["head.bias"][member]
        torch.testing.assert_close(out[member], by_hand)


@FORMS
def test_other_parameters_by_its_own_names(form: str) -> None:
    part = Stack(Net, 2, form=form).part("head")
    twice = {name: 2.0 * value.detach() for name, value in part.named_parameters().items()}
    x = torch.ones(2, 3, 5)
    torch.testing.assert_close(part(x, twice), 2.0 * part(x))


def test_what_modules_within_give_is_told_where_it_is_asked_for() -> None:
    net = Stack(nested, 2, form="loop").eval()
    part = net.part("0")
    out, seen = part.run(inputs(2), part.named_parameters(), ("0", "1"))
    assert torch.equal(seen["0"][0], inputs(2))
    assert torch.equal(seen["1"][0], seen["0"][1])
    assert torch.equal(seen["1"][1], out)


def test_a_part_in_evaluation_mode_stays_so_while_the_network_trains() -> None:
    net = Stack(nested, 2)
    part = net.part("0")
    assert part.eval() is part
    net.train()
    net(inputs(2))
    counted = net.named_buffers()["0.1.num_batches_tracked"]
    assert counted.tolist() == [0, 0]
    part.train()
    net(inputs(2))
    assert counted.tolist() == [1, 1]


def test_a_part_that_is_not_there_is_said() -> None:
    with pytest.raises(StrategyError, match="the model Net has no part 'tail'"):
        Stack(Net, 2).part("tail")
