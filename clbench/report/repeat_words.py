"""What is said of cells that were measured more than once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clbench.report.numbers import show_interval, show_number, show_p
from clbench.report.reproduction import (
    DIFFERS,
    EQUAL,
    FEWEST_SEEDS,
    LEAST_GAP,
    NOT_SHOWN,
    SAME,
    TOO_FEW,
    Repeat,
)
from clbench.words import counted

NOT_YET = "not yet"
WORST_FIRST = (DIFFERS, TOO_FEW, NOT_SHOWN, EQUAL, SAME)
SHORT = {
    SAME: "same numbers",
    EQUAL: "equal",
    DIFFERS: "differs",
    NOT_SHOWN: "no difference shown",
    TOO_FEW: "too few seeds",
}
CONFIRMED = (SAME, EQUAL)  # what gets a tick; that no difference is shown confirms nothing


def repeat_mark(repeats: Sequence[Repeat]) -> str:
    """A cell's repeats in a few words: the worst of them."""
    if not repeats:
        return NOT_YET
    worst = min(repeats, key=lambda one: WORST_FIRST.index(one.verdict))
    elsewhere = any(one.elsewhere for one in repeats)
    return f"{_short(worst)}, elsewhere" if elsewhere else _short(worst)


def _short(one: Repeat) -> str:
    told = f"{_sign(one)}{SHORT[one.verdict]}"
    return told if one.verdict in CONFIRMED else f"{told}, {_signed(one)} points"


def _sign(one: Repeat) -> str:
    """A tick or a cross; neither below five seeds."""
    if one.seeds < FEWEST_SEEDS:
        return ""
    if one.verdict in CONFIRMED:
        return "✓ "
    return "✗ " if one.verdict == DIFFERS else ""


def _signed(one: Repeat) -> str:
    shown = _shown(one.difference)
    return f"+{shown}" if one.difference > 0 else shown


def repeat_sentence(one: Repeat) -> str:
    """One repeat in full."""
    where = "in another environment" if one.elsewhere else "in the same environment"
    return f"{counted(one.seeds, 'seed')} measured again {where}: {_found(one)}{_unlike(one)}."


def _found(one: Repeat) -> str:
    if one.verdict == SAME:
        return "the same to the last bit"
    if one.verdict == EQUAL:
        return "the final accuracies are equal, though not every number is"
    if not np.isfinite(one.difference):
        return "no seed finished both times"
    return _in_numbers(one)


def _in_numbers(one: Repeat) -> str:
    size = show_interval(one.difference, one.low, one.high, "fraction")
    return (
        f"mean final accuracy {_shown(one.again)} % instead of {_shown(one.first)} %, seed by seed"
        f" {size} points, no seed farther than {_shown(one.largest)} points; {_judged(one)}"
    )


def _shown(accuracy: float) -> str:
    return show_number(accuracy, "fraction")


def _judged(one: Repeat) -> str:
    if one.verdict == DIFFERS:
        # One shift in all seeds has no spread, and a p that says little.
        if one.high - one.low < LEAST_GAP:
            return "the two differ, by the same in every seed"
        return f"the two differ (p {_equals(one.p)})"
    if one.verdict == NOT_SHOWN:
        return f"no difference is shown (p {_equals(one.p)})"
    return f"too few seeds to tell ({FEWEST_SEEDS} are needed)"


def _equals(p: float) -> str:
    return show_p(p) if p < 1e-4 else f"= {show_p(p)}"


def _unlike(one: Repeat) -> str:
    if not one.unlike:
        return ""
    return f"; {counted(one.unlike, 'seed')} failed one time and finished the other"
