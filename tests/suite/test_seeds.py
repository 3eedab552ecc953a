"""Seeds: as a suite and as the command line write them, and as they are shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.errors import UserError
from clbench.suite.seeds import MAX_SEEDS, check_seeds, is_whole, parse_seeds, seeds_in_words
from tests.suite.conftest import Loader

many_seeds = st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True)


# ---------------------------------------------------------------------- of a suite


@pytest.mark.parametrize(
    ("value", "seeds"),
    [
        (1, [0]),
        (3, [0, 1, 2]),
        ([5], [5]),
        ([3, 0, 2], [0, 2, 3]),
        ([2**63 - 1], [2**63 - 1]),
    ],
)
def test_a_suite_counts_its_seeds_or_lists_them(value: Any, seeds: list[int]) -> None:
    assert check_seeds(value) == seeds


@pytest.mark.parametrize("value", [None, True, "3", 1.0, [], [True], [1.0], ["1"], (1, 2), {}])
def test_what_names_no_seeds_says_what_would(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^must be a count such as 10, a list of whole numbers"):
        check_seeds(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "at least one seed is needed, not 0"),
        (-2, "at least one seed is needed, not -2"),
        (MAX_SEEDS + 1, r"100001 seeds are more than 100,000; seed 100001 alone is \[100001\]"),
        ([1, -4, 2], "seeds are not negative, as -4 is"),
        ([0, 2**63], f"seeds are below 2\\*\\*63, and {2**63} is not"),
        ([4, 1, 4, 1, 2], "seeds are named twice: 1, 4"),
    ],
)
def test_seeds_that_cannot_be_say_why(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_seeds(value)


def test_a_list_of_seeds_is_not_changed() -> None:
    written = [3, 1, 2]
    check_seeds(written)
    assert written == [3, 1, 2]


@pytest.mark.parametrize(
    ("value", "whole"), [(3, True), (-1, True), (True, False), (1.0, False), ("1", False)]
)
def test_yamls_true_is_no_whole_number(value: object, whole: bool) -> None:
    assert is_whole(value) is whole


# ---------------------------------------------------------------------- of the command line


def test_as_many_seeds_as_there_may_be_are_read() -> None:
    assert len(parse_seeds(str(MAX_SEEDS))) == MAX_SEEDS
    assert len(parse_seeds(f"1-{MAX_SEEDS}")) == MAX_SEEDS
    with pytest.raises(ValueError, match="the range 0-100000 has more than 100,000 seeds"):
        parse_seeds(f"0-{MAX_SEEDS}")


def test_parts_may_overlap_with_nothing() -> None:
    with pytest.raises(ValueError, match="seeds are named twice: 2"):
        parse_seeds("0-2,2")
    assert parse_seeds(" 7 , 0 - 2 ") == [0, 1, 2, 7]


# ---------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([], ""),
        ([3], "3"),
        ([0, 1], "0-1"),
        ([7, 2, 1, 0, 4], "0-2, 4, 7"),
    ],
)
def test_seeds_are_shown_as_ranges(seeds: list[int], words: str) -> None:
    assert seeds_in_words(seeds) == words


@given(many_seeds)
@settings(max_examples=50, deadline=None)
def test_what_is_shown_may_be_typed(seeds: list[int]) -> None:
    words = seeds_in_words(seeds)
    # A number alone is a count; seed 3 alone is typed as 3-3.
    typed = f"{words}-{words}" if words.isdigit() else words
    assert parse_seeds(typed) == sorted(seeds)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", [0, 1, 2]),
        ("3-3", [3]),
        ("0-4", [0, 1, 2, 3, 4]),
        ("5,0,3", [0, 3, 5]),
        ("0-2,7", [0, 1, 2, 7]),
        (" 1 , 4 - 5", [1, 4, 5]),
    ],
)
def test_seeds_of_the_command_line(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no seeds"),
        ("a", "names no seeds"),
        ("-1", "names no seeds"),
        ("5-2", "write 2-5"),
        ("1,1", "named twice: 1"),
        ("0", "at least one"),
        ("0-1000000000", "more than 100,000 seeds"),
    ],
)
def test_wrong_seeds_are_told_what_to_write(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_seeds(text)
    with pytest.raises(ValueError, match="must be a count"):
        check_seeds(True)


def test_seeds_can_be_given_on_the_command_line(load: Loader) -> None:
    assert load(seeds="3-5").seeds == (3, 4, 5)
    with pytest.raises(UserError, match="--seeds: 'x' names no seeds"):
        load(seeds="x")
