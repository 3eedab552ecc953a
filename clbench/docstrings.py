"""What a docstring says first: what lists, records and help show of a thing."""

from __future__ import annotations

import inspect


def summary(documentation: str | None) -> str:
    """The first paragraph of a docstring, as one line; empty where there is none."""
    first, _, _ = inspect.cleandoc(documentation or "").partition("\n\n")
    return " ".join(first.split())
