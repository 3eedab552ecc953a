"""Types in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import Field, PositiveInt
from pydantic.fields import FieldInfo

from clbench.option_types import Words, annotation_name, takes_none, type_name

Rate = Annotated[float, Field(gt=0, lt=1)]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "int"),
        (Any, "any value"),
        (None | int, "none | int"),
        (Optional[int], "int | none"),  # noqa: UP045 (both ways of writing it)
        (Union[str, bool], "str | bool"),  # noqa: UP007
        (Literal["relu", "tanh"], "relu | tanh"),
        (Literal[1, True, None], "1 | True | None"),
        (PositiveInt, "int, > 0"),
        (Rate, "float, > 0, < 1"),
        (Annotated[int, Field(ge=2, le=5)], "int, >= 2, <= 5"),
        (Annotated[float, Words("share")], "share"),
        (list[int], "list of int"),
        (Sequence[str], "list of str"),
        (tuple[int, ...], "list of int"),
        (list[Rate], "list of (float, > 0, < 1)"),
        (list[int | None], "list of (int | none)"),
        (tuple[int, str], "[int, str]"),
        (dict[str, int], "{str: int}"),
        (Mapping[str, Rate], "{str: float, > 0, < 1}"),
        (set[int] | None, "list of int | none"),
    ],
)
def test_a_type_in_words(annotation: Any, words: str) -> None:
    assert annotation_name(annotation) == words


def test_the_limits_of_a_field_follow_its_type() -> None:
    field = FieldInfo.from_annotation(Annotated[int, Field(ge=3)])
    assert type_name(field) == "int, >= 3"
    assert type_name(FieldInfo.from_annotation(float)) == "float"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int | None, True),
        (int, False),
        (Literal["none", "mean"], False),
        (Literal["none"] | None, False),  # the word is a value of its own
        (str | None, False),
        (Rate | None, True),
    ],
)
def test_the_word_none_stands_for_nothing_only_where_it_is_no_value(
    annotation: Any, expected: bool
) -> None:
    assert takes_none(annotation) is expected
