"""A printed dictionary from a stranger's file becomes values, and never runs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from clbench.errors import RecordError
from clbench_plugins.builtin_importers.literals import parse_dictionary


def value_of(text: str) -> Any:
    return parse_dictionary("{'key': " + text + "}", "here")["key"]


@pytest.mark.parametrize(
    "value", [1, -1, 2.5, -2.5, "text", True, None, [], [1, [2]], {}, {"a": {"b": [None]}}]
)
def test_what_python_prints_is_read_back(value: Any) -> None:
    found = value_of(repr(value))
    assert found == value
    assert type(found) is type(value)


def test_tuples_become_lists() -> None:
    assert value_of("(1, (2, 3))") == [1, [2, 3]]


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8"])
@pytest.mark.parametrize("module", ["np", "numpy"])
def test_numbers_of_numpy_are_numbers(module: str, kind: str) -> None:
    assert value_of(f"{module}.{kind}(-3)") == -3


def test_numbers_that_have_names() -> None:
    assert math.isnan(value_of("nan"))
    assert value_of("-inf") == -math.inf
    assert value_of("np.float64(inf)") == math.inf


@pytest.mark.parametrize(
    "text",
    [
        "device(type='cuda', index=0)",
        "open('/etc/passwd')",
        "__import__('os').system('true')",
        "np.float64(1, 2)",
        "np.float128(1.0)",
        "[x for x in y]",
        "other",
        "-text",
        "-True",
    ],
)
def test_what_is_no_plain_value_stays_text(text: str) -> None:
    assert value_of(text) == text


def test_keys_become_text() -> None:
    assert parse_dictionary("{1: 'a', 'b': 2, 0.5: 3}", "here") == {"1": "a", "b": 2, "0.5": 3}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2]",
        "'text'",
        "{**other}",
        "{call(): 1}",
        "{name: 1}",
        "{'a': {(1, 2): 3}}",
        "[" * 10_000 + "]" * 10_000,
    ],
    ids=["nothing", "cut", "list", "text", "stars", "call", "name", "inside", "deep"],
)
def test_what_is_no_printed_dictionary_is_one_sentence(text: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_dictionary(text, "logs.pyd, line 3")
    assert str(caught.value).startswith("logs.pyd, line 3: this is no printed dictionary")
