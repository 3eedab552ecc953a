"""`{grid: [...]}`: what it unfolds into, and where each part of that is written."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.suite.grids import Variant, count, grid_problems, unfold
from clbench.suite.paths import Path


def unfolded(data: Any) -> list[Any]:
    return [variant.data for variant in unfold(data)]


@pytest.mark.parametrize(
    ("data", "variants"),
    [
        (3, [3]),
        (None, [None]),
        ([], [[]]),
        ({}, [{}]),
        ({"a": {"grid": [1, 2]}}, [{"a": 1}, {"a": 2}]),
        ({"grid": [1]}, [1]),
        ([{"grid": [1, 2]}, "x"], [[1, "x"], [2, "x"]]),
        # Several grids are their product, the last one fastest.
        (
            {"a": {"grid": [1, 2]}, "b": {"grid": [3, 4]}},
            [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}],
        ),
        # A grid in a grid is one longer grid.
        ({"grid": [1, {"grid": [2, 3]}]}, [1, 2, 3]),
        ({"grid": [{"a": {"grid": [1, 2]}}, "b"]}, [{"a": 1}, {"a": 2}, "b"]),
    ],
)
def test_a_grid_is_one_variant_a_value(data: Any, variants: list[Any]) -> None:
    assert unfolded(data) == variants
    assert count(data) == len(variants)


def test_an_empty_grid_leaves_nothing() -> None:
    assert unfolded({"a": {"grid": []}, "b": {"grid": [1, 2]}}) == []
    assert count({"a": {"grid": []}}) == 0


def test_what_only_looks_like_a_grid_is_none() -> None:
    for data in ({"grid": 3}, {"grid": [1], "more": 2}):
        assert unfolded(data) == [data]
        assert count(data) == 1


def test_a_million_variants_are_counted_without_making_them() -> None:
    data = {str(key): {"grid": list(range(10))} for key in range(6)}
    assert count(data) == 10**6


# ---------------------------------------------------------------------- where it is written


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), ("strategies", 0)),
        (("er",), ("strategies", 0, "er")),
        (("er", "memory"), ("strategies", 0, "er", "memory", "grid", 1)),
        (("er", "memory", "deeper"), ("strategies", 0, "er", "memory", "grid", 1, "deeper")),
    ],
)
def test_a_value_of_a_grid_is_written_inside_of_it(path: Path, written: Path) -> None:
    data = {"er": {"memory": {"grid": [1, {"deeper": 2}]}}}
    second = unfold(data, ("strategies", 0))[1]
    assert second.in_suite(path) == written


def test_the_innermost_grid_counts() -> None:
    data = {"grid": ["a", {"er": {"memory": {"grid": [5, 7]}}}]}
    last = unfold(data, ("strategies", 3))[-1]
    assert last.data == {"er": {"memory": 7}}
    inside = ("strategies", 3, "grid", 1, "er")
    assert last.in_suite(("er",)) == inside
    assert last.in_suite(("er", "memory")) == (*inside, "memory", "grid", 1)


def test_without_a_grid_things_stand_where_they_are() -> None:
    assert Variant({}, ("protocol",)).in_suite(("epochs",)) == ("protocol", "epochs")


# ---------------------------------------------------------------------- wrong grids


@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        ({"a": {"grid": 3}}, ("a",), "a grid is a list of values such as {grid: [1, 2]}, not 3"),
        ({"a": {"grid": []}}, ("a",), "a grid is a list of values such as {grid: [1, 2]}, not []"),
        ([{"grid": None}], (0,), "a grid is a list of values such as {grid: [1, 2]}, not None"),
        (
            {"a": {"grid": [1], "b": 2, "c": 3}},
            ("a",),
            "a grid stands alone; move 'b', 'c' out of its braces",
        ),
        ({"grid": [1, {"x": {"grid": {}}}]}, ("grid", 1, "x"), "a grid is a list of values"),
    ],
)
def test_a_wrong_grid_is_named_where_it_stands(data: Any, path: Path, said: str) -> None:
    [(where, message)] = grid_problems(data)
    assert where == path
    assert message.startswith(said)


def test_every_wrong_grid_is_named() -> None:
    data = {"a": {"grid": 1}, "b": [{"grid": 2}, {"grid": [3]}]}
    assert [where for where, _ in grid_problems(data, ("strategies",))] == [
        ("strategies", "a"),
        ("strategies", "b", 0),
    ]
