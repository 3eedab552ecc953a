"""Numbers as people read them: a mean with its interval, in a unit that fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench.records import Measured
from clbench.records.cell import Array, CellRecord

MISSING = "-"
CONSTANT = (
    "count",
    "bytes",
    "seconds",
)  # often the same for every seed; then no interval is written
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_SECONDS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and half the width of its 95 % t interval; `half` is None where one seed says nothing of the spread."""

    mean: float
    half: float | None
    seeds: int


def estimate(cell: CellRecord, values: Array) -> Estimate | None:
    """Over the seeds that have a value; agents of one seed are no independent runs, and count as their mean."""
    known = ~np.isnan(values)
    means = np.array(
        [values[known & (cell.seed == seed)].mean() for seed in np.unique(cell.seed[known])]
    )
    if not len(means):
        return None
    return Estimate(float(means.mean()), _half_width(means), len(means))


def _half_width(values: Array) -> float | None:
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    return float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))


def show_estimate(found: Estimate | None, unit: str) -> str:
    """`93.1 ± 0.4`, in percent for fractions."""
    if found is None:
        return MISSING
    scale, digits, suffix = _scale(found.mean, unit)
    shown = f"{found.mean / scale:,.{digits}f}"
    if found.half is not None and (found.half > 0 or unit not in CONSTANT):
        shown += f" ± {found.half / scale:,.{digits}f}"
    return shown + suffix


def show_unit(measured: Measured) -> str:
    """What stands under a column's name: the unit, and which way is better."""
    unit = {"fraction": "%", "points": "points"}.get(measured.unit, "")
    return " ".join(filter(None, (unit, "↑" if measured.higher_is_better else "↓")))


def show_number(value: float, unit: str, like: float | None = None) -> str:
    """`93.1`, in percent for fractions; in the unit that suits `like`, where several numbers stand together."""
    if not np.isfinite(value):
        return MISSING
    scale, digits, suffix = _scale(value if like is None else like, unit)
    return (
        f"{round(value / scale, digits) + 0.0:,.{digits}f}{suffix}"  # + 0.0: there is no minus zero
    )


def show_interval(mean: float, low: float, high: float, unit: str) -> str:
    """`93.1 [92.6, 93.7]`, all in the mean's unit."""
    shown = show_number(mean, unit)
    if shown == MISSING or not (np.isfinite(low) and np.isfinite(high)):
        return shown
    return f"{shown} [{show_number(low, unit, mean)}, {show_number(high, unit, mean)}]"


def show_p(p: float) -> str:
    """Three digits that count, and no false exactness for what is tiny."""
    if np.isnan(p):
        return MISSING
    return "< 0.0001" if p < 1e-4 else f"{p:.3g}"


def unit_words(unit: str) -> str:
    """What differences of a unit are called."""
    return {"fraction": " points", "points": " points"}.get(unit, "")


def _scale(mean: float, unit: str) -> tuple[float, int, str]:
    """What to divide by, digits after the point, and the unit to write after it."""
    if unit == "fraction":
        return 0.01, 1, ""
    if unit == "points":
        return 1.0, 1, ""
    if unit == "count":
        return 1.0, 0, ""
    steps = {"bytes": _BYTES, "seconds": _SECONDS}.get(unit)
    if steps is None:
        return 1.0, _digits(mean), ""
    for size, name in steps:
        if abs(mean) >= size:
            return size, 1, f" {name}"
    return (1.0, 0, " B") if unit == "bytes" else (1.0, 1, " s")


def _digits(mean: float) -> int:
    """Four figures that count."""
    if mean == 0 or not np.isfinite(mean):
        return 1
    return int(np.clip(3 - np.floor(np.log10(abs(mean))), 0, 8))


def spread_out(count: int, most: int) -> list[int]:
    """At most so many of 0..count-1, evenly, first and last included."""
    return (
        sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
        if count
        else []
    )
