"""Who shares a letter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.stats.letters import groups, letters

matrices = st.integers(1, 12).flatmap(
    lambda k: st.lists(st.booleans(), min_size=k * k, max_size=k * k).map(
        lambda bits: np.array(bits).reshape(k, k)
    )
)


@given(matrices)
@settings(deadline=None)
def test_two_share_a_letter_exactly_where_they_do_not_differ(bits: np.ndarray) -> None:
    different = (bits | bits.T) & ~np.eye(len(bits), dtype=bool)
    shown = letters(different)
    for i in range(len(bits)):
        assert shown[i]
        for j in range(i):
            assert bool(set(shown[i]) & set(shown[j])) is not bool(different[i, j])


@given(matrices)
@settings(deadline=None)
def test_no_group_is_superfluous(bits: np.ndarray) -> None:
    different = (bits | bits.T) & ~np.eye(len(bits), dtype=bool)
    found = [set(members) for members in groups(different)]
    assert not any(one < other for one in found for other in found)


def test_letters_in_order_and_beyond_the_alphabet() -> None:
    chain = np.abs(np.subtract.outer(range(4), range(4))) > 1
    assert letters(chain) == ["a", "ab", "bc", "c"]
    assert letters(np.zeros((3, 3), bool)) == ["a", "a", "a"]
    assert letters(~np.eye(28, dtype=bool))[25:] == ["z", "aa", "ab"]
    many = letters(np.abs(np.subtract.outer(range(30), range(30))) > 1)
    assert many[27] == "aa,ab"


def test_scattered_differences_among_a_hundred_take_no_exponential_time() -> None:
    different = np.zeros((100, 100), bool)
    different[np.arange(0, 100, 2), np.arange(1, 100, 2)] = different[
        np.arange(1, 100, 2), np.arange(0, 100, 2)
    ] = True
    assert len(groups(different)) < 200


def apart(strategies: int, *pairs: tuple[int, int]) -> np.ndarray:
    """Only these differ."""
    different = np.zeros((strategies, strategies), dtype=bool)
    for first, second in pairs:
        different[first, second] = different[second, first] = True
    return different


def test_groups_hold_every_pair_that_does_not_differ() -> None:
    """By hand: only the first and the last differ, so the others are with either of them."""
    assert groups(apart(4, (0, 3))) == [(0, 1, 2), (1, 2, 3)]
    assert groups(apart(3, (0, 1), (0, 2))) == [(0,), (1, 2)]
    assert groups(apart(2)) == [(0, 1)]


def test_a_cycle_has_a_letter_for_each_of_its_sides() -> None:
    """Four in a ring, of which opposite ones differ: every side is a group of two."""
    ring = apart(4, (0, 2), (1, 3))
    assert groups(ring) == [(0, 1), (0, 3), (1, 2), (2, 3)]
    assert letters(ring) == ["ab", "ac", "cd", "bd"]


@pytest.mark.parametrize(("strategies", "shown"), [(0, []), (1, ["a"])])
def test_nobody_has_no_letter_and_one_has_the_first(strategies: int, shown: list[str]) -> None:
    assert letters(apart(strategies)) == shown


def test_whoever_differs_from_all_has_a_letter_of_their_own() -> None:
    assert letters(apart(3, (0, 1), (1, 2))) == ["a", "b", "a"]


def test_the_table_of_differences_is_not_changed() -> None:
    different = apart(4, (0, 3))
    before = different.copy()
    groups(different)
    np.testing.assert_array_equal(different, before)


def test_letters_count_on_behind_z_without_a_zero() -> None:
    """z is followed by aa, az by ba, and zz by aaa."""
    shown = letters(~np.eye(26 + 26**2 + 1, dtype=bool))
    assert [shown[25], shown[26], shown[51], shown[52], shown[-2], shown[-1]] == [
        "z",
        "aa",
        "az",
        "ba",
        "zz",
        "aaa",
    ]
