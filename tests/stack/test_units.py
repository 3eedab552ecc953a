"""Fresh units, members' best weights, kinds of layers, parts within `map`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clbench import Layer
from clbench.errors import StrategyError
from clbench.stack import Stack, restore, save
from clbench.stack.suspension import Suspension

from .networks import FORMS, Net, inputs

MEMBERS = [(4, 0), (9, 0), (2, 1)]


def due(*units: tuple[int, int]) -> Tensor:
    """Of layer `one`, by member and unit."""
    found = torch.zeros(3, 6, dtype=torch.bool)
    for member, unit in units:
        found[member, unit] = True
    return found


def test_units_that_are_due_get_weights_of_an_untrained_network_and_nothing_else_moves() -> None:
    net = Stack(Net, MEMBERS)
    before = {name: value.detach().clone() for name, value in net.params.items()}
    net.redraw_units("one", due((0, 2), (2, 5)))
    changed = (net.params["a.weight"] != before["a.weight"]).any(2)
    assert torch.equal(changed, due((0, 2), (2, 5)))
    assert torch.equal(net.params["a.bias"] != before["a.bias"], due((0, 2), (2, 5)))
    for name in ("b.weight", "b.bias", "head.weight", "head.bias"):
        assert torch.equal(net.params[name], before[name])
    assert net.params["a.weight"].abs().max() <= 0.5  # uniform in +-1 / sqrt(4 inputs)


def test_nothing_is_drawn_where_nobody_is_due() -> None:
    built: list[int] = []

    def factory() -> nn.Module:
        built.append(1)
        return Net()

    net = Stack(factory, MEMBERS)
    built.clear()
    net.redraw_units("one", due())
    assert not built
    for unit in range(6):
        net.redraw_units("one", due((1, unit)))
    assert len(built) == 1  # six units are the units of one network


def rounds(net: Stack, row: int, member: int) -> list[Tensor]:
    """Weights after each of some rounds in which this member, in this row, has units due."""
    found = []
    for turn in range(5):
        where = torch.zeros(net.members, 6, dtype=torch.bool)
        where[row, [turn, (turn + 2) % 6]] = True
        if net.members > 1:
            where[(row + 1) % net.members, turn] = True
        net.redraw_units(net.layers()[0], where)
        found.append(net.params["a.weight"][row].detach().clone())
    return found


def test_fresh_units_do_not_depend_on_the_stack() -> None:
    alone = rounds(Stack(Net, [MEMBERS[1]]), 0, 1)
    together = rounds(Stack(Net, MEMBERS), 1, 1)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)


def test_a_layers_first_fresh_units_cost_a_member_that_sits_out_none_of_its_own() -> None:
    alone = rounds(Stack(Net, [MEMBERS[1]]), 0, 1)
    net = Stack(Net, MEMBERS)
    suspension = Suspension(net, 3)
    suspension.set_active({0, 2})
    net.redraw_units("one", due((0, 2), (1, 2), (2, 2)))
    suspension.set_active({0, 1, 2})
    for one, other in zip(alone, rounds(net, 1, 1), strict=True):
        assert torch.equal(one, other)


def test_fresh_units_go_on_after_a_checkpoint() -> None:
    whole = Stack(Net, MEMBERS)
    rounds(whole, 1, 1)
    saved = save(whole)
    resumed = Stack(Net, MEMBERS)
    restore(resumed, saved)
    for one, other in zip(rounds(whole, 1, 1), rounds(resumed, 1, 1), strict=True):
        assert torch.equal(one, other)


def test_a_unit_is_never_given_the_same_weights_twice() -> None:
    net = Stack(Net, MEMBERS)
    seen = []
    for _ in range(14):  # more than a network has units
        net.redraw_units("one", due((0, 3)))
        seen.append(tuple(net.params["a.weight"][0, 3].tolist()))
    assert len(set(seen)) == 14


# ---------------------------------------------------------------------------------------- the rest


@FORMS
def test_taking_members_from_another_stack(form: str) -> None:
    net = Stack(lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), 3, form=form)
    best = net.spawn()
    net(inputs())
    with torch.no_grad():
        for value in net.parameters():
            value.add_(1.0)
    places = [value.data_ptr() for value in best.parameters()]
    before = {name: value.clone() for name, value in {**best.params, **best.buffers}.items()}
    where = torch.tensor([True, False, True])
    best.take(net, where)
    for name, value in {**best.params, **best.buffers}.items():
        theirs = {**net.params, **net.buffers}[name]
        assert torch.equal(value[where], theirs[where])
        assert torch.equal(value[~where], before[name][~where])
    assert places == [value.data_ptr() for value in best.parameters()]
    with pytest.raises(StrategyError, match=r"a stack of 3 members and where \[3\]"):
        best.take(net, where[:2])


def test_layers_say_what_kind_they_are() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.lin = nn.Conv2d(1, 2, 3), nn.Linear(2, 2)
            self.norm = nn.LayerNorm(2)

        def layers(self) -> list[Layer]:
            names = ("conv", "lin", "norm")
            return [Layer(n, n, f"{n}.weight", f"{n}.bias", "lin.weight", None) for n in names]

    assert [layer.kind for layer in Stack(Mixed, 2).layers()] == ["conv", "linear", "LayerNorm"]


@FORMS
def test_a_part_of_a_member_within_map(form: str) -> None:
    net = Stack(Net, 3, form=form)
    x = inputs()

    def first(params: dict[str, Tensor], x_r: Tensor) -> Any:
        return net.one(params, net.one(params, x_r, part="a"), part="act_a")

    _, seen = net(x, trace=True)
    torch.testing.assert_close(net.map(first, x), seen["one"])


def test_map_has_the_mode_of_the_network() -> None:
    net = Stack(lambda: nn.Sequential(nn.Identity(), nn.Dropout(0.5), nn.Linear(4, 2)), 2)
    net(inputs(2))
    net.eval()

    def dropped(params: dict[str, Tensor], x_r: Tensor) -> Tensor:
        return net.one(params, x_r, part="1")

    assert net.map(dropped, torch.ones(2, 5, 4)).eq(1).all()
