"""The option `memory` of methods that keep samples:
how many, or the bytes that all they carry may take.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from clbench.errors import shown
from clbench.option_types import Words

UNITS = {"GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?) ?(GB|MB|kB|B)")
_WANTED = "a number of samples (500), or of bytes with its unit: 200kB, 1.5MB or 2GB (kB are 1000)"


def check_memory(value: Any) -> int | str:
    """A number of samples, or a budget in one way of writing it,
    so that equal budgets are equal cells.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and (budget := _bytes(value)):
        return shown_bytes(budget)
    raise ValueError(f"{_WANTED}, not {shown(value)}")


def budget_of(memory: int | str) -> int | None:
    """The bytes of a budget; None of a number of samples."""
    if isinstance(memory, int):
        return None
    budget = _bytes(memory)
    if budget is None:
        raise ValueError(f"{_WANTED}, not {shown(memory)}")
    return budget


def is_budget(value: object) -> bool:
    """Whether this is a number of bytes with its unit, as `memory` takes it."""
    return isinstance(value, str) and _bytes(value) is not None


def shown_bytes(count: int) -> str:
    """In the largest unit that leaves no fraction: `200kB`."""
    # Units come largest first.
    unit = next(unit for unit, size in UNITS.items() if count % size == 0)
    return f"{count // UNITS[unit]}{unit}"


def _bytes(written: str) -> int | None:
    """A whole number of bytes, at least one; None where it is written in another way."""
    found = _PATTERN.fullmatch(written.strip())
    if found is None:
        return None
    number, unit = found.groups()
    count = Decimal(number) * UNITS[unit]  # 1.1kB are 1100 bytes, and not almost so many
    return int(count) if count == int(count) and count > 0 else None


Memory = Annotated[
    int | str,
    PlainValidator(check_memory),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": rf"^{_PATTERN.pattern}$"},
            ]
        }
    ),
    Words("samples | bytes (200kB)"),
]
"""The type of the option: `memory: Memory = 500`. Buffers take it as it is."""
