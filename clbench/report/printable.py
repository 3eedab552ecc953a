"""Text from files, made safe to print: no letter of it can steer a terminal."""

from __future__ import annotations

REPLACED = "?"
HARMLESS = "\n\t"


def printable(text: str) -> str:
    """The text with everything that is not shown as a letter replaced.

    Names, options, errors and suites come from files of strangers. Escape sequences move the cursor,
    recolour what follows or write to the clipboard; marks of writing direction turn text round.
    """
    if text.isprintable():
        return text
    return "".join(letter if _is_shown(letter) else REPLACED for letter in text)


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter in HARMLESS
