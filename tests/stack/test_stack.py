"""Stacks of networks: as each network alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.stack import Stack

from .networks import FORMS, Net, inputs


def by_hand(net: Stack, row: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One member's activations and output."""
    p = {name: value[row] for name, value in net.params.items()}
    one = F.relu(x @ p["a.weight"].T + p["a.bias"])
    two = torch.tanh(one @ p["b.weight"].T + p["b.bias"])
    return one, two, two @ p["head.weight"].T + p["head.bias"]


@FORMS
def test_trace_gives_the_hidden_activations_of_the_same_forward(form: str) -> None:
    net = Stack(Net, 3, form=form)
    out, seen = net(inputs(), trace=True)
    assert list(seen) == ["one", "two"]
    for row in range(3):
        for got, wanted in zip(
            (seen["one"][row], seen["two"][row], out[row]),
            by_hand(net, row, inputs()[row]),
            strict=True,
        ):
            torch.testing.assert_close(got, wanted)
    (gradient,) = torch.autograd.grad(seen["one"].sum(), net.params["a.bias"])
    torch.testing.assert_close(gradient, (seen["one"] > 0).sum(1).float())


@FORMS
def test_hidden_is_kept_for_training_forwards_where_somebody_asked(form: str) -> None:
    net = Stack(Net, 2, form=form)
    net(inputs(2))
    assert net.hidden == {}
    net.keep_hidden = True
    net(inputs(2))
    kept = net.hidden
    assert list(kept) == ["one", "two"]
    assert kept["one"].requires_grad
    net.call([p.detach() for p in net.parameters()], inputs(2))
    net.eval()(inputs(2))
    assert net.hidden["one"] is kept["one"]


@FORMS
def test_call_takes_other_parameters_by_name_or_in_order(form: str) -> None:
    net = Stack(Net, 3, form=form)
    doubled = {
        name: (2 * value).detach().requires_grad_()
        for name, value in net.named_parameters().items()
    }
    out = net.call(doubled, inputs())
    assert torch.equal(out, net.call(list(doubled.values()), inputs()))
    assert not torch.allclose(out, net(inputs()))
    out.sum().backward()
    assert all(value.grad is not None for value in doubled.values())
    assert all(value.grad is None for value in net.parameters())
    with pytest.raises(StrategyError, match="the network has 6 parameters, and 2 were given"):
        net.call(net.parameters()[:2], inputs())


@FORMS
def test_map_runs_a_function_written_for_one_member(form: str) -> None:
    net = Stack(lambda: Net().double(), 3, form=form)
    x, y = inputs().double(), torch.arange(15).reshape(3, 5) % 3

    def loss(params: dict[str, Tensor], x_r: Tensor, y_r: Tensor) -> Tensor:
        return F.cross_entropy(net.one(params, x_r), y_r)

    def gradients(params: dict[str, Tensor], x_r: Tensor, y_r: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = torch.func.grad(loss)(params, x_r, y_r)
        return found

    losses, found = net.map(loss, x, y), net.map(gradients, x, y)
    wanted = F.cross_entropy(net(x).flatten(0, 1), y.flatten(), reduction="none").view(3, 5).mean(1)
    torch.testing.assert_close(losses, wanted)
    wanted.sum().backward()
    for name, value in net.params.items():
        torch.testing.assert_close(found[name], value.grad)


@FORMS
def test_tap_shows_what_goes_in_and_out_and_their_gradients(form: str) -> None:
    net = Stack(lambda: Net().double(), 3, form=form)
    x = inputs().double()
    out, taps = net.tap(x)
    assert sorted(taps.inputs) == ["a", "b", "head"]
    assert torch.equal(taps.inputs["a"], x)
    torch.testing.assert_close(taps.outputs["head"], out.detach())
    deltas = taps.deltas(out.square().sum())
    out.square().sum().backward()
    for site in ("a", "b", "head"):
        torch.testing.assert_close(
            deltas[site].transpose(1, 2) @ taps.inputs[site], net.params[f"{site}.weight"].grad
        )
        torch.testing.assert_close(deltas[site].sum(1), net.params[f"{site}.bias"].grad)


def test_tap_of_a_loop_in_which_members_sit_out() -> None:
    net = Stack(Net, 3, form="loop")
    net.active = [0, 2]
    out, taps = net.tap(inputs())
    deltas = taps.deltas(out.sum())
    assert not deltas["b"][1].any()
    assert deltas["b"][0].any()
    assert not taps.inputs["b"][1].any()


@FORMS
def test_tap_leaves_out_modules_that_are_never_reached(form: str) -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(4, 2), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.used(x)
            return out

    out, taps = Stack(Spare, 2, form=form).tap(inputs(2))
    assert list(taps.inputs) == ["used"]
    assert list(taps.deltas(out.sum())) == ["used"]


@pytest.mark.parametrize("shape", [(2, 5, 4), (4, 5, 4), (15, 4)])
def test_another_first_dimension_than_the_members_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        StrategyError,
        match=(
            rf"a stack of 3, and the input's first dimension is {shape[0]}: \[R, B, ...\] is "
            r"wanted"
        ),
    ):
        Stack(Net, 3)(torch.zeros(shape))


@FORMS
def test_bf16_casts_parameters_and_input_and_gives_back_floats(form: str) -> None:
    net, exact = Stack(Net, 2, form=form, precision="bf16"), Stack(Net, 2, form=form)
    x = inputs(2)
    seen_types = []
    net.module.b.register_forward_hook(lambda module, given, out: seen_types.append(out.dtype))
    out = net(x)
    assert out.dtype == torch.float32
    assert set(seen_types[-1:]) == {torch.bfloat16}
    torch.testing.assert_close(out, exact(x), atol=0.03, rtol=0.03)
    assert not torch.equal(out, exact(x))
    out.sum().backward()
    for name, value in net.params.items():
        assert value.dtype == torch.float32
        assert value.grad is not None
        assert value.grad.dtype == torch.float32, name


@FORMS
@pytest.mark.parametrize("training", [True, False])
def test_bf16_runs_norms_and_dropout(form: str, training: bool) -> None:
    def model() -> nn.Module:
        return nn.Sequential(
            nn.Linear(4, 6),
            nn.BatchNorm1d(6),
            nn.LayerNorm(6),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(6, 3),
        )

    net, exact = (
        Stack(model, 2, form=form, precision=precision).train(training)
        for precision in ("bf16", "fp32")
    )
    torch.testing.assert_close(net(inputs(2, 16)), exact(inputs(2, 16)), atol=0.1, rtol=0.1)
    assert net.buffers["1.running_mean"].dtype == torch.float32


@FORMS
def test_in_bf16_all_that_leaves_a_stack_is_fp32_again(form: str) -> None:
    net, exact = Stack(Net, 2, form=form, precision="bf16"), Stack(Net, 2, form=form)
    x = inputs(2)
    out, seen = net(x, trace=True)
    assert {value.dtype for value in (out, *seen.values())} == {torch.float32}
    torch.testing.assert_close(net.part("head")(seen["two"]), out, atol=0.01, rtol=0.01)
    for one, other in zip(_deltas(net, x), _deltas(exact, x), strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, atol=0.03, rtol=0.03)


def _deltas(net: Stack, x: Tensor) -> list[Tensor]:
    out, taps = net.tap(x)
    return [*taps.inputs.values(), *taps.outputs.values(), *taps.deltas(out.sum()).values()]


def test_in_bf16_a_cpu_runs_member_by_member() -> None:
    """That a stack gives the bits of its members alone has been shown for floats."""
    assert Stack(Net, 2).form.name == "vmap"
    assert Stack(Net, 2, precision="bf16").form.name == "loop"
