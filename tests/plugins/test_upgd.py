from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench.randomness import key
from clbench.stack.noise import Noise
from clbench_plugins.naive import Naive
from clbench_plugins.upgd import UPGD

STEPS = 30


class Noted(UPGD):
    """Keeps its batches and its first weights."""

    batches: ClassVar[list[tuple[Tensor, Tensor]]] = []
    start: ClassVar[list[Tensor]] = []

    def setup(self) -> None:
        super().setup()
        self.batches.clear()
        Noted.start = [p.detach().clone() for p in self.net.parameters()]

    def observe(self, batch: Batch) -> Tensor | None:
        self.batches.append((batch.x, batch.y))
        return super().observe(batch)


def by_hand(row: int, options: Any, lr: float, weight_decay: float) -> list[Tensor]:
    """One member after all batches, weight by weight as the paper writes it, in double
    precision.
    """
    weights = [value[row].double() for value in Noted.start]
    utilities = [torch.zeros_like(w) for w in weights]
    noise = Noise([key(row, 0, "noted/perturb")])
    decay = options.get("decay", 0.999)
    for t, (x, y) in enumerate(Noted.batches, start=1):
        grads = gradients_by_hand(weights, x[row], y[row])
        for u, g, w in zip(utilities, grads, weights, strict=True):
            u.mul_(decay).sub_((1 - decay) * g * w)
        corrected = [u / (1 - decay**t) for u in utilities]
        by = utilities if options.get("uncorrected_maximum") else corrected
        largest = max(float(u.max()) for u in by)
        sizes = [w.numel() for w in weights]
        drawn = noise.fast_normal(sum(sizes))[0].double().split(sizes)
        for place, (g, u) in enumerate(zip(grads, corrected, strict=True)):
            scaled = F.normalize(u, dim=-1) if options.get("scaling") == "local" else u / largest
            change = change_by_hand(g, scaled, drawn[place].view_as(g), options)
            kept = (1 - lr * weight_decay) * weights[place]
            weights[place] = kept - lr * options.get("step", 1.0) * change
    return weights


def gradients_by_hand(weights: list[Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """Of a network with one hidden layer."""
    leaves = [w.clone().requires_grad_() for w in weights]
    hidden = torch.relu(x.double().flatten(1) @ leaves[0].T + leaves[1])
    loss = F.cross_entropy(hidden @ leaves[2].T + leaves[3], y)
    return torch.autograd.grad(loss, leaves)


def change_by_hand(g: Tensor, scaled: Tensor, xi: Tensor, options: Any) -> Tensor:
    """The gradient with noise, of which the utility lets a share through."""
    sigma, share = options.get("noise", 0.001), 1 - torch.sigmoid(scaled)
    if options.get("protect", True):
        return (g + sigma * xi) * share
    return g + sigma * xi * share


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"noise": 0.05, "decay": 0.9},
        {"scaling": "local", "noise": 0.05, "decay": 0.9},
        {"protect": False, "noise": 0.05},
        {"step": 2.0, "uncorrected_maximum": True},
    ],
    ids=str,
)
def test_against_a_plain_reference(on_digits: Any, options: Any) -> None:
    """UPGD-W over thirty steps: the weight decay is that of SGD."""
    sgd = {"sgd": {"lr": 0.05, "weight_decay": 0.1}}
    bench = on_digits(Noted(**options), optimizer=sgd, steps=STEPS, model={"mlp": {"hidden": [8]}})
    strategy, loop = bench.start(0, 1)
    loop.task(strategy.session.streams.tasks[0])
    assert len(Noted.batches) == STEPS
    for row in (0, 1):
        wanted = by_hand(row, options, 0.05, 0.1)
        for value, hand, first in zip(strategy.net.parameters(), wanted, Noted.start, strict=True):
            torch.testing.assert_close(value[row].detach().double(), hand, rtol=1e-4, atol=1e-5)
            assert not torch.allclose(value[row].detach(), first[row], atol=1e-3)


def two_weights(
    on_digits: Any, weights: list[float], gradients: list[float], **options: Any
) -> Any:
    """The gated gradients of two entries of one bias; all others are 0."""
    strategy, _ = on_digits(UPGD(noise=0.0, **options)).start(0)
    for p in strategy.net.parameters():
        p.grad = torch.zeros_like(p)
    bias = strategy.net.named_parameters()["linear1.bias"]
    with torch.no_grad():
        bias[0, :2] = torch.tensor(weights)
        bias.grad[0, :2] = torch.tensor(gradients)
    strategy.adjust_gradients(None)
    return [float(value) for value in bias.grad[0, :2]]


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def test_two_weights_by_hand(on_digits: Any) -> None:
    """Utilities .5 and -.2: divided by the largest, 1 and -.4."""
    got = two_weights(on_digits, [1.0, -2.0], [-0.5, -0.1])
    assert got == pytest.approx([-0.5 * (1 - sigmoid(1.0)), -0.1 * (1 - sigmoid(-0.4))], rel=1e-5)


def test_two_weights_of_one_row_by_hand(on_digits: Any) -> None:
    """Utilities .3 and -.4 have the norm .5."""
    got = two_weights(on_digits, [1.0, -2.0], [-0.3, -0.2], scaling="local")
    assert got == pytest.approx([-0.3 * (1 - sigmoid(0.6)), -0.2 * (1 - sigmoid(-0.8))], rel=1e-5)


def test_without_a_useful_weight_the_least_useful_moves_most(on_digits: Any) -> None:
    """Utilities -.5 and -.1, and 0 for all others: divided by .5, and not by the largest, 0."""
    got = two_weights(on_digits, [1.0, 1.0], [0.5, 0.1])
    assert got == pytest.approx([0.5 * sigmoid(1.0), 0.1 * sigmoid(0.2)], rel=1e-5)


def test_no_gradient_at_all_moves_nothing(on_digits: Any) -> None:
    assert two_weights(on_digits, [1.0, 1.0], [0.0, 0.0]) == [0.0, 0.0]


def test_the_whole_step_is_twice_the_gate_of_no_utility(on_digits: Any) -> None:
    got = two_weights(on_digits, [1.0, 0.0], [-0.5, -0.1], step=2.0)
    assert got[1] == pytest.approx(-0.1, rel=1e-6)


def test_ungated_and_without_noise_it_is_naive(on_digits: Any) -> None:
    plain, mine = (
        on_digits(one, tasks=2).run(0, 1) for one in (Naive, UPGD(protect=False, noise=0.0))
    )
    np.testing.assert_array_equal(plain.loss, mine.loss)
