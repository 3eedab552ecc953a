"""What pydantic finds wrong, in sentences, with paths into the data as it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

from clbench.errors import shown


def issues_of(error: pydantic.ValidationError, given: Any) -> list[tuple[tuple[str, ...], str]]:
    """What pydantic found, as (path in `given`, sentence), one a path:
    the branches of a union are one sentence.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    values: dict[tuple[str, ...], str] = {}
    for detail in error.errors(include_url=False):
        path = _path_in(given, detail["loc"], missing=detail["type"] == "missing")
        sentence = _sentence(detail)
        if sentence not in found.setdefault(path, []):
            found[path].append(sentence)
        # Our own sentences name the value themselves, and what is missing has none.
        if detail["type"] not in ("missing", "value_error", "extra_forbidden"):
            values[path] = f", not {shown(detail['input'])}"
    issues = []
    for path, sentences in found.items():
        issues.append((path, ", or ".join(sentences) + values.get(path, "")))
    return issues


def _path_in(given: Any, loc: Sequence[int | str], *, missing: bool) -> tuple[str, ...]:
    """Pydantic's location without the names of union branches, which are not in the data."""
    path: list[str] = []
    for position, part in enumerate(loc):
        if _holds(given, part):
            given = given[part]
            path.append(str(part))
        # The name of what is missing is not in the data, and yet is its place.
        elif missing and position == len(loc) - 1:
            path.append(str(part))
    return tuple(path)


def _holds(given: Any, part: int | str) -> bool:
    """Whether the data has this key or position."""
    if isinstance(given, Mapping):
        return part in given
    return isinstance(given, list | tuple) and isinstance(part, int) and part < len(given)


def _sentence(detail: Any) -> str:
    if detail["type"] == "missing":
        return "is missing, and has no default"
    if detail["type"] == "extra_forbidden":
        return "is not known here"
    message = str(detail["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
