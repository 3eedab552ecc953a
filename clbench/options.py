"""Options: typed, validated and documented where they are declared.

A strategy, metric, scenario or data set is a `Configurable`: its options are its annotated class
attributes with defaults, in pydantic's types. A model is any callable: its options are its
keyword-only parameters. Both are read by the same functions, so a stranger's options are checked as
strictly as the built-in ones, before anything runs.

Options come from YAML or Python and go to records and workers as JSON, so they are checked as JSON
is: strictly (`true` is not a number, `"200"` is not one either), a list standing for a tuple.
"""

from __future__ import annotations

import inspect
import itertools
import json
import re
import sys
import typing
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, get_origin

import pydantic
import pydantic.fields
from pydantic_core import PydanticUndefined

from clbench.errors import OptionError, StrategyError, shown, suggest
from clbench.option_docs import option_comments
from clbench.option_issues import issues_of
from clbench.option_types import annotation_name, takes_none, type_name

# An option's type, and its default.
Declared = tuple[Any, Any]

_CONFIG = pydantic.ConfigDict(extra="forbid", protected_namespaces=(), ser_json_inf_nan="constants")


@dataclass(frozen=True)
class Option:
    """One option as `clbench describe` shows it;
    `default` is None and `required` True where there is none.
    """

    name: str
    type: str
    default: Any
    doc: str
    required: bool = False


class Declaration(TypeError):
    """An option that was declared in a way nobody could set:
    the author's mistake, found when the plugin loads.
    """


class Configurable:
    """Base of everything with options: `EWC(strength=10.0)` checks and sets them, once and for all.

    Options are what a record says a run was made with, and no part of the state that a checkpoint
    saves: one that changed while it runs would be another after a resume.
    """

    name: ClassVar[str]

    def __init__(self, **options: Any) -> None:
        for key, value in check_options(type(self), options).items():
            setattr(self, key, value)

    def __setattr__(self, name: str, value: Any) -> None:
        cls: Any = type(self)
        # The first time is when it is made.
        if name in vars(self) and name in option_names(cls):
            raise StrategyError(
                f"{name_of(cls)} sets its option {name!r} while it runs;"
                " an option stays as it was given: "
                f"keep what changes in an attribute of its own, such as self.current_{name}"
            )
        super().__setattr__(name, value)

    @property
    def options(self) -> dict[str, Any]:
        """The resolved options of this object."""
        cls: Any = type(self)
        return {key: getattr(self, key) for key in option_model(cls).model_fields}


def name_of(contribution: Any) -> str:
    """A contribution's public name: its `name`, or its own name in snake_case.

    A run of capitals is one word (`HTTPProbe`: `http_probe`), and so are pieces of at most two
    letters one of which is a single letter (`LwF`: `lwf`, `ICaRL`: `icarl`).
    """
    explicit = (
        vars(contribution).get("name")
        if isinstance(contribution, type)
        else getattr(contribution, "name", None)
    )
    if isinstance(explicit, str) and explicit:
        return explicit
    return _snake_case(contribution.__name__)


@cache
def _snake_case(name: str) -> str:
    # Between a small letter and a capital, and before the last capital of a run.
    pieces = re.split(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", name)
    words: list[str] = []
    for short, group in itertools.groupby(pieces, key=lambda piece: len(piece) <= 2):
        run = list(group)
        abbreviation = short and any(len(piece) == 1 for piece in run)
        words += ["".join(run)] if abbreviation else run
    return "_".join(words).lower()


def check_options(target: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `target` with `given` filled in;
    `OptionError` lists everything wrong with them.
    """
    checked = _checked(target, given)
    # Attributes, not a dump: tuples stay tuples, nested models themselves.
    return {key: getattr(checked, key) for key in type(checked).model_fields}


def plain_options(target: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """`check_options` as plain data: what a cell holds, a record stores and a worker is sent."""
    return _checked(target, given).model_dump(mode="json")


def describe_options(target: Any) -> list[Option]:
    """The options of `target` in the order they were declared."""
    comments = option_comments(target)
    found = []
    for key, field in option_model(target).model_fields.items():
        doc = field.description or comments.get(key, "")
        default = None if field.is_required() else field.default
        found.append(Option(key, type_name(field), default, doc, field.is_required()))
    return found


@cache
def option_names(target: Any) -> frozenset[str]:
    """The names of a target's options."""
    return frozenset(option_model(target).model_fields)


@cache
def option_model(target: Any) -> type[pydantic.BaseModel]:
    """The pydantic model of a target's options;
    `Declaration` names the option that cannot be understood.
    """
    fields = _class_fields(target) if _is_configurable(target) else _parameter_fields(target)
    checked: dict[str, Any] = {}
    for key, (hint, default) in fields.items():
        checked[key] = hint, _typed_default(key, hint, default)
    with warnings.catch_warnings():
        # Pydantic warns about an option called `copy` or `schema`; here it shadows nothing.
        warnings.simplefilter("ignore", UserWarning)
        return pydantic.create_model(f"{name_of(target)}_options", __config__=_CONFIG, **checked)


def check_settings(target: Any) -> None:
    """Raise `Declaration` where a class gives `when`,
    `summary` or the like a value that its base does not know.
    """
    # Declared by whichever base has the annotation.
    for base in target.__mro__ if _is_configurable(target) else ():
        for key, known in _settings_of(base).items():
            value = getattr(target, key)
            if value not in known:
                listed = ", ".join(map(repr, known))
                raise Declaration(f"{key} is {shown(value)}; it is one of {listed}")


@cache
def _settings_of(base: type) -> dict[str, tuple[Any, ...]]:
    """What `ClassVar[Literal[...]]` that a class itself declares may be."""
    settings = {}
    for key in inspect.get_annotations(base):
        hint = _hint(base, key)
        inner = typing.get_args(hint)[:1] if get_origin(hint) is ClassVar else ()
        if inner and get_origin(inner[0]) is typing.Literal:
            settings[key] = typing.get_args(inner[0])
    return settings


@cache
def _hint(base: type, key: str) -> Any:
    """The type of one annotation of a class; read once, for a base class has many heirs."""
    annotation = inspect.get_annotations(base)[key]
    return _evaluate(key, annotation, base.__module__, dict(vars(base)))


def _checked(target: Any, given: Mapping[str, Any]) -> pydantic.BaseModel:
    model = option_model(target)
    known = list(model.model_fields)
    issues, values = [], {}
    for key, value in given.items():
        if key in known:
            values[key] = _without_word(model, key, value)
        else:
            unknown = f"unknown option of {name_of(target)!r}{suggest(str(key), known)}"
            issues.append(((str(key),), unknown))
    try:
        # As JSON, where a list may stand for a tuple although the check is strict.
        checked = model.model_validate_json(json.dumps(values, default=_as_plain), strict=True)
    except pydantic.ValidationError as error:
        raise OptionError([*issues, *issues_of(error, values)]) from None
    if issues:
        raise OptionError(issues)
    return checked


def _without_word(model: type[pydantic.BaseModel], key: str, value: Any) -> Any:
    """An option's value, in which the word `none` may stand for None."""
    says_none = isinstance(value, str) and value == "none"
    if says_none and takes_none(model.model_fields[key].annotation):
        return None
    return value


def _as_plain(value: Any) -> Any:
    """What JSON does not know but a Python caller may give:
    arrays and their scalars, sets, paths.
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    # A set has no order of its own, and the same one has to be the same cell.
    return sorted(value) if isinstance(value, (set, frozenset)) else str(value)


def _is_configurable(target: Any) -> bool:
    return isinstance(target, type) and issubclass(target, Configurable)


def _class_fields(cls: type) -> dict[str, Declared]:
    """Options of a class and of those it is made from, the bases first."""
    fields: dict[str, Declared] = {}
    # Later classes overwrite what their bases say.
    for base in reversed(cls.__mro__):
        if base is not Configurable and _is_configurable(base):
            fields |= _restated(base, fields)
            _take_annotations(base, fields)
    return fields


def _restated(base: type, fields: Mapping[str, Declared]) -> dict[str, Declared]:
    """Inherited options of which a class gives another default without repeating their types."""
    own = inspect.get_annotations(base)
    names = [key for key in fields if key in vars(base) and key not in own]
    return {key: (fields[key][0], vars(base)[key]) for key in names}


def _take_annotations(base: type, fields: dict[str, Declared]) -> None:
    """Add the options that a class itself declares, and drop what it declares to be none."""
    for key in inspect.get_annotations(base):
        if key.startswith("_") or key == "name":
            continue
        if key not in vars(base):
            _check_without_default(base, key)
            continue
        hint = _hint(base, key)
        if _is_class_variable(hint):
            fields.pop(key, None)
        else:
            fields[key] = hint, vars(base)[key]


def _is_class_variable(hint: Any) -> bool:
    return hint is ClassVar or get_origin(hint) is ClassVar


def _check_without_default(base: type, key: str) -> None:
    """Refuse an attribute that reads like an option and is none;
    one that holds a tensor is not meant as one.
    """
    try:
        hint = _hint(base, key)
    except Declaration:
        return  # a type that exists for type checkers only
    if _is_class_variable(hint) or hasattr(base, key):
        return
    try:
        pydantic.TypeAdapter(hint)
    except (pydantic.errors.PydanticUserError, TypeError):
        return  # a type that no suite could give
    shown = annotation_name(hint)
    raise Declaration(
        f"{key!r} has no default, so it is no option; write `{key}: {shown} = ...`, "
        f"or, if it is no option, `{key}: ClassVar[{shown}]`"
    )


def _parameter_fields(factory: Any) -> dict[str, Declared]:
    """Options of a callable: its keyword-only parameters."""
    found: dict[str, Declared] = {}
    for key, parameter in inspect.signature(factory).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        hint: Any = Any
        if parameter.annotation is not parameter.empty:
            hint = _evaluate(key, parameter.annotation, factory.__module__, {})
        # An ellipsis stands for no default, as pydantic has it.
        default = ... if parameter.default is parameter.empty else parameter.default
        found[key] = hint, default
    return found


def _evaluate(key: str, annotation: Any, module: str, names: dict[str, Any]) -> Any:
    """One annotation's type.

    One at a time, so that names imported for type checkers only do no harm elsewhere.
    """
    if not isinstance(annotation, str):
        return annotation
    # `get_type_hints` reads the annotations of a class or function, so one is made for this one.
    holder = type("Holder", (), {"__annotations__": {key: annotation}, "__module__": module})
    known = vars(sys.modules[module]) if module in sys.modules else {}
    try:
        return typing.get_type_hints(holder, known, names, include_extras=True)[key]
    except Exception as error:
        raise Declaration(
            f"option {key!r}: its type `{annotation}` cannot be read ({error})"
        ) from error


def _typed_default(key: str, hint: Any, default: Any) -> Any:
    """The default as the type says it.

    `1` of a float is 1.0, so that a suite that restates it means the same.
    """
    metadata = default if isinstance(default, pydantic.fields.FieldInfo) else None
    value = metadata.get_default(call_default_factory=True) if metadata else default
    adapter = _adapter(key, hint, metadata)
    if value is ... or value is PydanticUndefined:
        return default
    try:
        typed = adapter.validate_python(value)
        adapter.dump_python(typed, mode="json")  # a record could not hold it otherwise
    except (pydantic.ValidationError, pydantic.errors.PydanticUserError, ValueError) as error:
        raise Declaration(
            f"option {key!r}: its default {value!r} does not fit its type `{annotation_name(hint)}`"
        ) from error
    if metadata is None:
        return typed
    return pydantic.fields.FieldInfo.merge_field_infos(
        metadata, default=typed, default_factory=None
    )


def _adapter(
    key: str, hint: Any, metadata: pydantic.fields.FieldInfo | None
) -> pydantic.TypeAdapter[Any]:
    """What checks values of an option's type; `Declaration` where no suite could give one."""
    try:
        return pydantic.TypeAdapter(typing.Annotated[hint, metadata] if metadata else hint)
    except (pydantic.errors.PydanticUserError, TypeError) as error:
        shown = annotation_name(hint)
        reason = str(error).split(". ")[0]
        raise Declaration(
            f"option {key!r}: its type `{shown}` is not one a suite could give; {reason}"
        ) from error
