"""A network whose front stands still: what lies before a module, and what behind it."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from clbench.stack import Stack
from clbench.stack.frozen import modules_behind, modules_in_front
from tests.stack.networks import FORMS, Net, inputs


class ByHand(nn.Module):
    """Its code alone knows in which order its modules are applied."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 6)
        self.drop = nn.Dropout(0.0)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.hidden(x)))


class Shuffled(nn.Sequential):
    """A sequence with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        for child in reversed(self):
            x = child(x)
        return x


def nested() -> nn.Sequential:
    body = nn.Sequential(OrderedDict(a=nn.Linear(2, 2), b=nn.ReLU(), c=nn.Linear(2, 2)))
    return nn.Sequential(OrderedDict(first=nn.ReLU(), body=body, head=nn.Linear(2, 2)))


@pytest.mark.parametrize(
    ("point", "behind", "in_front"),
    [
        ("head", ("head",), ("first", "body")),
        ("body", ("body", "head"), ("first",)),
        ("body.b", ("body.b", "body.c", "head"), ("body.a", "first")),
        ("body.a", ("body.a", "body.b", "body.c", "head"), ("first",)),
        ("first", ("first", "body", "head"), ()),
    ],
)
def test_what_follows_in_every_sequence_around_it_lies_behind(point, behind, in_front) -> None:
    assert modules_behind(nested(), point) == behind
    assert modules_in_front(nested(), point) == in_front


@pytest.mark.parametrize("module", [ByHand(), Shuffled(nn.Linear(4, 4), nn.Linear(4, 4))])
def test_of_a_module_with_code_of_its_own_all_siblings_are_in_front(module: nn.Module) -> None:
    last = list(dict(module.named_children()))[-1]
    others = [name for name, _ in module.named_children() if name != last]
    assert modules_behind(module, last) == (last,)
    assert list(modules_in_front(module, last)) == others


def test_together_they_are_the_whole_network() -> None:
    root = nested()
    for point, _ in root.named_modules():
        if not point:
            continue
        parts = [*modules_in_front(root, point), *modules_behind(root, point)]
        found = [id(p) for part in parts for p in root.get_submodule(part).parameters()]
        assert sorted(found) == sorted(map(id, root.parameters()))


@FORMS
def test_features_are_what_goes_into_the_module(form: str) -> None:
    net = Stack(Net, 3, form=form)
    features, out = net.features(inputs(), "head")
    with net.evaluation(), torch.no_grad():
        _, taps = net.tap(inputs())
    assert torch.equal(features, taps.inputs["head"])
    assert torch.equal(net.part("head")(features), out)


def test_the_front_is_all_that_is_not_behind() -> None:
    net = Stack(Net, 2)
    # Dropout has a stream of its own for each member.
    assert set(net.front("b")) == {"a.weight", "a.bias", "drop.key", "drop.count"}
    everything = {*net.named_parameters(), *net.named_buffers()}
    assert set(net.front("a")) == set()
    assert set(net.front("head")) == everything - {"head.weight", "head.bias"}
