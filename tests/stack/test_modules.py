from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.stack import Stack
from clbench.stack.generators import Snapshot
from clbench.stack.modules import Dropout, build


def dropping(p: float = 0.25) -> nn.Module:
    return nn.Sequential(nn.Identity(), nn.Dropout(p))


def masks(net: Stack, forwards: int = 1, size: int = 400) -> Tensor:
    """What is kept of ones."""
    return torch.stack([net(torch.ones(net.members, size, 8)) for _ in range(forwards)])


# ---------------------------------------------------------------------------------------- building


def test_a_member_is_built_under_its_own_seed_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, other = (build(lambda: nn.Linear(3, 2), (1, 0), "init") for _ in range(2))
    different = [
        build(lambda: nn.Linear(3, 2), *who)
        for who in (((2, 0), "init"), ((1, 1), "init"), ((1, 0), "teacher"))
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.weight, other.weight)
    for module in different:
        assert not torch.equal(one.weight, module.weight)


def test_members_of_one_stack_have_one_shape() -> None:
    widths = iter([3, 4])
    with pytest.raises(StrategyError, match="networks of different shapes for different seeds"):
        Stack(lambda: nn.Linear(2, next(widths)), 2)


# ---------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_dropout_keeps_the_mean_and_scales_what_is_left(form: str) -> None:
    out = masks(Stack(lambda: dropping(0.25), 3, form=form), forwards=5)
    torch.testing.assert_close(out.unique(), torch.tensor([0.0, 4 / 3]))
    torch.testing.assert_close(out.mean(dim=(0, 2, 3)), torch.ones(3), atol=0.03, rtol=0)


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_dropout_is_a_function_of_the_member_and_of_its_forwards(form: str) -> None:
    out = masks(Stack(dropping, [(3, 0), (3, 1), (4, 0)], form=form), forwards=3)
    again = masks(Stack(dropping, [(4, 0), (3, 0)], form="loop"), forwards=3)
    assert torch.equal(out[:, 0], again[:, 1])
    assert torch.equal(out[:, 2], again[:, 0])
    for a, b in (
        (out[0, 0], out[0, 1]),
        (out[0, 0], out[0, 2]),
        (out[0, 0], out[1, 0]),
        (out[1, 0], out[2, 0]),
    ):
        assert 0.5 < (a == b).float().mean() < 0.7  # 0.75^2 + 0.25^2 = 0.625 by chance


def test_dropout_of_two_layers_differs() -> None:
    net = Stack(lambda: nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)), 1)
    assert masks(net).mean() == pytest.approx(1.0, abs=0.1)
    assert (masks(net) == 4.0).float().mean() == pytest.approx(0.25, abs=0.03)


def test_dropout_does_nothing_in_evaluation_and_does_not_count_there() -> None:
    trained_only, looked_at = Stack(dropping, 2), Stack(dropping, 2)
    first = masks(trained_only), masks(looked_at)
    assert masks(looked_at.eval()).eq(1.0).all()
    looked_at.train()
    assert torch.equal(*first)
    assert torch.equal(masks(trained_only), masks(looked_at))


@pytest.mark.parametrize(("p", "kept"), [(0.0, 1.0), (1.0, 0.0)])
def test_dropout_of_nothing_and_of_everything(p: float, kept: float) -> None:
    assert masks(Stack(lambda: dropping(p), 2)).eq(kept).all()


def test_gradients_flow_through_what_is_kept() -> None:
    net = Stack(dropping, 2)
    x = torch.ones(2, 3, 8, requires_grad=True)
    out = net(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


class TwicePlaced(nn.Module):
    """One dropout that hangs in two places, and is used in both."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.body = nn.Sequential(nn.Identity(), self.drop)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.drop(self.body(x))
        return out


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_dropout_in_two_places_is_replaced_in_both(form: str) -> None:
    net = Stack(TwicePlaced, 2, form=form)
    assert isinstance(net.module.drop, Dropout)
    assert net.module.body[1] is net.module.drop
    assert (masks(net) == 4.0).float().mean() == pytest.approx(0.25, abs=0.03)
    assert net.buffers["drop.count"].tolist() == [2, 2]


# ---------------------------------------------------------------------------------------- global
# randomness


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


class Careless(nn.Module):
    """Draws in its own forward, not in a child's."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(nn.functional.dropout(x, 0.5))
        return out


class ByOthers(nn.Module):
    """Noise from NumPy or Python."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__()
        self.draw = draw
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x + float(self.draw()))
        return out


@pytest.mark.parametrize("form", ["loop", "vmap"])
@pytest.mark.parametrize(
    ("factory", "named"),
    [
        (
            lambda: nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU(), Noisy())),
            r"1\.1 \(Noisy\)",
        ),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.AlphaDropout(0.5)), r"1 \(AlphaDropout\)"),
        (Careless, r"the model \(Careless\)"),
        (lambda: ByOthers(np.random.rand), r"the model \(ByOthers\) draws from NumPy's"),
        (lambda: ByOthers(random.random), r"the model \(ByOthers\) draws from Python's"),
    ],
    ids=["child", "another dropout", "own forward", "numpy", "python"],
)
def test_a_model_that_draws_from_the_global_generator_is_refused(
    factory: type[nn.Module], named: str, form: str
) -> None:
    net = Stack(factory, 2, form=form)
    before = Snapshot(torch.device("cpu"))
    for _ in range(2):  # asking again does not get round it
        with pytest.raises(StrategyError, match=named + ".*global generator"):
            net(torch.ones(2, 4, 3))
    assert before.moved() == []


def test_initial_weights_from_numpy_and_python_are_under_the_members_seed() -> None:
    """Some models draw their weights with NumPy: under the seed, and the process's generators
    stay.
    """

    def factory() -> nn.Module:
        made = nn.Linear(3, 2)
        nn.init.constant_(made.bias, random.random())
        made.weight.data = torch.from_numpy(np.random.randn(2, 3)).float()
        return made

    before = Snapshot(torch.device("cpu"))
    one, other = Stack(factory, 3), Stack(factory, [(2, 0)])
    assert before.moved() == []
    assert torch.equal(one.params["weight"][2], other.params["weight"][0])
    assert torch.equal(one.params["bias"][2], other.params["bias"][0])
    assert not torch.equal(one.params["weight"][0], one.params["weight"][1])


@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_a_model_that_returns_a_tuple_is_named(form: str) -> None:
    class Pair(nn.Linear):
        """Gives its features, too."""

        def forward(self, x: Tensor) -> Any:
            return super().forward(x), x

    with pytest.raises(StrategyError, match="the model Pair returns a tuple from its forward"):
        Stack(lambda: Pair(3, 2), 2, form=form)(torch.ones(2, 4, 3))


def test_a_model_that_assigns_to_a_buffer_is_refused() -> None:
    """Its members' own values would be lost without a word."""

    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.seen = self.seen + len(x)
            out: Tensor = self.head(x)
            return out

    with pytest.raises(
        StrategyError, match=r"Counter assigns to its buffer seen .* in place \(copy_, add_\)"
    ):
        Stack(Counter, 2)(torch.ones(2, 4, 3))


def test_the_check_leaves_statistics_and_modes_alone() -> None:
    net = Stack(lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), 2).eval()
    net(torch.randn(2, 4, 3))
    assert net.buffers["0.num_batches_tracked"].tolist() == [0, 0]
    assert not net.training
    assert not net.module.training
