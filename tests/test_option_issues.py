"""What pydantic finds wrong, as sentences with paths into the data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from clbench.option_issues import issues_of


class Inner(BaseModel):
    """A branch of a union."""

    model_config = ConfigDict(extra="forbid")
    rate: Annotated[float, Field(gt=0)]


class Model(BaseModel):
    """Whatever may go wrong."""

    model_config = ConfigDict(extra="forbid", strict=True)
    count: int
    kind: Literal["a", "b"] = "a"
    sizes: list[int] = []
    inner: Inner | None = None
    either: int | list[int] = 0
    named: str = ""

    @field_validator("named")
    @classmethod
    def _checked(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("Bad is no name")
        return value


def issues(**given: Any) -> list[tuple[tuple[str, ...], str]]:
    with pytest.raises(pydantic.ValidationError) as caught:
        Model.model_validate(given)
    return issues_of(caught.value, given)


def test_a_wrong_type_is_told_with_the_value() -> None:
    assert issues(count="many") == [(("count",), "should be a valid integer, not 'many'")]


def test_a_choice_is_told_with_all_that_there_are() -> None:
    assert issues(count=1, kind="c") == [(("kind",), "should be 'a' or 'b', not 'c'")]


def test_what_is_missing_is_named_in_its_place() -> None:
    assert issues() == [(("count",), "is missing, and has no default")]
    assert issues(count=1, inner={}) == [(("inner", "rate"), "is missing, and has no default")]


def test_what_is_not_known_is_not_shown_with_its_value() -> None:
    assert issues(count=1, sise=3) == [(("sise",), "is not known here")]


def test_places_within_lists_are_counted_from_0() -> None:
    assert issues(count=1, sizes=[1, 2, "x"]) == [
        (("sizes", "2"), "should be a valid integer, not 'x'")
    ]


def test_the_branches_of_a_union_are_one_sentence() -> None:
    ((path, sentence),) = issues(count=1, either="x")
    assert path == ("either",)
    assert sentence == "should be a valid integer, or should be a valid list, not 'x'"


def test_our_own_sentences_are_as_we_wrote_them() -> None:
    assert issues(count=1, named="bad") == [(("named",), "bad is no name")]


def test_a_limit_within_is_told_at_its_place() -> None:
    assert issues(count=1, inner={"rate": -1.0}) == [
        (("inner", "rate"), "should be greater than 0, not -1.0")
    ]


def test_several_faults_are_all_told() -> None:
    found = dict(issues(kind="c", sizes=["x"]))
    assert set(found) == {("count",), ("kind",), ("sizes", "0")}


def test_a_long_value_is_cut() -> None:
    ((_, sentence),) = issues(count="x" * 100)
    assert len(sentence) < 100
    assert sentence.endswith("...")
