"""Testing several pairs at once: p-values adjusted for how many there are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clbench.stats.families import holm_multipliers, step_down, worth_testing
from clbench.stats.ranks import unsorted
from clbench.typing import Array

CORRECTIONS = ("holm", "bonferroni", "fdr_bh", "none")
WORDS = {
    "holm": "Holm",
    "bonferroni": "Bonferroni",
    "fdr_bh": "Benjamini-Hochberg",
    "none": "no correction",
}


def adjust(p: Array, correction: str) -> Array:
    """Adjusted p-values; NaN is a test that could not be made, and no member of the family."""
    adjusted = np.full(len(p), np.nan)
    known = ~np.isnan(p)
    adjusted[known] = _METHODS[correction](p[known])
    return adjusted


def adjust_testable(p: Array, smallest: Array, correction: str, alpha: float) -> Array:
    """The same, in which a test that could never reject is in nobody's way (Tarone 1990).

    `smallest` is the least p that each test's design allows. Who may not take part still pays for
    all: so it stays above alpha, where it was in any case. False shares need no such care.
    """
    if correction not in ("holm", "bonferroni"):
        return adjust(p, correction)
    takes_part = _that_take_part(p, smallest, alpha)
    # Whoever does not take part could not reach alpha / (its family), and this is more.
    adjusted: Array = np.minimum(p * (~np.isnan(p)).sum(), 1.0)
    adjusted[takes_part] = adjust(p[takes_part], correction)
    return adjusted


def _that_take_part(p: Array, smallest: Array, alpha: float) -> Array:
    known = ~np.isnan(p)
    takes_part = known.copy()
    takes_part[known] = worth_testing(smallest[known], alpha)
    return takes_part


def _holm(p: Array) -> Array:
    """Step down: controls the chance of one false claim or more (Holm 1979)."""
    return step_down(p, holm_multipliers(len(p)))


def _benjamini_hochberg(p: Array) -> Array:
    """Step up: controls the expected share of false claims (Benjamini & Hochberg 1995)."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    # The largest share that is small enough carries all smaller p with it.
    steps = np.minimum.accumulate(scaled[::-1])[::-1]
    return unsorted(np.minimum(steps, 1.0), order)


def _bonferroni(p: Array) -> Array:
    adjusted: Array = np.minimum(p * len(p), 1.0)
    return adjusted


_METHODS: dict[str, Callable[[Array], Array]] = {
    "holm": _holm,
    "bonferroni": _bonferroni,
    "fdr_bh": _benjamini_hochberg,
    "none": np.array,
}
