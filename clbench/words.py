"""Numbers with their nouns, as sentences have them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 strategy`, `2 strategies`."""
    return f"{number} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """`seed` of one, `seeds` of any other number."""
    if number == 1:
        return noun
    return noun.removesuffix("y") + "ies" if noun.endswith("y") else f"{noun}s"
