"""One Hebbian step: by hand, and what is true of every one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench_plugins.softhebb import rule


def test_a_step_by_hand() -> None:
    """x = (1, 0), w1 = (1.2, 1.6), w2 = (0, 2), t = 1, a rate of 0.08."""
    w, x = torch.tensor([[1.2, 1.6], [0.0, 2.0]]), torch.tensor([[1.0], [0.0]])
    u = x.t() @ w.t()
    torch.testing.assert_close(u, torch.tensor([[1.2, 0.0]]))
    y = rule.compete(u, 1.0, "soft_krotov", 2, 0.0)
    torch.testing.assert_close(y, torch.tensor([[0.768525, -0.231475]]), atol=1e-6, rtol=0)
    delta = -rule.gradient(w, x, u, y)
    wanted = torch.tensor([[-0.229167, -1.0], [-0.156872, 0.0]])
    torch.testing.assert_close(delta, wanted, atol=1e-6, rtol=0)
    rate = rule.adaptive_rate(w, 0.08, 0.5)
    torch.testing.assert_close(rate, torch.tensor([0.08, 0.08]))
    moved = w + rate[:, None] * delta
    wanted = torch.tensor([[1.181667, 1.52], [-0.012550, 2.0]])
    torch.testing.assert_close(moved, wanted, atol=1e-6, rtol=0)


def some(seed: int = 0, positions: int = 13, units: int = 7, inputs: int = 5) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(units, inputs, generator=generator)
    x = torch.randn(inputs, positions, generator=generator)
    return w, x, x.t() @ w.t()


def test_the_step_is_a_sum_over_positions() -> None:
    w, x, u = some()
    y = rule.compete(u, 0.7, "soft_krotov", 2, 0.0)
    delta = torch.zeros_like(w)
    for p in range(len(u)):
        for k in range(len(w)):
            delta[k] += y[p, k] * (x[:, p] - u[p, k] * w[k])
    torch.testing.assert_close(-rule.gradient(w, x, u, y), delta / delta.abs().max())
    assert rule.gradient(w, x, u, y).abs().max() == 1.0


def test_shares_sum_to_1_and_krotov_turns_all_but_one_over() -> None:
    _, _, u = some()
    soft = rule.compete(u, 0.7, "soft", 2, 0.0)
    torch.testing.assert_close(soft.sum(1), torch.ones(len(u)))
    krotov = rule.compete(u, 0.7, "soft_krotov", 2, 0.0)
    torch.testing.assert_close(krotov.abs(), soft)
    assert torch.equal(krotov > 0, F.one_hot(u.argmax(1), u.shape[1]).bool())


def test_of_equal_units_one_wins() -> None:
    u = torch.tensor([[1.0, 2.0, 2.0]])
    y = rule.compete(u, 1.0, "soft_krotov", 2, 0.0)
    assert (y > 0).tolist() == [[False, True, False]]
    assert rule.compete(u, 1.0, "hard", 2, 0.0).tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize("competition", ["soft", "soft_krotov"])
def test_a_high_inverse_temperature_is_hard(competition: Any) -> None:
    _, _, u = some()
    hard = rule.compete(u, 1.0, "hard", 2, 0.0)
    torch.testing.assert_close(rule.compete(u, 1e6, competition, 2, 0.0), hard)


@pytest.mark.parametrize(
    ("competition", "base"), [("soft_ranked", "soft"), ("hard_ranked", "hard")]
)
def test_one_rank_is_turned_over(competition: Any, base: Any) -> None:
    _, _, u = some()
    third = u.sort(dim=1, descending=True).indices[:, 2:3]
    share = rule.compete(u, 1.0, base, 2, 0.0)
    before = share.gather(1, third) if base == "soft" else torch.ones(len(u), 1)
    wanted = share.scatter(1, third, -0.4 * before)
    torch.testing.assert_close(rule.compete(u, 1.0, competition, 3, 0.4), wanted)


def test_a_norm_of_1_leaves_a_hundred_thousandth_of_the_rate() -> None:
    w = torch.tensor([[1.0, 0.0], [0.0, -3.0]])
    rate = rule.adaptive_rate(w, 0.08, 0.5)
    torch.testing.assert_close(rate, torch.tensor([0.08 * 1e-5, 0.08 * 2**0.5]))


def test_patches_are_what_a_convolution_sees() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 6, 5, generator=generator)
    w = torch.randn(2, 3, 3, 3, generator=generator)
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    u = rule.patches(padded.transpose(0, 1), 3).t() @ w.flatten(1).t()
    wanted = F.conv2d(padded, w).permute(0, 2, 3, 1).reshape(-1, 2)
    torch.testing.assert_close(u, wanted)


def test_a_bias_is_at_rest_at_its_units_mean_share() -> None:
    _, _, u = some()
    share = rule.compete(u, 2.0, "soft", 2, 0.0)
    prior = share.mean(0)
    bias = prior.log() / 2.0
    change = (share.sum(0) - len(u) * prior) / prior
    assert change.abs().max() < 1e-4
    lower = torch.full_like(bias, -3.0)
    wanted = (share.sum(0) - len(u) * (2 * lower).exp()) / (2 * lower).exp()
    torch.testing.assert_close(-rule.bias_gradient(lower, share, 2.0), wanted / wanted.abs().max())
