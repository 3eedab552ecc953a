"""The kinds of things plugins contribute, and what a contribution of each kind must look like.

Base classes are told by name, so that the host itself never imports torch.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from clbench.options import Declaration, check_settings, name_of, option_model


@dataclass(frozen=True)
class Kind:
    """One kind of contribution: the hook that offers it, its base classes,
    option names that mean something else.
    """

    name: str
    hook: str
    bases: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()


# In this order `clbench list` and `describe` go through them.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "strategy",
            "clbench_strategies",
            ("Strategy", "SoloStrategy"),
            (
                "protocol",
                "label",
                "scenarios",
                "grid",
                "net",
                "optimizer",
                "members",
                "device",
                "scenario",
            ),
        ),
        Kind("metric", "clbench_metrics", ("RecordMetric", "ProbeMetric"), ("label", "grid")),
        Kind("scenario", "clbench_scenarios", ("Scenario",), ("label", "grid")),
        Kind("dataset", "clbench_datasets", ("Dataset",), ("grid",)),
        Kind("model", "clbench_models", (), ("grid",)),
        Kind("launcher", "clbench_launchers", ("Launcher",)),
        Kind("format", "clbench_report_formats", ("ReportFormat",)),
        Kind("export", "clbench_exports", ("ExportFormat",)),
        Kind("figure", "clbench_figures", ("FigureKind",)),
        Kind("importer", "clbench_importers", ("Importer",)),
    )
}

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

HOOKS: dict[str, str] = {kind.hook: kind.name for kind in KINDS.values()}


def check_contribution(kind: Kind, item: Any) -> str:
    """The public name of a contribution;
    `Declaration` says in one sentence what is wrong with it.
    """
    if kind.bases:
        _check_base(kind, item)
    else:
        _check_factory(kind, item)
    for key in _options_of(item):
        _check_option(kind, item, key)
    return _checked_name(item)


def _checked_name(item: Any) -> str:
    name = name_of(item)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise Declaration(
            f"{_shown(item)}: its name {name!r} is not one word of letters, digits, -, _ and ."
        )
    return name


def _options_of(item: Any) -> list[str]:
    try:
        # Raises for an annotation that cannot be an option.
        fields = option_model(item).model_fields
        check_settings(item)
    except Declaration as error:
        raise Declaration(f"{_shown(item)}: {error}") from error
    return list(fields)


def _check_option(kind: Kind, item: Any, key: str) -> None:
    # An option with the name of a method would replace that method of the base class.
    if key in kind.reserved or _is_method(item, key):
        raise Declaration(
            f"{_shown(item)}: an option cannot be called {key!r},"
            " that word means something else already"
        )


def _is_method(item: Any, name: str) -> bool:
    return any(isinstance(vars(base).get(name), FunctionType) for base in _own_bases(item))


def is_of_kind(kind: Kind, item: Any) -> bool:
    """Whether an item is a class made from one of the kind's base classes."""
    return any(base.__name__ in kind.bases for base in _own_bases(item))


def _check_base(kind: Kind, item: Any) -> None:
    if not isinstance(item, type):
        said = f"is not a class; a {kind.name} is a subclass of {_bases_in_words(kind)}"
        raise Declaration(f"{_shown(item)} {said}")
    if not is_of_kind(kind, item):
        raise Declaration(f"{_shown(item)} is not a subclass of {_bases_in_words(kind)}")


def _bases_in_words(kind: Kind) -> str:
    return " or ".join(f"clbench.{base}" for base in kind.bases)


def _own_bases(item: Any) -> list[type]:
    """The classes of ours that a contribution is made from."""
    return [
        base
        # Without the class itself: authors may call theirs what they like.
        for base in getattr(item, "__mro__", ())[1:]
        if base.__module__.partition(".")[0] == "clbench"
    ]


def _check_factory(kind: Kind, item: Any) -> None:
    if not callable(item) or not hasattr(item, "__name__"):
        raise Declaration(
            f"{_shown(item)} is not a function or class;"
            f" a {kind.name} is called as (input_shape, classes, *, options)"
        )
    positional = _positional_of(item)
    # Models are called with what the data says; whatever else they take is an option.
    if len(positional) < 2:
        raise Declaration(
            f"{_shown(item)} takes {len(positional)} positional arguments;"
            f" a {kind.name} takes input_shape and classes"
        )
    if len(positional) > 2:
        raise Declaration(
            f"{_shown(item)}: {positional[2]!r} is no option yet;"
            " write `*` before it, options are keyword-only"
        )


def _positional_of(item: Any) -> list[str]:
    """The names of what a function may be given by position."""
    parameters = inspect.signature(item).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind in POSITIONAL]


def _shown(item: Any) -> str:
    return getattr(item, "__qualname__", None) or repr(item)
