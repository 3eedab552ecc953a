"""Which samples are the most similar ones, and what an agent has to offer."""

from __future__ import annotations

import torch

from clbench_plugins.sharing.nearest import Nearest, cosines
from clbench_plugins.sharing.rounds import are_finite, row_bytes

NONE = -torch.inf


def nearest(count: int = 2, queries: int = 1) -> Nearest:
    """Of one member, with so many queries."""
    return Nearest(torch.zeros(1, queries, 3), count)


def shown(found: Nearest, *similarities: float, labels: list[int]) -> None:
    found.show(torch.tensor([[similarities]]), torch.tensor([labels]))


def test_a_cosine_is_that_of_each_pair_whatever_the_lengths() -> None:
    one = torch.tensor([[[3.0, 0.0], [1.0, 1.0]]])
    other = torch.tensor([[[5.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]])
    half = 0.5**0.5
    expected = torch.tensor([[[1.0, 0.0, -1.0], [half, half, -half]]])
    torch.testing.assert_close(cosines(one, other), expected)


def test_the_most_similar_stay_in_order() -> None:
    found = nearest()
    shown(found, 0.1, 0.9, 0.5, labels=[7, 8, 9])
    assert found.label.tolist() == [[[8, 9]]]
    torch.testing.assert_close(found.similarity, torch.tensor([[[0.9, 0.5]]]))


def test_what_comes_later_takes_the_place_of_less_similar_ones() -> None:
    found = nearest()
    shown(found, 0.5, 0.1, labels=[1, 2])
    shown(found, 0.7, 0.3, labels=[3, 4])
    assert found.label.tolist() == [[[3, 1]]]


def test_of_equally_similar_ones_the_first_stays() -> None:
    found = nearest()
    shown(found, 0.5, 0.5, 0.5, labels=[1, 2, 3])
    shown(found, 0.5, labels=[4])
    assert found.label.tolist() == [[[1, 2]]]


def test_samples_that_do_not_count_are_found_by_nobody() -> None:
    found = nearest(count=3)
    shown(found, NONE, 0.2, NONE, labels=[1, 2, 3])
    assert found.found.tolist() == [[[True, False, False]]]
    assert found.label[0, 0, 0] == 2


def test_before_anything_is_shown_nothing_is_found() -> None:
    assert nearest(queries=4).found.shape == (1, 4, 0)


def test_every_query_has_its_own() -> None:
    found = nearest(count=1, queries=2)
    found.show(torch.tensor([[[0.1, 0.9], [0.8, 0.2]]]), torch.tensor([[5, 6]]))
    assert found.label.tolist() == [[[6], [5]]]


# ---------------------------------------------------------------------- what rounds ask


def test_a_member_with_one_number_that_is_not_finite_is_not() -> None:
    some = torch.zeros(4, 2, 3)
    some[1, 0, 2] = torch.nan
    others = torch.zeros(4, 5)
    others[3, 4] = -torch.inf
    assert are_finite([some, others]).tolist() == [True, False, True, False]


def test_bytes_are_those_of_one_members_rows() -> None:
    tensors = [torch.zeros(7, 2, 3), torch.zeros(7, 5, dtype=torch.float64)]
    assert row_bytes(tensors) == 6 * 4 + 5 * 8
    assert row_bytes([]) == 0
