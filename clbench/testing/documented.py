"""The check that `clbench describe` has something to say, which all kinds share."""

from __future__ import annotations

from collections.abc import Collection

from clbench.options import describe_options


def check_docstring(cls: type, wanted: str) -> None:
    """A class says what it is; `wanted` is what it should say."""
    assert (cls.__doc__ or "").strip(), f"{cls.__name__} has no docstring: {wanted}"


def check_options_documented(cls: type, known: Collection[str] = (), prefix: str = "") -> None:
    """Every option has a comment at its declaration, but for those that all of the kind have."""
    options = describe_options(cls)
    silent = [option.name for option in options if not option.doc and option.name not in known]
    assert not silent, (
        f"{prefix}options without a comment at their declaration: {', '.join(silent)}"
    )
