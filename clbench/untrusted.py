"""Text from files of strangers, made safe for terminals and spreadsheets;
pages escape what they hold by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPLACED = "?"
HARMLESS = "\n\t"
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the begin of a formula


def printable(text: str) -> str:
    """The text with everything that is not shown as a letter replaced.

    Names, options, errors and suites come from files of strangers. Escape sequences move the
    cursor, recolour what follows or write to the clipboard; marks of writing direction turn text
    round.
    """
    if text.isprintable():
        return text
    return "".join(letter if _is_shown(letter) else REPLACED for letter in text)


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter in HARMLESS


def inert(text: str) -> str:
    """The text as a cell of a CSV file that no spreadsheet computes:
    a formula gets an apostrophe before it.
    """
    return f"'{text}" if text.startswith(FORMULAS) else text


def inert_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a CSV file with its texts inert; numbers stay as they are."""
    return {key: inert(cell) if isinstance(cell, str) else cell for key, cell in row.items()}
