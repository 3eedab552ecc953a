"""One short name for several texts: what changes it, and what does not."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from clbench.host.digest import LENGTH, digest_of

CONTENTS: list[dict[str, bytes]] = [
    {},
    {"": b""},
    {"a": b""},
    {"a": b"1"},
    {"b": b"1"},
    {"a": b"1", "b": b"2"},
    {"a": b"2", "b": b"1"},
    {"a": b"12"},
    {"ä": b"1"},
]


def test_a_digest_is_short_and_of_hexadecimal_digits() -> None:
    digest = digest_of({"a.py": b"x = 1\n"})
    assert len(digest) == LENGTH == 16
    assert int(digest, 16) >= 0


def test_it_is_the_hash_of_labels_and_of_the_hashes_of_contents() -> None:
    # Records hold versions, so the formula is written out here.
    one = b"a\0" + hashlib.sha256(b"1").digest()
    two = b"b\0" + hashlib.sha256(b"2").digest()
    assert digest_of({"b": b"2", "a": b"1"}) == hashlib.sha256(one + two).hexdigest()[:16]
    assert digest_of({}) == hashlib.sha256().hexdigest()[:16]


@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(CONTENTS, 2)))
def test_other_contents_have_another_digest(one: dict[str, bytes], two: dict[str, bytes]) -> None:
    assert digest_of(one) != digest_of(two)


@pytest.mark.parametrize("contents", CONTENTS)
def test_the_order_of_contents_says_nothing(contents: dict[str, bytes]) -> None:
    assert digest_of(dict(reversed(contents.items()))) == digest_of(dict(contents))


def test_what_stands_in_one_text_or_the_next_makes_a_difference() -> None:
    assert digest_of({"a": b"xy", "b": b""}) != digest_of({"a": b"x", "b": b"y"})
    assert digest_of({"ab": b"c"}) != digest_of({"a": b"bc"})
