"""`clbench describe` has something to say: of the class, and of each option."""

from __future__ import annotations

import pytest

from clbench import RecordMetric
from clbench.testing.documented import check_docstring, check_options_documented


class Told(RecordMetric):
    """Says what it is."""

    width: int = 3  # how wide
    # how deep
    depth: int = 2


class Silent(RecordMetric):
    """Says nothing of its options."""

    width: int = 3
    depth: int = 2  # how deep
    height: int = 1


def test_a_documented_class_passes() -> None:
    check_docstring(Told, "give the formula")
    check_options_documented(Told)


def test_options_without_a_comment_are_named_all_at_once() -> None:
    with pytest.raises(AssertionError) as caught:
        check_options_documented(Silent, prefix="silent: ")
    assert str(caught.value) == (
        "silent: options without a comment at their declaration: width, height"
    )


def test_options_that_all_of_a_kind_have_need_no_comment() -> None:
    check_options_documented(Silent, known=("width", "height"))
    with pytest.raises(AssertionError, match=r"declaration: height$"):
        check_options_documented(Silent, known=("width",))


@pytest.mark.parametrize("doc", [None, "", "  \n "])
def test_a_class_without_a_word_on_itself_is_told_what_is_wanted(doc: str | None) -> None:
    odd = type("Odd", (), {"__doc__": doc})
    with pytest.raises(AssertionError, match=r"^Odd has no docstring: give the formula$"):
        check_docstring(odd, "give the formula")
