"""Options are typed, checked and documented where they are declared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, PositiveInt

from clbench.errors import OptionError, StrategyError
from clbench.options import (
    Configurable,
    Declaration,
    check_options,
    describe_options,
    name_of,
    option_model,
    plain_options,
)

if TYPE_CHECKING:
    from fractions import Fraction


class Base(Configurable):
    """Has one option and things that are none."""

    net: Fraction  # not an option: no default, and a type that exists for type checkers only
    registry: ClassVar[dict[str, int]] = {}
    strength: Annotated[float, Field(gt=0)] = 1  # how hard it pulls
    _private: int = 3


class ERPlus(Base):
    strength = 5
    sizes: tuple[int, ...] = (400, 400)
    rule: Literal["tau", "dead"] | float = "tau"
    count: int = Field(3, ge=0, description="from the field")
    copy: bool = True  # type: ignore[assignment]
    limit: int | None = None


def mlp(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    hidden: list[int] = [400],  # noqa: B006  # sizes of the hidden layers
    dropout: float,
) -> Fraction: ...


def issues(target: Any, **given: Any) -> dict[str, str]:
    with pytest.raises(OptionError) as caught:
        check_options(target, given)
    return {".".join(path): text for path, text in caught.value.issues}


def test_options_are_annotated_attributes_with_defaults() -> None:
    assert check_options(ERPlus, {}) == {
        "strength": 5.0,
        "sizes": (400, 400),
        "rule": "tau",
        "count": 3,
        "copy": True,
        "limit": None,
    }
    made = ERPlus(strength=2, sizes=[1])
    assert (made.strength, made.sizes, made.options["count"]) == (2.0, (1,), 3)


def test_restating_a_default_means_the_same() -> None:
    assert type(plain_options(Base, {})["strength"]) is float
    assert (
        plain_options(Base, {})
        == plain_options(Base, {"strength": 1})
        == plain_options(Base, {"strength": 1.0})
    )


def test_plain_options_are_json_and_read_back() -> None:
    plain = plain_options(ERPlus, {"sizes": (1, 2)})
    assert plain["sizes"] == [1, 2]
    assert plain_options(ERPlus, plain) == plain


@settings(deadline=None)
@given(st.floats(min_value=1e-300, allow_nan=False))
def test_numbers_survive_the_check_exactly(value: float) -> None:
    assert check_options(Base, {"strength": value})["strength"] == value


def test_arrays_and_scalars_of_numpy_are_numbers() -> None:
    assert check_options(ERPlus, {"count": np.int64(4), "sizes": np.arange(2)})["sizes"] == (0, 1)


@pytest.mark.parametrize(
    ("given", "path", "sentence"),
    [
        ({"strenght": 1}, "strenght", "unknown option of 'er_plus'; did you mean 'strength'?"),
        ({"strength": 0}, "strength", "should be greater than 0, not 0"),
        ({"strength": True}, "strength", "should be a valid number, not True"),
        ({"count": "200"}, "count", "should be a valid integer, not '200'"),
        ({"sizes": [1, "a"]}, "sizes.1", "should be a valid integer, not 'a'"),
        ({"rule": "x"}, "rule", "should be 'tau' or 'dead', or should be a valid number, not 'x'"),
    ],
)
def test_wrong_options_say_what_is_wanted(given: dict[str, Any], path: str, sentence: str) -> None:
    assert issues(ERPlus, **given) == {path: sentence}


def test_everything_wrong_is_said_at_once() -> None:
    assert set(issues(ERPlus, strenght=1, count="x", sizes=3)) == {"strenght", "count", "sizes"}


def test_a_model_s_options_are_its_keyword_only_parameters() -> None:
    assert issues(mlp) == {"dropout": "is missing, and has no default"}
    assert plain_options(mlp, {"dropout": 0}) == {"hidden": [400], "dropout": 0.0}
    hidden, dropout = describe_options(mlp)
    assert (hidden.type, hidden.default, hidden.required) == ("list of int", [400], False)
    assert (dropout.default, dropout.required) == (None, True)


def test_options_are_described_with_type_default_and_comment() -> None:
    described = {option.name: option for option in describe_options(ERPlus)}
    assert described["strength"].doc == "how hard it pulls"
    assert (described["strength"].type, described["strength"].default) == ("float, > 0", 5.0)
    assert described["count"].doc == "from the field"
    assert described["rule"].type == "tau | dead | float"
    assert described["limit"].type == "int | none"


def test_only_the_declaration_s_own_comment_documents_an_option() -> None:
    class Long(Configurable):
        strength: float = 0.1  # how hard it pulls
        # Whose labels are used,
        # where there are several.
        labels: Literal["all", "one"] = "all"
        bare: int = 1

        def step(self) -> None:
            strength: float = 2.0  # no documentation of an option
            del strength

    documented = {option.name: option.doc for option in describe_options(Long)}
    assert documented == {
        "strength": "how hard it pulls",
        "labels": "Whose labels are used, where there are several.",
        "bare": "",
    }


def test_a_subclass_can_take_an_option_away() -> None:
    class Fixed(Base):
        strength: ClassVar[float] = 2.0

    assert check_options(Fixed, {}) == {}


@pytest.mark.parametrize(
    ("annotation", "default", "sentence"),
    [
        ("Nowhere", 1, "its type `Nowhere` cannot be read"),
        ("float", None, "its default None does not fit its type `float`"),
        ("Configurable", None, "is not one a suite could give"),
    ],
)
def test_a_declaration_nobody_could_set_is_named(
    annotation: str, default: Any, sentence: str
) -> None:
    broken = type(
        "Broken",
        (Configurable,),
        {"__annotations__": {"x": annotation}, "x": default, "__module__": __name__},
    )
    with pytest.raises(Declaration, match="option 'x': ") as caught:
        option_model(broken)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("LwF", "lwf"),
        ("ICaRL", "icarl"),
        ("A2C", "a2c"),
        ("OGD", "ogd"),
        ("HTTPProbe", "http_probe"),
        ("OnlineEWC", "online_ewc"),
        ("OnlineLwF", "online_lwf"),
        ("MyER", "my_er"),
        ("L2Init", "l2_init"),
        ("MultiHeadSwap", "multi_head_swap"),
        ("already_snake", "already_snake"),
    ],
)
def test_abbreviations_are_one_word_of_a_name(written: str, name: str) -> None:
    assert name_of(type(written, (Configurable,), {})) == name


def test_an_option_without_a_default_is_refused_by_name() -> None:
    class Strong(Configurable):
        strength: float

    with pytest.raises(Declaration, match=r"'strength' has no default.*write `strength: float ="):
        option_model(Strong)


def test_an_annotation_that_no_suite_could_give_is_no_option() -> None:
    class Holder(Configurable):
        table: np.random.Generator
        seen: ClassVar[int]

    class Heir(Base):
        strength: int

    assert list(option_model(Holder).model_fields) == []
    assert check_options(Heir, {}) == {"strength": 1.0}


def test_names_are_snake_case_unless_given() -> None:
    class L1Activity(Configurable): ...

    class EWC(Configurable): ...

    class Other(EWC):
        name = "mine"

    class Child(Other): ...

    assert [name_of(cls) for cls in (L1Activity, EWC, Other, Child)] == [
        "l1_activity",
        "ewc",
        "mine",
        "child",
    ]
    assert name_of(mlp) == "mlp"
    with pytest.raises(AttributeError):
        name_of(partial(mlp))


class Worded(Configurable):
    """Options of many types."""

    sizes: tuple[PositiveInt, ...] = (1,)
    betas: tuple[float, float] = (0.9, 0.999)
    rates: list[Annotated[float, Field(ge=0, lt=1)]] = [0.5]  # noqa: RUF012
    kind: Literal["a", "b"] | None = None
    anything: dict[str, Any] = {}  # noqa: RUF012


def test_types_are_words_and_never_pydantic() -> None:
    assert {option.name: option.type for option in describe_options(Worded)} == {
        "sizes": "list of (int, > 0)",
        "betas": "[float, float]",
        "rates": "list of (float, >= 0, < 1)",
        "kind": "a | b | none",
        "anything": "{str: any value}",
    }


class Absent(Configurable):
    """Options that may be none."""

    count: PositiveInt | None = 3
    kind: Literal["a", "b"] | None = "a"
    bounded: Annotated[float | None, Field(gt=0)] = 1.0
    word: str | None = "some"
    rule: Literal["none", "some"] | None = "some"


def test_the_word_none_is_none_where_it_is_no_value_itself() -> None:
    words = dict.fromkeys(("count", "kind", "bounded", "word", "rule"), "none")
    assert plain_options(Absent, words) == {
        "count": None,
        "kind": None,
        "bounded": None,
        "word": "none",
        "rule": "none",
    }
    assert plain_options(Absent, dict.fromkeys(words)) == dict.fromkeys(words)
    assert issues(ERPlus, count="none").keys() == {"count"}


class Pulling(Configurable):
    """Has an option, and a value of its own."""

    strength: float = 1.0
    steps: list[int] = [1]  # noqa: RUF012


def test_an_option_stays_as_it_was_given() -> None:
    """A value that changed while it runs would be another after a resume: options are no state."""
    pulling = Pulling(strength=2.0)
    with pytest.raises(StrategyError) as caught:
        pulling.strength *= 3
    assert str(caught.value) == (
        "pulling sets its option 'strength' while it runs; an option stays as it was given: "
        "keep what changes in an attribute of its own, such as self.current_strength"
    )
    pulling.current_strength = 3 * pulling.strength  # type: ignore[attr-defined]
    assert pulling.options == {"strength": 2.0, "steps": [1]}
