"""The statistics of kernel plasticity, against worked examples and plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clbench_plugins.kernel_plasticity import changes, ranking

NAN = torch.nan


def test_change_of_a_kernel_over_its_cells() -> None:
    change = torch.tensor([[[[1.0, -3.0]], [[2.0, 2.0]]]])
    sizes = {
        stat: changes.size_of_change(change, stat)[0].tolist()
        for stat in ("signed", "absolute", "std")
    }
    assert sizes == {"signed": [-2.0, 4.0], "absolute": [4.0, 4.0], "std": [2.0, 0.0]}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1.0, -4.0, 2.0], [0.5, -2.0, 1.0]),
        ([-1.0, -4.0, -2.0], [-0.25, -1.0, -0.5]),  # the order stays as it is
        ([0.0, -4.0, 0.0], [0.0, -1.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_division_by_the_largest_is_guarded(values: Any, wanted: Any) -> None:
    given = torch.tensor([values])
    assert changes.divided_by_largest(given, of=given).tolist() == [wanted]


def test_unguarded_division_turns_the_order_round() -> None:
    given = torch.tensor([[-1.0, -4.0]])
    assert changes.divided_by_largest(given, of=given, unguarded=True).tolist() == [[1.0, 4.0]]


# Kernel 0 was sampled at 1, 2, 9 and 4, kernel 1 at 8 each time; the second member took two
# samples.
SAMPLES = [
    torch.tensor([[1.0, 8.0], [1.0, 8.0]]),
    torch.tensor([[2.0, 8.0], [3.0, 8.0]]),
    torch.tensor([[9.0, 8.0], [NAN, NAN]]),
    torch.tensor([[4.0, 8.0], [NAN, NAN]]),
]


@pytest.mark.parametrize(
    ("threshold", "wanted"),
    [
        ("mean", [[0.5, 1.0], [0.25, 1.0]]),
        ("median", [[0.375, 1.0], [0.25, 1.0]]),
        ("last", [[0.5, 1.0], [0.375, 1.0]]),
        # Standard deviations of sqrt(38 / 4) and 1, in units of the largest mean, 8.
        ("mean_plus_std", [[(4 + 9.5**0.5) / 8, 1.0], [0.375, 1.0]]),
    ],
)
def test_allowed_change_by_threshold(threshold: Any, wanted: Any) -> None:
    found = changes.allowed_change(SAMPLES, threshold)
    torch.testing.assert_close(found, torch.tensor(wanted))


def test_multipliers_on_a_worked_example() -> None:
    important = torch.tensor([[True, True, False, False]])
    breaks = torch.tensor([[True, False, True, False]])

    def found(high_lr: float, low_lr: float) -> Any:
        return changes.multipliers(important, breaks, high_lr=high_lr, low_lr=low_lr)[0].tolist()

    assert found(0.2, 0.8) == pytest.approx([0.2, 1.0, 1.2, 1.2])
    assert found(0.2, 1.0) == pytest.approx([0.0, 1.0, 1.2, 1.2])
    assert found(2000.0, 1.0) == [0.0, 1.0, 2001.0, 2001.0]
    assert found(0.0, 0.0) == [1.0, 1.0, 1.0, 1.0]


def test_activity_is_the_size_of_the_batch_s_sum_over_positions() -> None:
    u = torch.tensor([[[[[1.0, -2.0]], [[3.0, 0.0]]], [[[-4.0, -2.0]], [[1.0, 5.0]]]]])
    assert ranking.activity(u, None).tolist() == [[3.0 + 4.0, 4.0 + 5.0]]
    only_first = torch.tensor([[True, False]])
    u[0, 1] = NAN
    assert ranking.activity(u, only_first).tolist() == [[3.0, 3.0]]


def test_activity_of_a_dense_layer() -> None:
    u = torch.tensor([[[1.0, -2.0], [-3.0, -1.0]]])
    assert ranking.activity(u, None).tolist() == [[2.0, 3.0]]


def test_important_kernels_are_those_of_the_highest_scores() -> None:
    scores = torch.tensor([[1.0, 5.0, 5.0, 2.0], [4.0, 3.0, 2.0, 1.0]])
    assert ranking.largest(scores, 2).tolist() == [
        [False, True, True, False],
        [True, True, False, False],
    ]
    assert ranking.largest(torch.ones(1, 4), 2).tolist() == [[True, True, False, False]]


def test_number_of_important_kernels() -> None:
    assert ranking.number_of(96, 0.15) == 14
    assert ranking.number_of(96, 0.15, one_more=True) == 15
    assert ranking.number_of(96, 1.0, one_more=True) == 96


def kse_in_numpy(weight: Any, entropy_alone: bool) -> Any:
    """Of one network's layer `[N, C, h, w]`, channel by channel."""
    found = []
    for channel in range(weight.shape[1]):
        slices = weight[:, channel].reshape(len(weight), -1)
        density = []
        for n, own in enumerate(slices):
            distances = sorted(np.linalg.norm(own - other) for other in np.delete(slices, n, 0))
            density.append(sum(distances[:5]))
        share = np.array(density) / sum(density)
        entropy = -(share * np.log2(share)).sum()
        sparsity = np.abs(slices).sum()
        found.append(-entropy if entropy_alone else np.sqrt(sparsity / (1 + entropy)))
    values = np.array(found)
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize("entropy_alone", [False, True])
def test_kse_equals_plain_numpy(entropy_alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.randn(2, 9, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(ranking, "MOST_DISTANCES", 200)  # of two channels at a time
    found = ranking.kse(weight, channels=4, entropy_alone=entropy_alone)
    wanted = [kse_in_numpy(own.double().numpy(), entropy_alone) for own in weight]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9, atol=1e-12)


def test_kse_of_a_dense_layer_takes_the_columns_of_a_channel_together() -> None:
    weight = torch.randn(1, 9, 4, 3, 1, generator=torch.Generator().manual_seed(2))
    dense = weight.reshape(1, 9, 12)
    torch.testing.assert_close(ranking.kse(dense, channels=4), ranking.kse(weight, channels=4))


def test_kse_of_slices_that_are_all_alike_is_no_number_divided_by_zero() -> None:
    assert ranking.kse(torch.ones(1, 6, 3, 2, 2), channels=3).tolist() == [[0.0, 0.0, 0.0]]
    assert ranking.kse(torch.ones(1, 1, 3, 2, 2), channels=3).tolist() == [[0.0, 0.0, 0.0]]
