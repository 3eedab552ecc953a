"""How weights are cut into chunks, and where the head's lie among them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clbench.stack import Stack
from clbench_plugins.hypernetwork.generator import chunk_size_of
from clbench_plugins.hypernetwork.inference import UNLIKELY, entropy, surest
from clbench_plugins.hypernetwork.protection import head_spans, net_outputs, row_of
from tests.stack.networks import Net


@pytest.mark.parametrize(
    ("weights", "size", "chunks", "expected"),
    [
        (100, None, None, 10),
        (101, None, None, 11),  # ten chunks, the last one not used to its end
        (100, None, 3, 34),
        (100, 7, None, 7),
        (100, 1000, None, 100),
        (3, None, 10, 1),
    ],
)
def test_a_chunk_is_of_the_size_asked_for_or_one_of_so_many(
    weights: int, size: int | None, chunks: int | None, expected: int
) -> None:
    assert chunk_size_of(weights, size, chunks) == expected


def test_the_heads_parameters_lie_at_the_end_of_the_row_of_all_weights() -> None:
    net = Stack(Net, 2)
    before = 4 * 6 + 6 + 6 * 5 + 5  # of the two hidden layers
    assert head_spans(net) == [(before, before + 15, 3), (before + 15, before + 18, 3)]
    assert net_outputs(net) == 3
    total = sum(value[0].numel() for value in net.parameters())
    assert head_spans(net)[-1][1] == total


def test_a_row_is_the_same_for_all_or_another_one_for_each() -> None:
    table = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert row_of(table, 1).tolist() == [2, 5]
    assert row_of(table, torch.tensor([2, 0])).tolist() == [3, 4]


def logits(*rows: list[float]) -> Tensor:
    """Of one member, a sample a row."""
    return torch.tensor([rows])


def test_an_entropy_is_that_of_the_soft_max() -> None:
    found = entropy(logits([0.0, 0.0], [0.0, -torch.inf]))
    torch.testing.assert_close(found, torch.tensor([[2.0, 1.0]]).log())


def test_every_sample_takes_the_network_that_is_surest_of_it() -> None:
    unsure, sure = logits([0.0, 0.1], [9.0, 0.0]), logits([0.0, 9.0], [0.1, 0.0])
    assert torch.equal(surest([unsure, sure]), logits([0.0, 9.0], [9.0, 0.0]))


def test_of_equally_sure_networks_the_first_one_counts() -> None:
    first, second = logits([1.0, 0.0]), logits([0.0, 1.0])
    assert torch.equal(surest(iter([first, second])), first)


def test_outputs_that_were_left_out_become_very_unlikely_and_stay_numbers() -> None:
    found = surest([logits([0.0, -torch.inf])])
    assert found.tolist() == [[[0.0, UNLIKELY]]]
