"""Paths into a suite: `strategies[2].er.memory`."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_PATH = re.compile(r"[^.\[\]=]+(\[\d+\]|\.[^.\[\]=]+)*")


def render(path: Path) -> str:
    """`strategies[2].er.memory`; the whole suite is `suite`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".") or "suite"


def parse_path(text: str) -> Path:
    """`strategies[2].er.memory` as a path; ValueError where it is none."""
    if not _PATH.fullmatch(text):
        raise ValueError(
            f"{text!r} is no path; write it like protocol.epochs or strategies[1].er.memory"
        )
    return tuple(
        int(index) if index else word for word, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", text)
    )


def numbered(path: Sequence[str]) -> Path:
    """A path of words with its list positions as numbers again."""
    return tuple(int(part) if part.isdigit() else part for part in path)


def longest_known(path: Path, known: Container[Path]) -> Path | None:
    """The longest beginning of a path that is known; None where not even the whole suite is."""
    for depth in range(len(path), -1, -1):
        if path[:depth] in known:
            return path[:depth]
    return None


def depth_within(data: Any, path: Path) -> int:
    """How many steps of the path exist in the data."""
    for depth, part in enumerate(path):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)
