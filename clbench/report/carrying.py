"""Whether the methods that are compared carry about as much memory beside their networks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from clbench.records import CellRecord, Results
from clbench.report.numbers import show_number

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
    scenarios = _by_scenario(results)
    found = [one for one in map(unequal, scenarios) if one is not None]
    if not found:
        return
    widest = max(found, key=lambda one: one.ratio)
    where = f" on {widest.scenario}" if len(scenarios) > 1 else ""
    others = f" (they differ on {len(found) - 1} more)" if len(found) > 1 else ""
    least = f"{widest.least} {_shown(widest.least_bytes)}"
    most = f"{widest.most} {_shown(widest.most_bytes)}"
    yield (
        f"The methods do not carry equally much beside their networks{where}{others}:"
        f" {least}, {most}, {widest.ratio:.1f} times as much (state_bytes);"
        " of methods that keep samples, `memory: 200kB` gives each the same."
    )


def unequal(cells: Sequence[CellRecord]) -> Unequal | None:
    """Who carries least and who most, of those that carry something; None where that is about the
    same.

    Methods that carry nothing have nothing to be compared by, and bounds do not compete.
    """
    sizes = {cell.label: carried(cell) for cell in cells if not cell.is_bound}
    sizes = {label: size for label, size in sizes.items() if size >= COUNTERS}
    if not sizes:
        return None
    least = min(sizes, key=lambda label: sizes[label])
    most = max(sizes, key=lambda label: sizes[label])
    if sizes[most] <= COMPARABLE * sizes[least]:
        return None
    return Unequal(cells[0].scenario, least, sizes[least], most, sizes[most])


def carried(cell: CellRecord) -> float:
    """What a run of the cell carries, in bytes; 0 where that is not known.

    Records without `device_bytes` are older than the count of samples as images: they hold the size
    of indices, which nothing should be compared by.
    """
    if "state_bytes" not in cell.cost or "device_bytes" not in cell.cost:
        return 0.0
    sizes = np.asarray(cell.cost["state_bytes"], dtype=np.float64)
    return float(np.nan_to_num(sizes).max(initial=0.0))


def _by_scenario(results: Results) -> list[list[CellRecord]]:
    found: dict[str, list[CellRecord]] = {}
    for cell in results.cells:
        found.setdefault(cell.scenario, []).append(cell)
    return list(found.values())


def _shown(size: float) -> str:
    return show_number(size, "bytes")
