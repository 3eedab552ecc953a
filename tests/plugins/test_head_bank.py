"""Heads of members that may have unequal numbers of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clbench_plugins.multihead_swap.bank import HeadBank

CLASSES = 3


def head(value: float, members: int = 2) -> dict[str, Tensor]:
    """The networks' heads, filled with a number."""
    return {
        "weight": torch.full((members, CLASSES, 4), value),
        "bias": torch.full((members, CLASSES), value),
    }


def outputs(*chosen: list[int]) -> Tensor:
    """`[R, C]`: which outputs a head is trained on, for each member."""
    flags = torch.zeros(len(chosen), CLASSES, dtype=torch.bool)
    for row, own in enumerate(chosen):
        flags[row, own] = True
    return flags


@pytest.fixture
def bank() -> HeadBank:
    """Both members train head 0; the second one has head 1 from before."""
    bank = HeadBank(head(0.0), CLASSES)
    bank.begin(torch.tensor([0, 0]), outputs([0], [0]))
    bank.store(head(1.0))
    bank.begin(torch.tensor([0, 1]), outputs([1], [2]))
    return bank


def test_an_untrained_network_has_one_head_that_counts_everywhere() -> None:
    bank = HeadBank(head(0.0), CLASSES)
    assert bank.exists.tolist() == [[True], [True]]
    assert bank.outputs.all()
    assert bank.count.tolist() == [0, 0]


def test_the_table_is_as_wide_as_the_most_heads(bank: HeadBank) -> None:
    assert bank.width == 2
    assert bank.count.tolist() == [1, 2]
    assert bank.exists.tolist() == [[True, False], [True, True]]


def test_a_head_that_is_used_again_adds_its_outputs_and_a_new_one_has_its_own(
    bank: HeadBank,
) -> None:
    assert bank.outputs[0, 0].tolist() == [True, True, False]
    assert bank.outputs[1, 0].tolist() == [True, False, False]
    assert bank.outputs[1, 1].tolist() == [False, False, True]
    # Of a head that is not there all outputs count: a soft-max over none has no value.
    assert bank.outputs[0, 1].all()


def test_heads_are_stored_in_the_slots_that_are_trained(bank: HeadBank) -> None:
    bank.store(head(5.0))
    assert bank.params["bias"][0].tolist() == [[5.0] * 3, [0.0] * 3]
    assert bank.params["bias"][1].tolist() == [[1.0] * 3, [5.0] * 3]


def test_heads_are_taken_from_the_slots_asked_for(bank: HeadBank) -> None:
    bank.store(head(5.0))
    taken = bank.take(torch.tensor([0, 0]))
    assert taken["weight"][:, 0, 0].tolist() == [5.0, 1.0]
    assert taken["bias"].shape == (2, CLASSES)


def test_the_head_in_training_is_that_of_the_network(bank: HeadBank) -> None:
    now = head(9.0)
    assert bank.head(0, now)["bias"][:, 0].tolist() == [9.0, 1.0]
    assert bank.head(1, now)["bias"][:, 0].tolist() == [0.0, 9.0]


def test_beginning_an_old_slot_again_does_not_widen_the_table(bank: HeadBank) -> None:
    bank.begin(torch.tensor([0, 0]), outputs([2], [2]))
    assert bank.width == 2
    assert bank.count.tolist() == [1, 2]
    assert bank.slot.tolist() == [0, 0]


def test_numbers_are_those_of_one_head(bank: HeadBank) -> None:
    assert bank.numbers() == CLASSES * 4 + CLASSES


def test_bytes_are_those_of_heads_that_are_not_in_the_network(bank: HeadBank) -> None:
    one, flags, beside = 4 * (CLASSES * 4 + CLASSES), CLASSES, 16
    assert bank.stands_for() == [flags + beside, one + 2 * flags + beside]
