"""`--set PATH=VALUE`: changes to a suite before it is read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clbench.errors import suggest
from clbench.suite.paths import Path, parse_path, render
from clbench.suite.yaml import parse


def apply_overrides(
    data: Mapping[str, Any], overrides: Sequence[str], problem: Callable[[Path, str], None]
) -> tuple[dict[str, Any], list[Path]]:
    """The data with the overrides in it, and the paths they changed.

    A path that leads nowhere is a problem.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(data))
    paths: list[Path] = []
    for override in overrides:
        try:
            path, value = _read(override)
        except ValueError as error:
            problem((), f"--set {override}: {error}")
            continue
        try:
            _put(changed, path, value)
        except ValueError as error:
            problem(path, f"--set {override}: {error}")
            continue
        paths.append(path)
    return changed, paths


def _read(override: str) -> tuple[Path, Any]:
    text, equals, value = override.partition("=")
    if not equals:
        raise ValueError("write it as PATH=VALUE, for example protocol.epochs=2")
    document = parse(value)
    if document.problems:
        raise ValueError(f"the value {document.problems[0].message}")
    return parse_path(text.strip()), document.data


def _put(data: Any, path: Path, value: Any) -> None:
    """Set the value; mappings on the way are made where there are none, lists are not."""
    for depth, part in enumerate(path):
        _check_step(data, path, depth)
        if depth == len(path) - 1:
            data[part] = value
            return
        inside: Any = data.get(part) if isinstance(data, dict) else data[part]
        # `strategies[0]=er` may have to become `{er: {}}` before its memory can be set.
        data[part] = _opened(inside, path[depth + 1])
        data = data[part]


def _check_step(data: Any, path: Path, depth: int) -> None:
    """Refuse a step of the path that leads nowhere in the data around it."""
    here, part = render(path[:depth]), path[depth]
    if isinstance(data, list):
        _check_item(here, part, len(data))
        return
    if isinstance(part, int) or not isinstance(data, dict):
        raise ValueError(f"{here} has no {render((part,))}")
    # What follows an item of a list is the name that stands there: none is made up.
    if depth >= 2 and isinstance(path[depth - 1], int) and part not in data:
        raise ValueError(f"{here} has no {part!r}{suggest(str(part), data)}")


def _check_item(here: str, part: str | int, length: int) -> None:
    if not isinstance(part, int) or part >= length:
        items = f"{here}[0] to {here}[{length - 1}]"
        raise ValueError(f"{here} is a list; its items are {items}")


def _opened(value: Any, key: str | int) -> Any:
    """A bare name is a name without options; nothing is an empty mapping."""
    if value is None:
        return {}
    if isinstance(value, str) and isinstance(key, str):
        return {value: {}}
    return value
