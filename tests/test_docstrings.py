"""The summary of a docstring is its first paragraph, on one line."""

from __future__ import annotations

import pytest

from clbench.docstrings import summary

FOLDED = """A summary that is too long for a line
    and goes on in the next one.

    What follows is no part of it.
    """


@pytest.mark.parametrize(
    ("documentation", "expected"),
    [
        ("One line.", "One line."),
        (FOLDED, "A summary that is too long for a line and goes on in the next one."),
        ("", ""),
        (None, ""),
    ],
)
def test_the_first_paragraph_is_joined(documentation: str | None, expected: str) -> None:
    assert summary(documentation) == expected
