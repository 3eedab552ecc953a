"""What measuring took, beside training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from clbench.records import CellRecord
from clbench.report.numbers import show_number
from clbench.typing import Array


def measuring_line(cells: Sequence[CellRecord]) -> str:
    """`measuring took: curvature 14.0 s, dormant_units 1.2 s (training 85.0 s)`, over all members.

    Empty where nothing was measured while it ran, and for records from before that was timed.
    """
    spent = _spent(cells)
    if not spent:
        return ""
    training = sum(_total(cell.cost.get("train_seconds")) for cell in cells)
    each = ", ".join(_each(spent))
    return f"measuring took: {each} (training {_shown(training)}; all runs together)"


def _spent(cells: Sequence[CellRecord]) -> dict[str, float]:
    """By metric, the seconds that measuring it took in all cells."""
    spent: dict[str, float] = defaultdict(float)
    for cell in cells:
        for name, seconds in cell.metric_seconds.items():
            spent[name] += _total(seconds)
    return spent


def _each(spent: Mapping[str, float]) -> list[str]:
    """The longest first."""
    names = sorted(spent, key=lambda name: (-spent[name], name))
    return [f"{name} {_shown(spent[name])}" for name in names]


def _shown(seconds: float) -> str:
    return show_number(seconds, "seconds")


def _total(seconds: Array | None) -> float:
    return 0.0 if seconds is None else float(np.nansum(seconds))
