"""The type of an option in words: what `clbench describe` and error messages say of it."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import pydantic
import pydantic.fields

SIGNS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


@dataclass(frozen=True)
class Words:
    """What a type is called, in the metadata of an annotation whose parts do not say it well."""

    name: str


def type_name(field: pydantic.fields.FieldInfo) -> str:
    """`float, > 0`."""
    return _bounded(annotation_name(field.annotation), field.metadata)


def annotation_name(annotation: Any) -> str:
    """`int`, `relu | tanh`, `list of (int, > 0)`."""
    origin = get_origin(annotation)
    words = _WORDS.get(origin)
    if words is not None:
        return words(get_args(annotation))
    if annotation is Any:
        return "any value"
    if annotation is type(None):
        return "none"
    if isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def takes_none(annotation: Any) -> bool:
    """Whether the word `none` stands for None: that is a value, and the word itself is not."""
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(annotation)
    return _fits(adapter, None) and not _fits(adapter, "none")


def _fits(adapter: pydantic.TypeAdapter[Any], value: Any) -> bool:
    try:
        # As options are checked: strictly.
        adapter.validate_python(value, strict=True)
    except pydantic.ValidationError:
        return False
    return True


def _bounded(name: str, constraints: Iterable[Any]) -> str:
    """A type with its limits; those of a nested annotation may be a whole field."""
    bounds = []
    for constraint in constraints:
        if isinstance(constraint, Words):
            name = constraint.name
        for single in getattr(constraint, "metadata", None) or [constraint]:
            bounds += [
                f"{sign} {getattr(single, key)}"
                for key, sign in SIGNS
                if getattr(single, key, None) is not None
            ]
    return ", ".join([name, *bounds])


def _literal(values: Sequence[Any]) -> str:
    return " | ".join(str(value) for value in values)


def _annotated(arguments: Sequence[Any]) -> str:
    kind, *constraints = arguments
    return _bounded(annotation_name(kind), constraints)


def _union(branches: Sequence[Any]) -> str:
    return " | ".join(annotation_name(branch) for branch in branches)


def _list(items: Sequence[Any]) -> str:
    return f"list of {_item(items[0])}" if items else "list"


def _tuple(items: Sequence[Any]) -> str:
    if len(items) == 2 and items[1] is ...:  # of any length
        return _list(items)
    return f"[{', '.join(map(annotation_name, items))}]"


def _mapping(items: Sequence[Any]) -> str:
    if not items:
        return "mapping"
    key, value = items
    return f"{{{annotation_name(key)}: {annotation_name(value)}}}"


def _item(annotation: Any) -> str:
    """What a list holds: in brackets where it is more than a word."""
    name = annotation_name(annotation)
    return f"({name})" if " " in name else name


_WORDS: Mapping[Any, Callable[[Sequence[Any]], str]] = {
    typing.Literal: _literal,
    typing.Annotated: _annotated,
    typing.Union: _union,
    types.UnionType: _union,
    list: _list,
    set: _list,
    frozenset: _list,
    tuple: _tuple,
    dict: _mapping,
    Mapping: _mapping,
    Sequence: _list,
}
