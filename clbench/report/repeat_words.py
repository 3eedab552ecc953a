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
    told = f"{_sign(worst)}{SHORT[worst.verdict]}"
    if worst.verdict not in CONFIRMED:
        told += f", {_signed(worst)} points"
    elsewhere = any(one.elsewhere for one in repeats)
    return f"{told}, elsewhere" if elsewhere else told


def _sign(one: Repeat) -> str:
    """A tick or a cross; neither below five seeds."""
    if one.seeds < FEWEST_SEEDS:
        return ""
    if one.verdict in CONFIRMED:
        return "✓ "
    return "✗ " if one.verdict == DIFFERS else ""


def _signed(one: Repeat) -> str:
    shown = show_number(one.difference, "fraction")
    return f"+{shown}" if one.difference > 0 else shown


def repeat_sentence(one: Repeat) -> str:
    """One repeat in full."""
    where = "in another environment" if one.elsewhere else "in the same environment"
    noun = "seed" if one.seeds == 1 else "seeds"
    return f"{one.seeds} {noun} measured again {where}: {_found(one)}{_unlike(one)}."


def _found(one: Repeat) -> str:
    if one.verdict == SAME:
        return "the same to the last bit"
    if one.verdict == EQUAL:
        return "the final accuracies are equal, though not every number is"
    if not np.isfinite(one.difference):
        return "no seed finished both times"
    size = show_interval(one.difference, one.low, one.high, "fraction")
    return (
        f"mean final accuracy {show_number(one.again, 'fraction')} % instead of"
        f" {show_number(one.first, 'fraction')} %, seed by seed {size} points, no seed farther than"
        f" {show_number(one.largest, 'fraction')} points; {_judged(one)}"
    )


def _judged(one: Repeat) -> str:
    # One shift in all seeds has no spread, and a p that says little.
    if one.verdict == DIFFERS and one.high - one.low < LEAST_GAP:
        return "the two differ, by the same in every seed"
    if one.verdict == DIFFERS:
        return f"the two differ (p {_equals(one.p)})"
    if one.verdict == NOT_SHOWN:
        return f"no difference is shown (p {_equals(one.p)})"
    return f"too few seeds to tell ({FEWEST_SEEDS} are needed)"


def _equals(p: float) -> str:
    return show_p(p) if p < 1e-4 else f"= {show_p(p)}"


def _unlike(one: Repeat) -> str:
    if not one.unlike:
        return ""
    noun = "seed" if one.unlike == 1 else "seeds"
    return f"; {one.unlike} {noun} failed one time and finished the other"
