"""Numbers as people read them: a mean with its interval, in a unit that fits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.records import Measured
from clbench.records.cell import CellRecord
from clbench.report.bins import means_by_seed
from clbench.stats.intervals import mean_interval
from clbench.typing import Array

MISSING = "-"
# Units of what is often the same for every seed; then no interval is written.
CONSTANT = ("count", "bytes", "seconds")
PERCENT = {"fraction": 0.01, "points": 1.0}
STEPS = {
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")),
    "seconds": ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")),
}


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and half the width of its 95 % t interval.

    `half` is None where one seed says nothing of the spread.
    """

    mean: float
    half: float | None
    seeds: int


def estimate(cell: CellRecord, values: Array) -> Estimate | None:
    """Over the seeds that are finished and have a value, as `compare` counts them.

    Agents of one seed are no independent runs, and count as their mean.
    """
    means = means_by_seed(values[cell.complete], cell.seed[cell.complete])
    known = means[~np.isnan(means)]
    if not len(known):
        return None
    interval = mean_interval(known)
    half = (interval.high - interval.low) / 2
    # One seed says nothing of the spread.
    return Estimate(float(known.mean()), None if np.isnan(half) else half, len(known))


def show_estimate(found: Estimate | None, unit: str) -> str:
    """`93.1 ± 0.4`, in percent for fractions."""
    if found is None:
        return MISSING
    scale = scale_of([found.mean], unit)
    return _with_name(scale.estimate(found), scale)


def _with_name(shown: str, scale: Scale) -> str:
    """A number with the unit that it is in, where it does not say so itself."""
    return f"{shown} {scale.name}" if scale.name and shown != MISSING else shown


@dataclass(frozen=True)
class Scale:
    """What the numbers of one column share: a unit, and digits after the point."""

    unit: str
    divisor: float
    digits: int
    name: str  # of the unit that the numbers are in, where they do not say so themselves

    def number(self, value: float) -> str:
        """`93.1`."""
        if not np.isfinite(value):
            return MISSING
        # + 0.0: there is no minus zero
        return f"{round(value / self.divisor, self.digits) + 0.0:,.{self.digits}f}"

    def estimate(self, found: Estimate | None) -> str:
        """`93.1 ± 0.4`."""
        if found is None:
            return MISSING
        shown = self.number(found.mean)
        if found.half is not None and (found.half > 0 or self.unit not in CONSTANT):
            shown += f" ± {self.number(found.half)}"
        return shown

    def interval(self, mean: float, low: float, high: float) -> str:
        """`93.1 [92.6, 93.7]`."""
        shown = self.number(mean)
        if shown == MISSING or not (np.isfinite(low) and np.isfinite(high)):
            return shown
        return f"{shown} [{self.number(low)}, {self.number(high)}]"


def scale_of(values: Iterable[float], unit: str) -> Scale:
    """The scale that a column of these values is shown in, each with two figures at least."""
    least, most = _range(values)
    if unit in PERCENT:
        return _percent(unit, most)
    if unit == "count":
        return Scale(unit, 1.0, 0, "")
    if unit in STEPS:
        return _in_steps(unit, least, most)
    return Scale(unit, 1.0, max(_digits(most), _digits(least, figures=2)), "")


def _range(values: Iterable[float]) -> tuple[float, float]:
    """The sizes of the smallest and the largest, without zeros and what is not finite."""
    sizes = [abs(value) for value in values if value and np.isfinite(value)]
    return min(sizes, default=0.0), max(sizes, default=0.0)


def _percent(unit: str, most: float) -> Scale:
    """One digit after the point; more where all are small: a slope a task may be hundredths."""
    divisor = PERCENT[unit]
    is_small = 0 < most < divisor / 10
    digits = _digits(most / divisor, figures=2) if is_small else 1
    return Scale(unit, divisor, digits, "")


def _in_steps(unit: str, least: float, most: float) -> Scale:
    """The largest unit in which the largest is at least 1, and the least at least a hundredth."""
    for divisor, name in STEPS[unit]:
        if most >= divisor and least >= divisor / 100:
            return _one_step(unit, least, divisor, name)
    if unit == "bytes":
        return Scale(unit, 1.0, 0, "B")  # there is no fraction of a byte
    return _one_step(unit, least, 1.0, "s")


def _one_step(unit: str, least: float, divisor: float, name: str) -> Scale:
    digits = _digits(least / divisor, figures=2)
    return Scale(unit, divisor, max(1, digits), name)


def show_unit(measured: Measured, scale: Scale | None = None) -> str:
    """What stands under a column's name: the unit, and which way is better."""
    unit = {"fraction": "%", "points": "points"}.get(measured.unit, "")
    if scale is not None:
        unit = unit or scale.name
    better = "↑" if measured.higher_is_better else "↓"
    return f"{unit} {better}" if unit else better


def show_number(value: float, unit: str) -> str:
    """`93.1`, in percent for fractions."""
    scale = scale_of([value], unit)
    return _with_name(scale.number(value), scale)


def show_interval(mean: float, low: float, high: float, unit: str) -> str:
    """`93.1 [92.6, 93.7]`, all in the mean's unit."""
    scale = scale_of([mean], unit)
    return _with_name(scale.interval(mean, low, high), scale)


def show_p(p: float) -> str:
    """Three digits that count, and no false exactness for what is tiny."""
    if np.isnan(p):
        return MISSING
    return "< 0.0001" if p < 1e-4 else f"{p:.3g}"


def show_level(level: float) -> str:
    """`95 %`, of intervals."""
    return f"{100 * level:.4g} %"


def unit_words(unit: str) -> str:
    """What differences of a unit are called."""
    return {"fraction": " points", "points": " points"}.get(unit, "")


def _digits(size: float, figures: int = 4) -> int:
    """How many digits after the point show so many figures that count."""
    if size == 0 or not np.isfinite(size):
        return 1
    return int(np.clip(figures - 1 - np.floor(np.log10(size)), 0, 8))


def spread_out(count: int, most: int) -> list[int]:
    """At most so many of 0..count-1, evenly, first and last included."""
    if not count:
        return []
    chosen = np.linspace(0, count - 1, min(count, most))
    return sorted(set(map(round, chosen)))


def value_words(value: Any) -> str:
    """A value of a suite as a sentence names it: a word as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def choice_words(value: Any) -> str:
    """A name with its options, `mlp(hidden=[100])`, and any other value as it is."""
    if isinstance(value, Mapping) and len(value) == 1:
        return choice_words(list(*value.items()))
    match value:
        case [str(name), Mapping() as options]:
            return _called(name, options)
    return value_words(value)


def _called(name: str, options: Mapping[str, Any]) -> str:
    told = [f"{key}={value_words(one)}" for key, one in options.items()]
    return f"{name}({', '.join(told)})" if told else name
