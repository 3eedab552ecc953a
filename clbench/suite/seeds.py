"""Seeds: a count or a list in a suite, `0-9`, `0,3,5`, `3-3` or a count on the command line."""

from __future__ import annotations

import re
from typing import Any

_FORMS = "write a count (10), a range (0-9; 3-3 is seed 3 alone) or a list (0,3,5)"


def parse_seeds(text: str) -> list[int]:
    """`--seeds`; ValueError says what may be written."""
    if re.fullmatch(r"\d+", text.strip()):
        return check_seeds(int(text))
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if match is None:
            raise ValueError(f"{text!r} names no seeds; {_FORMS}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"the range {part.strip()} runs backwards; write {last}-{first}")
        found += range(first, last + 1)
    return check_seeds(found)


def check_seeds(value: Any) -> list[int]:
    """The seeds a suite asks for, sorted; ValueError says what is wrong."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise ValueError(f"at least one seed is needed, not {value}")
        return list(range(value))
    if not isinstance(value, list) or not value or any(isinstance(seed, bool) or not isinstance(seed, int) for seed in value):
        raise ValueError(f"must be a count such as 10, or a list of whole numbers such as [0, 3, 5], not {value!r}")
    if min(value) < 0:
        raise ValueError(f"seeds are not negative, as {min(value)} is")
    twice = sorted({seed for seed in value if value.count(seed) > 1})
    if twice:
        raise ValueError("seeds are named twice: " + ", ".join(map(str, twice)))
    return sorted(value)
