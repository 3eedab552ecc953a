"""Options: typed, validated and documented where they are declared.

A strategy, metric, scenario or data set is a `Configurable`: its options are its annotated class
attributes with defaults, in pydantic's types. A model is any callable: its options are its
keyword-only parameters. Both are read by the same functions, so a stranger's options are checked as
strictly as the built-in ones, before anything runs.
"""

from __future__ import annotations

import inspect
import io
import re
import textwrap
import tokenize
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, get_origin

import pydantic
from pydantic_core import PydanticUndefined

from clbench.errors import OptionError, suggest


@dataclass(frozen=True)
class Option:
    """One option as `clbench describe` shows it."""

    name: str
    type: str
    default: Any
    doc: str


class Configurable:
    """Base of everything with options: `EWC(strength=10.0)` checks and sets them."""

    name: ClassVar[str]

    def __init__(self, **options: Any) -> None:
        for key, value in check_options(type(self), options).items():
            setattr(self, key, value)

    @property
    def options(self) -> dict[str, Any]:
        """The resolved options of this object."""
        return {key: getattr(self, key) for key in option_model(type(self)).model_fields}


def name_of(contribution: Any) -> str:
    """A contribution's public name: its `name`, or its own name in snake_case."""
    explicit = vars(contribution).get("name") if isinstance(contribution, type) else getattr(contribution, "name", None)
    if isinstance(explicit, str) and explicit:
        return explicit
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", contribution.__name__).lower()


def check_options(target: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `target` with `given` filled in; `OptionError` lists everything wrong with them."""
    model = option_model(target)
    known = list(model.model_fields)
    issues = [((str(key),), f"unknown option of {name_of(target)!r}{suggest(str(key), known)}") for key in given if key not in known]
    values = {key: value for key, value in given.items() if key in known}
    try:
        checked = model(**values)
    except pydantic.ValidationError as error:
        for detail in error.errors(include_url=False):
            path = tuple(str(part) for part in detail["loc"])
            issues.append((path, f"{_sentence(detail)}, not {detail.get('input')!r}"))
        raise OptionError(issues) from None
    if issues:
        raise OptionError(issues)
    return {key: getattr(checked, key) for key in known}


def describe_options(target: Any) -> list[Option]:
    """The options of `target` in the order they were declared."""
    comments = _comments(target)
    return [
        Option(key, _type_name(field.annotation), None if field.default is PydanticUndefined else field.default, field.description or comments.get(key, ""))
        for key, field in option_model(target).model_fields.items()
    ]


@lru_cache(maxsize=None)
def option_model(target: Any) -> type[pydantic.BaseModel]:
    """The pydantic model of a target's options."""
    fields = _class_fields(target) if isinstance(target, type) and issubclass(target, Configurable) else _parameter_fields(target)
    config = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=(), validate_default=False)
    return pydantic.create_model(f"{target.__name__}Options", __config__=config, **fields)


def _class_fields(cls: type) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is Configurable or not issubclass(base, Configurable):
            continue
        for key, annotation in inspect.get_annotations(base).items():
            if key.startswith("_") or key == "name" or key not in vars(base):
                continue
            hint = typing.get_type_hints(base, include_extras=True)[key] if isinstance(annotation, str) else annotation
            if get_origin(hint) is not ClassVar and hint is not ClassVar:
                fields[key] = (hint, vars(base)[key])
        # A subclass may restate the default of an inherited option without repeating its type.
        for key in fields:
            if key in vars(base) and key not in inspect.get_annotations(base):
                fields[key] = (fields[key][0], vars(base)[key])
    return fields


def _parameter_fields(factory: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(factory.__init__ if isinstance(factory, type) else factory, include_extras=True)
    return {
        key: (hints.get(key, Any), ... if parameter.default is parameter.empty else parameter.default)
        for key, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _comments(target: Any) -> dict[str, str]:
    """Trailing comments of the lines that declare options, from every class of the target's line."""
    found: dict[str, str] = {}
    sources = reversed(target.__mro__) if isinstance(target, type) else [target]
    for source in sources:
        try:
            text = textwrap.dedent(inspect.getsource(source))
            tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        except (OSError, TypeError, tokenize.TokenError, SyntaxError, IndentationError):
            continue
        for token in tokens:
            declaration = re.match(r"\s*(\w+)\s*:", token.line)
            if token.type == tokenize.COMMENT and declaration:
                found[declaration.group(1)] = token.string.lstrip("# ").strip()
    return found


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is typing.Literal:
        return " | ".join(str(value) for value in typing.get_args(annotation))
    if origin is typing.Annotated:
        return _type_name(typing.get_args(annotation)[0])
    return annotation.__name__ if isinstance(annotation, type) and origin is None else str(annotation).replace("typing.", "")


def _sentence(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
