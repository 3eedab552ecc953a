"""YAML is plain data with lines; the traps of YAML 1.1 are none here."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clbench.suite.yaml import dump, parse

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


def told(text: str) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.path, problem.message) for problem in parse(text).problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("1_000", 1000),
        ("+7", 7),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("-.inf", -math.inf),
        ("1e999", math.inf),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("none", "none"),
        ("null", None),
        ("~", None),
        ("true", True),
        ("'1e-3'", "1e-3"),
        ("e3", "e3"),
        ("1e", "1e"),
        ("5cats", "5cats"),
    ],
)
def test_scalars_are_read_as_people_write_them(text: str, value: Any) -> None:
    found = parse(text).data
    assert (found, type(found)) == (value, type(value))


@settings(deadline=None)
@given(DATA)
@example({"\x85": "a\u2028b\u2029"})
def test_what_is_dumped_is_read_back(data: Any) -> None:
    document = parse(dump(data))
    assert document.problems == ()
    assert document.data == data


def test_every_path_has_its_line() -> None:
    lines = parse("a: 1\nb:\n  - x\n  - c:\n      d: 2\n").lines
    assert lines[("a",)] == 1
    assert lines[("b",)] == 2
    assert lines[("b", 0)] == 3
    assert lines[("b", 1, "c")] == 4
    assert lines[("b", 1, "c", "d")] == 5


def test_aliases_and_merges_are_followed() -> None:
    document = parse("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n")
    assert document.data == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("text", "line", "path", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a", "is written twice, first on line 1; keep one"),
        ("a: 1\nb: [1,\n", 3, "YAML", "cannot be read: expected the node content"),
        ("a:\n\tb: 1\n", 2, "YAML", "indent with spaces"),
        ("a: 1\n--- \nb: 2\n", 2, "YAML", "expected a single document"),
        (
            "a: 1\nb: !!python/object/apply:os.system [ls]\n",
            2,
            "b",
            "the tag !!python/object/apply:os.system is not allowed in a suite",
        ),
        ("b: !mine 3\n", 1, "b", "the tag !mine is not allowed in a suite"),
        ("b: !!int x\n", 1, "b", "'x' is no int"),
        ("a: &a [1, *a]\n", 1, "a[1]", "refers to itself"),
        ("? [1, 2]\n: 3\n", 1, "suite", "a key must be a word"),
        ("a: {<<: 3}\n", 1, "a", "`<<` needs a mapping"),
        ("a: \x00", 1, "YAML", "special characters are not allowed"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_line(
    text: str, line: int, path: str, message: str
) -> None:
    ((found_line, found_path, found_message),) = told(text)
    assert (found_line, found_path) == (line, path)
    assert message in found_message
    assert "\n" not in found_message


def test_a_bomb_of_aliases_is_refused() -> None:
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    assert [message for *_, message in told(text)] == ["unfolds into more than 200,000 values"]


def test_a_text_nobody_wrote_is_refused_unread() -> None:
    (problem,) = parse("#" * 1_000_001).problems
    assert problem.message == "has 1,000,001 characters; a suite has at most 1,000,000"


def test_deep_nesting_is_refused() -> None:
    assert told("[" * 1000 + "]" * 1000) == [(1, "YAML", "is nested too deeply")]
