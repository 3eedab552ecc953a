"""Names of what a record holds: paths in the file, in which a folder is no array."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard


def why_not_kept(name: object, known: Iterable[str]) -> str | None:
    """Why an array of this name cannot be kept beside those, as the end of a sentence about it.

    None where it can.
    """
    if not _is_path(name):
        return "is no name: write words, with single slashes between them"
    for other in known:
        if _is_within(name, other) or _is_within(other, name):
            return f"cannot be kept beside {other!r}: one would be a folder, the other an array"
    return None


def _is_path(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and not {"", "."} & set(name.split("/"))


def _is_within(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/")
