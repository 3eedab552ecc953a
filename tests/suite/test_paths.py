"""Paths into a suite, as messages and `--set` write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.suite.paths import (
    Path,
    depth_within,
    longest_known,
    numbered,
    parse_path,
    render,
)

words = st.text("abcz_-", min_size=1, max_size=5)
paths = st.tuples(words, st.lists(st.one_of(words, st.integers(0, 99)), max_size=5)).map(
    lambda parts: (parts[0], *parts[1])
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "suite"),
        (("protocol",), "protocol"),
        (("strategies", 2, "er", "memory"), "strategies[2].er.memory"),
        (("a", 0, 1), "a[0][1]"),
    ],
)
def test_paths_are_written_with_dots_and_brackets(path: Path, text: str) -> None:
    assert render(path) == text


@given(paths)
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read_back(path: Path) -> None:
    assert parse_path(render(path)) == path


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "[0]", "a[]", "a[x]", "a[-1]", "a=b", "a[0", "a]", "a[0]b"]
)
def test_what_is_no_path_says_what_one_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no path; write it like protocol"):
        parse_path(text)


def test_keys_may_hold_spaces_and_letters_of_any_language() -> None:
    assert parse_path("protocol.naïve key[10]") == ("protocol", "naïve key", 10)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ((), ()),
        (("hidden", "0"), ("hidden", 0)),
        (("a", "-1", "1.5", "x2"), ("a", "-1", "1.5", "x2")),
    ],
)
def test_positions_that_came_as_words_are_numbers_again(words: tuple[str, ...], path: Path) -> None:
    assert numbered(words) == path


@pytest.mark.parametrize(
    ("path", "depth"),
    [
        ((), 0),
        (("a",), 1),
        (("a", "b", 1), 3),
        (("a", "b", 2), 2),  # the list has two items
        (("a", "x"), 1),
        (("a", "b", "word"), 2),
        (("a", "n", "x"), 2),  # a number holds nothing
        (("x", "y"), 0),
    ],
)
def test_a_path_goes_as_deep_as_the_data(path: Path, depth: int) -> None:
    data: Any = {"a": {"b": [1, 2], "n": 3}}
    assert depth_within(data, path) == depth


@pytest.mark.parametrize(
    ("known", "longest"),
    [
        ({()}, ()),
        ({(), ("a",)}, ("a",)),
        ({("a", 0, "b"), ("a",)}, ("a", 0, "b")),
        ({("b",)}, None),
        (set(), None),
    ],
)
def test_the_nearest_known_beginning_is_the_longest(known: set[Path], longest: Path | None) -> None:
    assert longest_known(("a", 0, "b"), known) == longest
