"""Sums of squared gradients of single examples, against one backward pass an example."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.stack import Stack
from clbench.stack.per_example import absolute_gradients, squared_gradients, weight_gradient

FORMS = pytest.mark.parametrize("form", ["loop", "vmap"])
FLAT, IMAGE, SERIES = (5,), (2, 7, 6), (4, 5)


class Recurrent(nn.Module):
    """One linear layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.act, self.head = nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.act(self.step(self.act(self.step(x)))))
        return out


class Masked(nn.Linear):
    """A linear layer that uses its weight in a way of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight.square(), self.bias)


class Spare(nn.Module):
    """A layer that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.spare, self.head = nn.Linear(5, 2), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x)
        return out


def convolutions(**options: object) -> nn.Module:
    first = nn.Conv2d(2, 3, (3, 2), **options)  # type: ignore[arg-type]
    width = nn.Flatten()(first(torch.zeros(1, *IMAGE))).shape[1]
    return nn.Sequential(first, nn.Tanh(), nn.Flatten(), nn.Linear(width, 3))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3, bias=False)),
        FLAT,
    ),
    "convolution": (convolutions, IMAGE),
    "stride and padding": (lambda: convolutions(stride=(2, 1), padding=(1, 2), bias=False), IMAGE),
    "dilation": (lambda: convolutions(dilation=2), IMAGE),
    "padding by name": (lambda: convolutions(padding="valid"), IMAGE),
    "circular padding": (lambda: convolutions(padding=1, padding_mode="circular"), IMAGE),
    "groups": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(80, 3)),
        IMAGE,
    ),
    "modules that write in place": (
        lambda: nn.Sequential(
            nn.Linear(5, 4),
            nn.ReLU(inplace=True),
            nn.Linear(4, 3),
            nn.Tanh(),
            nn.Linear(3, 3),
            nn.Hardtanh(inplace=True),
        ),
        FLAT,
    ),
    "layer norm": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 3)),
        FLAT,
    ),
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)),
        FLAT,
    ),
    "a layer used twice": (Recurrent, FLAT),
    "rows of a series": (
        lambda: nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 3)),
        SERIES,
    ),
    "a linear layer of its own kind": (
        lambda: nn.Sequential(Masked(5, 3), nn.Tanh(), nn.Linear(3, 3)),
        FLAT,
    ),
    "a layer never used": (Spare, FLAT),
}


def log_p(out: Tensor) -> Tensor:
    return out.log_softmax(2)


def one_by_one(
    net: Stack,
    x: Tensor,
    functions: Callable[[Tensor], Tensor],
    weights: Tensor,
    measure: Callable[[Tensor], Tensor] = torch.square,
) -> list[Tensor]:
    total = [torch.zeros_like(p) for p in net.parameters()]
    for b in range(x.shape[1]):
        values = functions(net(x[:, b : b + 1]))
        for k in range(values.shape[2]):
            gradients = torch.autograd.grad(
                values[:, 0, k].sum(), net.parameters(), retain_graph=True, materialize_grads=True
            )
            for sum_, gradient in zip(total, gradients, strict=True):
                sum_ += weights[:, b, k].view(-1, *(1,) * (gradient.dim() - 1)) * measure(gradient)
    return [value.detach() for value in total]


@FORMS
@pytest.mark.parametrize("name", MODELS)
def test_against_one_gradient_an_example(name: str, form: str) -> None:
    factory, shape = MODELS[name]
    net = Stack(lambda: factory().double(), 2, form=form)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 19, *shape, generator=generator, dtype=torch.float64)
    net(x)
    net.eval()
    weights = torch.rand(2, 19, 3, generator=generator, dtype=torch.float64)
    found = squared_gradients(net, x, log_p, weights)
    for got, wanted in zip(found, one_by_one(net, x, log_p, weights), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-12)
    assert not any(value.requires_grad for value in found)
    assert all(value.grad is None for value in net.parameters())
    sizes = absolute_gradients(net, x, log_p, weights)
    for got, wanted in zip(sizes, one_by_one(net, x, log_p, weights, torch.abs), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-12)


@FORMS
def test_fisher_of_a_linear_softmax_model_in_closed_form(form: str) -> None:
    """F of weight (c, i): E_x [ p_c (1 - p_c) x_i^2 ]."""
    net = Stack(lambda: nn.Linear(4, 3).double(), 2, form=form).eval()
    x = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    p = net(x).softmax(2).detach()
    weight, bias = squared_gradients(net, x, log_p, p)
    variance = p * (1 - p)
    torch.testing.assert_close(weight / 50, variance.transpose(1, 2) @ x.square() / 50)
    torch.testing.assert_close(bias / 50, variance.mean(1))


@FORMS
def test_squared_error_of_a_linear_model_in_closed_form(form: str) -> None:
    """f = (w x - y)^2 / 2: the gradient is (w x - y) x."""
    net = Stack(lambda: nn.Linear(3, 2, bias=False).double(), 2, form=form)
    x = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (weight,) = squared_gradients(
        net, x, lambda out: 0.5 * out.square(), torch.ones(2, 9, 2, dtype=torch.float64)
    )
    out = net(x).detach()
    torch.testing.assert_close(weight, (out.square().transpose(1, 2) @ x.square()))


@FORMS
@pytest.mark.parametrize("name", ["linear", "layer norm"])
def test_examples_without_weight_do_not_count(name: str, form: str) -> None:
    """As rows that only fill a batch up, whatever is in them."""
    factory, shape = MODELS[name]
    net = Stack(factory, 2, form=form).eval()
    x = torch.randn(2, 6, *shape)
    weights = torch.rand(2, 6, 3)
    weights[:, 4:] = 0
    kept = squared_gradients(net, x[:, :4], log_p, weights[:, :4])
    x[:, 4:] = 100.0
    for got, wanted in zip(squared_gradients(net, x, log_p, weights), kept, strict=True):
        torch.testing.assert_close(got, wanted)


def test_a_members_squares_do_not_depend_on_the_others() -> None:
    """Layer norm has no factors, so every example gets its own gradient: bit for bit alone as in a
    stack.
    """

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(64, 30), nn.LayerNorm(30), nn.ReLU(), nn.Linear(30, 10))

    def squares(seeds: list[int]) -> list[Tensor]:
        net = Stack(model, [(seed, 0) for seed in seeds], form="vmap")
        net.eval()
        x = torch.stack(
            [torch.rand(40, 64, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        )
        found = squared_gradients(
            net, x, lambda out: out.log_softmax(2), net(x).softmax(2).detach()
        )
        return [value[seeds.index(3)] for value in found]

    for alone, among in zip(squares([3]), squares([0, 1, 2, 3, 4]), strict=True):
        assert torch.equal(alone, among)


@FORMS
@pytest.mark.parametrize(
    "name", ["linear", "convolution", "stride and padding", "rows of a series"]
)
def test_the_gradient_of_a_weight_from_its_factors(name: str, form: str) -> None:
    factory, shape = MODELS[name]
    net = Stack(lambda: factory().double(), 2, form=form)
    x = torch.randn(2, 5, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    out, taps = net.tap(x)
    loss = out.square().sum()
    deltas = taps.deltas(loss)
    loss.backward()
    for site, delta in deltas.items():
        found = weight_gradient(net, site, taps.inputs[site], delta)
        torch.testing.assert_close(found, net.params[f"{site}.weight"].grad)


def test_a_layer_without_factors_is_named() -> None:
    net = Stack(lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), 2)
    with pytest.raises(StrategyError, match="'1' is a LayerNorm"):
        weight_gradient(net, "1", torch.zeros(2, 1, 4), torch.zeros(2, 1, 4))
