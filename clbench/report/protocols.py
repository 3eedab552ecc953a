"""What the protocols of strategies do not share that were trained on one scenario."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clbench.records import CellRecord, Results
from clbench.report.findings import ProtocolDifference, ProtocolsDiffer
from clbench.report.numbers import value_words

NONE = "none"  # what a suite writes for an option that is absent


def protocol_differences(results: Results) -> Iterable[ProtocolsDiffer]:
    """Strategy by strategy; nothing where all agree."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for scenario in dict.fromkeys(cell.scenario for cell in results.cells):
        cells = [cell for cell in results.cells if cell.scenario == scenario and cell.protocol]
        for label, difference in _differences(cells):
            found[label, difference].append(scenario)
    if found:
        yield ProtocolsDiffer(
            tuple(
                ProtocolDifference(label, difference, tuple(scenarios))
                for (label, difference), scenarios in found.items()
            )
        )


def _differences(cells: Sequence[CellRecord]) -> Iterable[tuple[str, str]]:
    """Each strategy whose protocol is not as that of most, and how it differs."""
    options = {cell.label: dict(_leaves(cell.protocol)) for cell in cells}
    names = dict.fromkeys(name for own in options.values() for name in own)
    usual = {name: _most_common(name, options.values()) for name in names}
    for label, own in options.items():
        differing = []
        for name in names:
            value = own.get(name, NONE)
            if value != usual[name]:
                differing.append(f"{name} {value} instead of {usual[name]}")
        if differing:
            yield label, ", ".join(differing)


def _most_common(name: str, options: Iterable[Mapping[str, str]]) -> str:
    count = Counter(own.get(name, NONE) for own in options)
    return count.most_common(1)[0][0]


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Every option by its path, `optimizer.sgd.lr`, with its value in words."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", NONE if value is None else value_words(value)
