"""Bits of sentences that many of them share."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.report.contest import THESE
from clbench.report.numbers import show_p

MAX_NAMED = 8  # of a list of strategies


def where_words(scenario: str | None, question: str, scenarios: int) -> str:
    """On which scenario; or which question over so many of them."""
    if scenario is not None:
        return scenario
    if question == THESE:
        return f"On these {scenarios} scenarios together"
    return f"On scenarios like these {scenarios}"


def equals(p: float) -> str:
    """`= 0.031`, `< 0.0001`."""
    return show_p(p) if p < 1e-4 else f"= {show_p(p)}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`, and no more than a few of them."""
    *most, last = names
    beyond = len(names) - MAX_NAMED
    if beyond > 0:
        most, last = list(names[:MAX_NAMED]), f"{beyond} more"
    return f"{', '.join(most)} and {last}" if most else last
