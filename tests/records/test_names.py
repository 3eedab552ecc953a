"""Names of what a record holds: paths in the file, in which a folder is no array."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.records.names import why_not_kept


@pytest.mark.parametrize("name", ["loss", "buffer/filled", "a/b/c", "..", "two words", "é", "a.b"])
def test_words_with_slashes_between_them_are_names(name: str) -> None:
    assert why_not_kept(name, []) is None
    assert why_not_kept(name, [name]) is None  # it is there already, and written again


@pytest.mark.parametrize("name", ["", "/", "/a", "a/", "a//b", ".", "a/./b", 3, None])
def test_what_leads_nowhere_is_none(name: Any) -> None:
    why = "is no name: write words, with single slashes between them"
    assert why_not_kept(name, ["loss"]) == why


@pytest.mark.parametrize(
    ("name", "known", "clash"),
    [
        ("loss/replay", ["loss"], "loss"),
        ("loss", ["rank", "loss/replay"], "loss/replay"),
        ("a/b/c", ["a b", "a"], "a"),
    ],
)
def test_nothing_is_a_folder_and_an_array(name: str, known: list[str], clash: str) -> None:
    expected = f"cannot be kept beside {clash!r}: one would be a folder, the other an array"
    assert why_not_kept(name, known) == expected


@pytest.mark.parametrize("known", ["losses", "los", "loss_replay", "a/loss"])
def test_names_that_only_begin_alike_stand_side_by_side(known: str) -> None:
    assert why_not_kept("loss", [known]) is None
    assert why_not_kept("loss/replay", [known]) is None
