"""Bits of sentences: names in a list, p, and where."""

from __future__ import annotations

import pytest

from clbench.report.contest import LIKE_THESE, THESE
from clbench.report.words import MAX_NAMED, equals, listed, where_words


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (("a", "b", "c"), "a, b and c"),
        (list("abcdefgh"), "a, b, c, d, e, f, g and h"),
        (list("abcdefghi"), "a, b, c, d, e, f, g, h and 1 more"),
        (list("abcdefghijk"), "a, b, c, d, e, f, g, h and 3 more"),
    ],
)
def test_names_are_listed_with_commas_and_an_and(names: list[str], said: str) -> None:
    assert listed(names) == said


def test_a_long_list_names_as_many_as_it_may_and_leaves_the_list_alone() -> None:
    names = [f"m{k}" for k in range(MAX_NAMED + 1)]
    before = list(names)
    said = listed(names)
    assert all(f"m{k}" in said for k in range(MAX_NAMED))
    assert f"m{MAX_NAMED}" not in said
    assert names == before


def test_no_names_are_no_list() -> None:
    with pytest.raises(ValueError, match="unpack"):
        listed([])


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (1.0, "= 1"),
        (0.031, "= 0.031"),
        (0.03125, "= 0.0312"),
        (0.0001, "= 0.0001"),
        (0.00009999, "< 0.0001"),
        (0.0, "< 0.0001"),
    ],
)
def test_a_tiny_p_is_below_what_is_told_and_no_zero(p: float, said: str) -> None:
    assert equals(p) == said


@pytest.mark.parametrize(
    ("scenario", "question", "said"),
    [
        ("digits", "", "digits"),
        ("digits", THESE, "digits"),
        (None, THESE, "On these 4 scenarios together"),
        (None, LIKE_THESE, "On scenarios like these 4"),
    ],
)
def test_a_scenario_goes_before_a_question_over_all_of_them(
    scenario: str | None, question: str, said: str
) -> None:
    assert where_words(scenario, question, 4) == said
