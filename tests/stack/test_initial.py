from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import nn

from clbench import Stack
from clbench.errors import StrategyError
from clbench.host import Host
from clbench.randomness import key
from clbench.stack.noise import Noise

SEEDS = [(0, 0), (1, 0), (2, 0)]


class Odd(nn.Module):
    """Every way to begin: torch's own, by name, by hand; and two that are no single draw."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 4)
        self.norm = nn.BatchNorm1d(4)
        self.gauss = nn.Parameter(torch.empty(500))
        nn.init.normal_(self.gauss, 2.0, std=0.5)
        self.xavier = nn.Parameter(torch.empty(3, 5))
        nn.init.xavier_uniform_(self.xavier)
        self.hand = nn.Parameter(torch.randn(7))
        self.full = nn.Parameter(torch.ones(2))
        self.scaled = nn.Parameter(0.1 * torch.randn(7))
        self.mixed = nn.Parameter(torch.randn(8))
        nn.init.zeros_(self.mixed.data[:4])
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.linear(x)))


def test_what_is_drawn_from_is_found() -> None:
    names = ["linear.weight", "norm.weight", "norm.bias", "gauss", "xavier", "hand", "full"]
    found = Stack(Odd, SEEDS).initial_distributions(names)
    bound = 6**-0.5
    assert found["linear.weight"].kind == "uniform"
    assert found["linear.weight"].second == pytest.approx(bound)
    assert found["linear.weight"].first == pytest.approx(-bound)
    assert (found["norm.weight"].kind, found["norm.weight"].first) == ("constant", 1.0)
    assert (found["norm.bias"].kind, found["norm.bias"].first) == ("constant", 0.0)
    assert (found["gauss"].kind, found["gauss"].first, found["gauss"].second) == ("normal", 2, 0.5)
    assert found["xavier"].second == pytest.approx((6 / 8) ** 0.5)
    assert (found["hand"].kind, found["hand"].second) == ("normal", 1.0)
    assert (found["full"].kind, found["full"].first) == ("constant", 1.0)


@pytest.mark.parametrize("name", ["scaled", "mixed"])
def test_what_is_no_single_draw_is_refused_by_name(name: str) -> None:
    with pytest.raises(StrategyError, match=f"draws its initial {name} by more than one call"):
        Stack(Odd, SEEDS).initial_distributions(["linear.weight", name])


def test_fresh_weights_are_distributed_as_initial_ones() -> None:
    """Mean, deviation and shape of every parameter of the built-in network, against networks that
    are built.
    """
    mlp = Host.load().get("model", "mlp")

    def factory() -> nn.Module:
        return mlp((1, 8, 8), 10, hidden=(50,), norm="layer")

    built = Stack(factory, [(seed, 0) for seed in range(40)]).named_parameters()
    net = Stack(factory, SEEDS)
    noise = Noise([key(*member, "fresh") for member in SEEDS])
    drawn = [net.fresh(built, noise) for _ in range(20)]
    for name, value in built.items():
        mine = torch.cat([one[name] for one in drawn])
        assert drawn[0][name].shape == net.params[name].shape
        if value.std() == 0:
            assert torch.equal(mine.unique(), value.detach().unique())
        else:
            pair = (mine.flatten().numpy(), value.detach().flatten().numpy())
            assert stats.ks_2samp(*pair).pvalue > 1e-4


def test_fresh_weights_are_each_members_own() -> None:
    """The same alone and in a stack, others for each member and at each draw."""

    def noise(*members: tuple[int, int]) -> Noise:
        return Noise([key(*member, "fresh") for member in members])

    names = ["linear.weight", "linear.bias", "gauss"]
    stack, alone = Stack(Odd, SEEDS), Stack(Odd, SEEDS[1:2])
    together, single = noise(*SEEDS), noise(SEEDS[1])
    first, second = stack.fresh(names, together), stack.fresh(names, together)
    for drawn in (first, second):
        own = alone.fresh(names, single)
        for name in names:
            assert torch.equal(drawn[name][1], own[name][0])
            assert not torch.equal(drawn[name][0], drawn[name][1])
    assert not torch.equal(first["gauss"], second["gauss"])
