"""The version of what a session defines: what is in it, and what nobody can read."""

from __future__ import annotations

import functools
import linecache
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from clbench.host import session_source
from clbench.host.session_source import UNKNOWN, sources, unreadable, version_of


def cell(text: str, **around: Any) -> dict[str, Any]:
    """What a notebook's cell defines, with these names around it."""
    names: dict[str, Any] = {"__name__": "a_session", **around}
    file = f"<cell {hash((text, *around))}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), names)
    return names


def function(text: str, **around: Any) -> Callable[..., Any]:
    """A function `f` of a cell."""
    found: Callable[..., Any] = cell(text, **around)["f"]
    return found


USES = "def f():\n    return it\n"

# ------------------------------------------------------------------ what it is made of


def test_a_function_is_its_text_and_the_values_it_uses_by_name() -> None:
    assert sources(function(USES, it=3, other=4)) == {"f": USES, "it": "3"}


def test_a_function_that_it_calls_is_in_it_with_what_that_uses() -> None:
    text = "def g():\n    return deep\n\ndef f():\n    return g()\n"
    found = sources(function(text, deep=1.5))
    assert found == {
        "f": "def f():\n    return g()\n",
        "g": "def g():\n    return deep\n",
        "deep": "1.5",
    }


def test_functions_that_call_each_other_are_read_once() -> None:
    text = "def f(n):\n    return g(n)\n\ndef g(n):\n    return f(n - 1) if n else 0\n"
    assert sorted(sources(function(text))) == ["f", "g"]


def test_builtins_are_no_names_of_the_session() -> None:
    assert sorted(sources(function("def f():\n    return len([1])\n"))) == ["f"]


def test_names_within_comprehensions_and_lambdas_count() -> None:
    text = "def f():\n    return [it for _ in [1]], (lambda: more)\n"
    assert {"it", "more"} <= sources(function(text, it=1, more=2)).keys()


def test_defaults_count_as_they_stood_at_the_definition() -> None:
    text = "def f(a=first, *, b=second):\n    return a + b\n"
    one = version_of(function(text, first=1, second=2))
    assert version_of(function(text, first=1, second=2)) == one
    assert version_of(function(text, first=9, second=2)) != one
    assert version_of(function(text, first=1, second=9)) != one
    # Each counts for itself: the values are the same here, and stand in other places.
    assert version_of(function(text, first=2, second=1)) != one


def test_variables_of_a_function_around_it_count() -> None:
    text = "def outer(rate):\n    def f():\n        return rate\n    return f\n"
    make = cell(text)["outer"]
    assert version_of(make(1)) == version_of(make(1)) != version_of(make(2))


def test_functions_of_one_name_count_each_with_its_own_variables() -> None:
    text = (
        "def make(rate):\n    def g():\n        return rate\n    return g\n\n"
        "one, two = make(first), make(second)\n\n"
        "def f():\n    return one() + two()\n"
    )
    before = version_of(function(text, first=1, second=2))
    assert version_of(function(text, first=1, second=2)) == before
    for first, second in ((9, 2), (1, 9), (2, 1)):
        assert version_of(function(text, first=first, second=second)) != before


def test_a_class_is_its_text_its_bases_and_its_values() -> None:
    text = (
        "class Base:\n    def g(self):\n        return 1\n\n"
        "class Mine(Base):\n    rate = it\n    def f(self):\n        return self.rate\n"
    )
    found = sources(cell(text, it=0.5)["Mine"])
    assert found["Mine.rate"] == "0.5"
    assert found["Base"].startswith("class Base:")
    assert found["Mine"].startswith("class Mine(Base):")


@pytest.mark.parametrize(
    "body",
    [
        "    @property\n    def f(self):\n        return it\n",
        "    @staticmethod\n    def f():\n        return it\n",
        "    @classmethod\n    def f(cls):\n        return it\n",
        "    @cached\n    def f(self):\n        return it\n",
        "    @property\n    def f(self):\n        return 1\n"
        "    @f.setter\n    def f(self, _):\n        it\n",
    ],
)
def test_what_a_decorator_wraps_is_looked_into(body: str) -> None:
    text = f"class Mine:\n{body}"
    around = {"cached": functools.cached_property}
    one, two = (version_of(cell(text, it=it, **around)["Mine"]) for it in (1, 2))
    assert one.startswith("sha256:")
    assert one != two


def test_a_decorator_stands_in_the_text_of_what_it_decorates() -> None:
    text = "def same(g):\n    return g\n\n@same\ndef f():\n    return 1\n"
    assert sources(function(text))["f"] == "@same\ndef f():\n    return 1\n"


def test_of_two_definitions_of_one_name_the_one_in_use_is_meant() -> None:
    text = "def f():\n    return 1\n\nfirst = f\n\ndef f():\n    return 2\n"
    names = cell(text)
    assert sources(names["first"]) == {"f": "def f():\n    return 1\n"}
    assert sources(names["f"]) == {"f": "def f():\n    return 2\n"}


# ------------------------------------------------------------------ constants


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "True"),
        (1.5, "1.5"),
        ("a", "'a'"),
        (b"a", "b'a'"),
        (None, "None"),
        ([1, (2, "x")], "list(1, tuple(2, 'x'))"),
        ({"b", "a", "c"}, "set('a', 'b', 'c')"),
        (frozenset(), "frozenset()"),
        ({"a": 1, "b": [2]}, "list(list('a', 1), list('b', list(2)))"),
        (math.sqrt, "math.sqrt"),
        (len, "builtins.len"),
    ],
)
def test_a_constant_is_written_out(value: object, text: str) -> None:
    assert sources(function(USES, it=value))["it"] == text


def test_dtypes_and_type_aliases_are_named_by_what_they_print() -> None:
    import torch

    assert sources(function(USES, it=torch.float32))["it"] == "torch.float32"
    assert sources(function(USES, it=torch.device("cpu")))["it"] == "device(type='cpu')"
    assert "Union" in sources(function(USES, it=__import__("typing").Union[int, list[str]]))["it"]


@pytest.mark.parametrize(
    ("value", "kind"), [(object(), "object"), (SimpleNamespace(x=1), "SimpleNamespace")]
)
def test_an_object_with_state_cannot_be_read(value: object, kind: str) -> None:
    one = function(USES, it=value)
    assert unreadable(one) == f"it uses it, of type {kind}"
    assert version_of(one) == UNKNOWN


def test_a_tensor_is_not_named_by_what_it_prints() -> None:
    import torch

    assert unreadable(function(USES, it=torch.zeros(2))) == "it uses it, of type Tensor"


def test_an_object_within_a_list_cannot_be_read_either() -> None:
    assert unreadable(function(USES, it=[1, {"a": object()}])) == "it uses it, of type object"


def test_what_can_be_read_has_no_reason_against_it() -> None:
    assert unreadable(function(USES, it=1)) == ""


# ------------------------------------------------------------------ where there is no text


def test_a_function_without_a_text_cannot_be_read() -> None:
    names: dict[str, Any] = {"__name__": "a_session"}
    exec(compile("def f():\n    return 1\n", "<nowhere>", "exec"), names)
    assert unreadable(names["f"]) == "there is no source of f"


def test_a_cell_with_a_magic_command_counts_as_a_whole() -> None:
    text = "%time\ndef f():\n    return 1\n"
    one = function(text.replace("%time", "#time"))
    # As a notebook keeps it: with the line that is no Python.
    linecache.cache[one.__code__.co_filename] = (0, None, text.splitlines(keepends=True), "x")
    assert sources(one)["f"] == text


def test_a_class_without_code_lies_in_its_bases_values_and_options() -> None:
    mine = type("Mine", (), {"__module__": "a_session", "rate": 2})
    found = sources(mine)
    assert found["Mine.rate"] == "2"
    assert found["Mine"].startswith("no code of its own")


def test_a_variable_that_has_no_value_yet_cannot_be_read() -> None:
    """It was an internal error where Python raises for an empty cell."""
    text = (
        "def outer(look):\n    def f():\n        return later\n"
        "    found = look(f)\n    later = 1\n    return found\n"
    )
    found = cell(text)["outer"](unreadable)
    assert found in ("", "it uses a variable that has no value yet")


# ------------------------------------------------------------------ files


def test_what_is_installed_is_not_looked_into() -> None:
    import numpy as np

    found = sources(
        function("def f():\n    return np.zeros(int(math.sqrt(4)))\n", np=np, math=math)
    )
    assert sorted(found) == ["f"]


def test_the_text_around_a_line_is_that_of_the_definition_it_stands_in() -> None:
    lines = ["def f():\n", "    x = 1\n", "    return x\n", "\n", "def g(): ...\n"]
    for line in (1, 2, 3):
        assert session_source._definition(lines, "f", line) == "".join(lines[:3])
    assert session_source._definition(lines, "f", 4) == ""
    assert session_source._definition(lines, "h", 2) == ""
