"""One Hebbian update, as other parts see and change it, and that of the head."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench_plugins.softhebb.rule import adaptive_rate, compete, largest, patches, winner_alone
from clbench_plugins.softhebb.step import HebbianStep, labels_win


def weight() -> Tensor:
    """Of two members with three units of two inputs."""
    return torch.ones(2, 3, 2)


def step(bias: bool = False) -> tuple[HebbianStep, dict[str, Tensor]]:
    named = {"body.block1.linear.weight": weight()}
    found = {"gradient": torch.full((2, 3, 2), 0.5), "rate": torch.full((2, 3), 0.1)}
    if bias:
        named["body.block1.linear.bias"] = torch.zeros(2, 3)
        found["bias_gradient"] = torch.ones(2, 3)
    net = SimpleNamespace(named_parameters=lambda: named)
    return HebbianStep("block1", "body.block1.linear", net, found, bias_rate=2.0), named


def test_a_step_moves_weights_by_rate_times_change_and_forgets_it() -> None:
    made, named = step()
    made.begin()
    made.finish()
    moved = named[made.weight]
    torch.testing.assert_close(moved, torch.full((2, 3, 2), 1.0 - 0.1 * 0.5))
    assert moved.grad is None


def test_the_change_is_minus_what_stands_where_a_gradient_does() -> None:
    made, named = step()
    made.begin()
    assert torch.equal(named[made.weight].grad, torch.full((2, 3, 2), 0.5))
    assert torch.equal(made.delta, torch.full((2, 3, 2), -0.5))


def test_other_parts_may_turn_down_the_rate_of_single_units() -> None:
    made, named = step()
    made.begin()
    made.modulate(torch.tensor([[1.0, 0.0, 2.0], [1.0, 1.0, 1.0]]))
    made.finish()
    torch.testing.assert_close(named[made.weight][0, :, 0], torch.tensor([0.95, 1.0, 0.9]))
    torch.testing.assert_close(named[made.weight][1, :, 0], torch.full((3,), 0.95))


def test_who_takes_the_gradient_away_lets_the_weights_stand_still() -> None:
    made, named = step()
    made.begin()
    named[made.weight].grad = None
    made.finish()
    assert torch.equal(named[made.weight], weight())


def test_biases_have_a_rate_beside_the_units() -> None:
    made, named = step(bias=True)
    made.begin()
    made.finish()
    # 0.1 of the unit, times 2.
    torch.testing.assert_close(named["body.block1.linear.bias"], torch.full((2, 3), -0.2))


def test_a_step_that_is_over_has_no_change() -> None:
    made, _ = step()
    with pytest.raises(AssertionError, match="the step is over"):
        _ = made.delta


# ---------------------------------------------------------------------- the head


def test_the_head_learns_as_if_the_label_had_won() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(6, 4, generator=generator), torch.tensor([0, 1, 2, 0, 1, 2])
    w = torch.rand(3, 4, generator=generator)
    found = labels_win({"head.weight": w}, x, y, torch.tensor(0.5), rate=0.2)
    u = (x @ w.T).numpy()
    expected = np.zeros((3, 4))
    for sample, label in enumerate(y.tolist()):
        # Oja's rule for the unit of the label: x - u w.
        expected[label] += x[sample].numpy() - u[sample, label] * w[label].numpy()
    expected /= np.abs(expected).max()
    np.testing.assert_allclose(-found["gradient"].numpy(), expected, atol=1e-6)
    assert found["rate"].tolist() == pytest.approx([0.1, 0.1, 0.1])
    np.testing.assert_allclose(found["u"].numpy(), u)


def test_a_class_without_a_sample_stays_where_it_is() -> None:
    x = torch.rand(4, 2, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 0, 2, 2])
    found = labels_win({"head.weight": torch.ones(3, 2)}, x, y, torch.tensor(1.0), rate=1.0)
    assert not found["gradient"][1].any()
    assert found["gradient"][0].any()


# ---------------------------------------------------------------------- the rule

U = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])


def test_the_winner_takes_all_or_the_shares_are_soft() -> None:
    assert winner_alone(U).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert torch.equal(compete(U, 1.0, "hard", rank=2, factor=0.5), winner_alone(U))
    torch.testing.assert_close(compete(U, 2.0, "soft", 2, 0.5), (2.0 * U).softmax(1))


def test_all_but_the_winner_unlearn() -> None:
    share = U.softmax(1)
    found = compete(U, 1.0, "soft_krotov", 2, 0.5)
    signs = torch.tensor([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0]])
    torch.testing.assert_close(found, signs * share)


@pytest.mark.parametrize(("rank", "losers"), [(2, [2, 2]), (3, [1, 0])])
def test_the_unit_of_a_rank_unlearns_alone(rank: int, losers: list[int]) -> None:
    share = U.softmax(1)
    soft = compete(U, 1.0, "soft_ranked", rank, factor=0.5)
    hard = compete(U, 1.0, "hard_ranked", rank, factor=0.5)
    for row, loser in enumerate(losers):
        assert soft[row, loser].item() == pytest.approx(-0.5 * share[row, loser].item())
        assert hard[row, loser] == -0.5
        others = [unit for unit in range(3) if unit != loser]
        torch.testing.assert_close(soft[row, others], share[row, others])


def test_a_kernel_sees_its_window_at_every_position() -> None:
    images = torch.arange(2.0 * 1 * 3 * 3).view(2, 1, 3, 3)  # [C, B, H, W]
    seen = patches(images, 2)
    # 2 channels of 2 x 2 pixels, at 2 x 2 positions.
    assert seen.shape == (8, 4)
    assert seen[:, 0].tolist() == [0.0, 1.0, 3.0, 4.0, 9.0, 10.0, 12.0, 13.0]
    assert seen[0].tolist() == [0.0, 1.0, 3.0, 4.0]


def test_the_largest_change_is_without_its_sign() -> None:
    assert largest(torch.tensor([1.0, -3.0])).item() == 3.0
    assert largest(torch.tensor([2.0, -1.0])).item() == 2.0


def test_a_unit_whose_norm_is_1_is_at_rest() -> None:
    rows = torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    rates = adaptive_rate(rows, rate=0.1, exponent=0.5)
    # 0.1 * |norm - 1|^0.5, for norms of 1, 5 and 0.
    assert rates.tolist() == pytest.approx([0.0, 0.2, 0.1], abs=1e-5)
