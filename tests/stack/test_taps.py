"""What goes in and out of modules, and the gradients of what goes out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from clbench.stack import Stack
from clbench.stack.taps import Taps, widen
from tests.stack.networks import FORMS, Net, inputs


def test_bfloat16_comes_back_as_float_and_all_else_as_it_is() -> None:
    assert widen(torch.ones(2, dtype=torch.bfloat16)).dtype is torch.float32
    whole = torch.ones(2, dtype=torch.float64)
    assert widen(whole) is whole


def pair(value: float) -> tuple[Tensor, Tensor]:
    given = torch.full((2, 1), value, requires_grad=True)
    return given, 3.0 * given


def test_values_are_cut_off_from_the_graph() -> None:
    taps = Taps({"site": pair(1.0)}, {}, frozenset({"twice"}))
    assert not taps.inputs["site"].requires_grad
    assert not taps.outputs["site"].requires_grad
    assert taps.outputs["site"].tolist() == [[3.0], [3.0]]
    assert taps.repeated == {"twice"}


def test_a_site_that_a_value_does_not_depend_on_has_a_delta_of_zeros() -> None:
    _, used = pair(2.0)
    _, unused = pair(1.0)
    taps = Taps({}, {"used": used, "unused": unused}, frozenset())
    deltas = taps.deltas(used.square().sum())
    # d (3x)^2 / d (3x) = 2 * 6.
    assert deltas["used"].tolist() == [[12.0], [12.0]]
    assert deltas["unused"].tolist() == [[0.0], [0.0]]


def test_of_members_that_are_not_computed_deltas_are_zeros() -> None:
    nodes = [pair(1.0)[1], None, pair(2.0)[1]]
    taps = Taps({}, {"site": nodes}, frozenset())
    value = nodes[0].sum() + 5.0 * nodes[2].sum()
    assert taps.deltas(value)["site"][..., 0].tolist() == [[1.0, 1.0], [0.0, 0.0], [5.0, 5.0]]


def test_a_graph_that_is_kept_can_be_asked_again() -> None:
    _, out = pair(1.0)
    taps = Taps({}, {"site": out}, frozenset())
    value = out.square().sum()
    first = taps.deltas(value)
    assert torch.equal(taps.deltas(value, retain_graph=False)["site"], first["site"])


@FORMS
def test_deltas_and_inputs_are_factors_of_a_layers_gradient(form: str) -> None:
    net = Stack(Net, 3, form=form)
    out, taps = net.tap(inputs())
    value = out.square().sum()
    deltas = taps.deltas(value)
    weight = net.named_parameters()["b.weight"]
    (expected,) = torch.autograd.grad(value, weight)
    # dL/dW = sum over examples of delta x^T.
    found = deltas["b"].transpose(1, 2) @ taps.inputs["b"]
    torch.testing.assert_close(found, expected)


@FORMS
def test_every_module_of_the_kinds_asked_for_is_tapped(form: str) -> None:
    net = Stack(Net, 2, form=form)
    _, taps = net.tap(inputs(2), (nn.Linear, nn.Tanh))
    assert set(taps.inputs) == {"a", "b", "act_b", "head"}
    assert taps.inputs["a"].shape == (2, 5, 4)
    assert torch.equal(taps.inputs["a"], inputs(2))
    assert torch.equal(taps.outputs["act_b"], taps.inputs["head"])


@pytest.mark.parametrize("active", [[0, 2], [1]])
def test_in_a_loop_only_active_members_have_deltas(active: list[int]) -> None:
    net = Stack(Net, 3, form="loop")
    net.active = active
    out, taps = net.tap(inputs())
    deltas = taps.deltas(out.sum())["head"]
    moved = [row for row in range(3) if deltas[row].any()]
    assert moved == active
