"""What a record says of a strategy beside its options: what it does, its papers, its defaults."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clbench.docstrings import summary
from clbench.options import name_of, plain_options


@dataclass(frozen=True)
class Described:
    """By the names of `CellRecord`'s fields."""

    about: str = ""
    papers: Mapping[str, str] = field(default_factory=dict)  # by strategy
    defaults: Mapping[str, Any] = field(default_factory=dict)  # as a cell's options are nested


def described(kinds: Sequence[type[Any]]) -> Described:
    """Of the classes of a composition."""
    by_name = {name_of(kind): kind for kind in kinds}
    papers = {name: _paper(kind) for name, kind in by_name.items()}
    defaults = {name: plain_options(kind, {}) for name, kind in by_name.items()}
    return Described(
        about=_about(by_name),
        papers={name: paper for name, paper in papers.items() if paper},
        # The options of one strategy stand alone, as they do in a suite.
        defaults=defaults if len(defaults) > 1 else next(iter(defaults.values())),
    )


def _about(kinds: Mapping[str, type[Any]]) -> str:
    """What these classes do, in the first sentences of their documentation."""
    lines = {name: summary(inspect.getdoc(kind)) for name, kind in kinds.items()}
    if len(lines) == 1:
        return next(iter(lines.values()))
    return " ".join(f"{name}: {line}" for name, line in lines.items())


def _paper(kind: type[Any]) -> str:
    """The class's own: whoever derives a method from another has not written its paper."""
    return str(vars(kind).get("paper", ""))
