from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clbench import Layer, Stack
from clbench_plugins.unit_metrics import ActivationSparsity, WeightMagnitude


class Net(nn.Module):
    """Two hidden layers whose activations are the input, cut off at 0, and the half of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.act1 = nn.Linear(4, 4), nn.ReLU()
        self.second, self.act2 = nn.Linear(4, 2), nn.ReLU()
        self.head = nn.Linear(2, 3)
        with torch.no_grad():
            for linear in (self.first, self.second):
                linear.weight.copy_(torch.eye(*linear.weight.shape))
                linear.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.act2(self.second(self.act1(self.first(x)))))
        return result

    def layers(self) -> list[Layer]:
        return [
            Layer("one", "act1", "first.weight", "first.bias", "second.weight", "second.bias"),
            Layer("two", "act2", "second.weight", "second.bias", "head.weight", "head.bias"),
        ]


class Probe:
    """What the engine would show: one batch, and one whose second sample only fills up."""

    def __init__(self, x: Tensor) -> None:
        self.net = Stack(Net, len(x))
        self.net.train(False)
        self.x = x

    def data(self, split: str, tasks: str, n: int) -> Iterator[Any]:
        assert (split, tasks) == ("test", "seen")
        yield SimpleNamespace(x=self.x, weights=torch.ones(self.x.shape[:2], dtype=torch.bool))
        weights = torch.ones(self.x.shape[:2], dtype=torch.bool)
        weights[:, 1] = False
        yield SimpleNamespace(x=self.x, weights=weights)


def test_sparsity_counts_zeros_and_weighs_layers_by_their_size() -> None:
    x = torch.tensor(
        [
            [[1.0, -1.0, 1.0, -1.0], [-1.0, -1.0, -1.0, -1.0]],
            [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]],
        ]
    )
    measured = ActivationSparsity().measure(Probe(x))
    # Member 0 counts sample 0 twice and sample 1 once: layer one has 2, 2 and 4 zeros of 4, layer
    # two 1, 1 and 2 of 2.
    torch.testing.assert_close(measured, torch.tensor([[12 / 18, 8 / 12, 4 / 6], [0.0, 0.0, 0.0]]))


def test_weight_magnitude_is_the_mean_over_all_parameters() -> None:
    probe = Probe(torch.zeros(2, 1, 4))
    with torch.no_grad():
        for number, parameter in enumerate(probe.net.parameters()):
            parameter[0].fill_(-float(number))
            parameter[1].fill_(2.0)
    measured = WeightMagnitude().measure(probe)  # type: ignore[arg-type]
    sizes = torch.tensor([16.0, 4.0, 8.0, 2.0, 6.0, 3.0])
    numbers = torch.arange(6.0)
    torch.testing.assert_close(
        measured[0], torch.cat([(sizes @ numbers / sizes.sum())[None], numbers])
    )
    torch.testing.assert_close(measured[1], torch.full((7,), 2.0))


@pytest.mark.parametrize("metric", [ActivationSparsity, WeightMagnitude])
def test_probes_leave_the_network_as_it_is(metric: Any) -> None:
    probe = Probe(torch.randn(2, 3, 4))
    before = [parameter.detach().clone() for parameter in probe.net.parameters()]
    state = torch.get_rng_state()
    first = metric().measure(probe)
    torch.testing.assert_close(first, metric().measure(probe), rtol=0, atol=0)
    assert all(
        torch.equal(old, new) for old, new in zip(before, probe.net.parameters(), strict=True)
    )
    assert torch.equal(state, torch.get_rng_state())
