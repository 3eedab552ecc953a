"""Whether the methods that are compared carry about as much memory beside their networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.records import CellRecord, Results
from clbench.report.numbers import show_number
from clbench.report.runs import by_scenario

COMPARABLE = 2.0  # times: what differs by more is said
# Bytes: whoever carries less (counts, ages, a generator) keeps nothing of its past.
COUNTERS = 1000.0


@dataclass(frozen=True)
class Unequal:
    """The methods of a scenario that carry least and most, in bytes a run."""

    scenario: str
    least: str
    least_bytes: float
    most: str
    most_bytes: float

    @property
    def ratio(self) -> float:
        """How many times as much the one carries as the other."""
        return self.most_bytes / self.least_bytes


def carrying_lines(results: Results) -> Iterable[str]:
    """One sentence on the scenario where memory differs most, if anywhere by more than twice."""
    scenarios = by_scenario(results.cells)
    found = [one for one in map(unequal, scenarios.values()) if one is not None]
    if not found:
        return
    widest = max(found, key=lambda one: one.ratio)
    where = f" on {widest.scenario}" if len(scenarios) > 1 else ""
    others = f" (they differ on {len(found) - 1} more)" if len(found) > 1 else ""
    yield (
        f"The methods do not carry equally much beside their networks{where}{others}:"
        f" {_sizes_in_words(widest)};"
        " of methods that keep samples, `memory: 200kB` gives each the same."
    )


def _sizes_in_words(found: Unequal) -> str:
    """`er 392.5 kB, ewc 3.1 MB, 8.0 times as much (state_bytes)`."""
    least = f"{found.least} {_shown(found.least_bytes)}"
    most = f"{found.most} {_shown(found.most_bytes)}"
    return f"{least}, {most}, {found.ratio:.1f} times as much (state_bytes)"


def unequal(cells: Sequence[CellRecord]) -> Unequal | None:
    """Who carries least and who most, of those that carry something; None where about the same.

    Methods that carry nothing have nothing to be compared by, and bounds do not compete.
    """
    kept = _kept(cells)
    if not kept:
        return None
    least = min(kept, key=kept.__getitem__)
    most = max(kept, key=kept.__getitem__)
    found = Unequal(cells[0].scenario, least, kept[least], most, kept[most])
    return found if found.most_bytes > COMPARABLE * found.least_bytes else None


def _kept(cells: Iterable[CellRecord]) -> dict[str, float]:
    """By method, what those carry that keep something of their past."""
    sizes = {cell.label: carried(cell) for cell in cells if not cell.is_bound}
    return {label: size for label, size in sizes.items() if size >= COUNTERS}


def carried(cell: CellRecord) -> float:
    """What a run of the cell carries, in bytes; 0 where that is not known.

    Records without `device_bytes` are older than the count of samples as images: they hold the size
    of indices, which nothing should be compared by.
    """
    if "state_bytes" not in cell.cost or "device_bytes" not in cell.cost:
        return 0.0
    sizes = np.asarray(cell.cost["state_bytes"], dtype=np.float64)
    return float(np.nan_to_num(sizes).max(initial=0.0))


def _shown(size: float) -> str:
    return show_number(size, "bytes")
