"""Several records as one, where they can be compared.

Methods of one suite are comparable because their author put them there. Records of different suites
are ranked together only where the streams and the budget of training are the same; else they are
refused with what differs, or marked as mixed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import RecordError
from clbench.records import CellRecord, RecordFile, Results, load, merge_cells
from clbench.records.combining import (
    ambiguous,
    identity,
    keyed_apart,
    metric_facts_of,
    metrics_of,
    separated,
    tell_apart,
)
from clbench.records.merging import Conflict
from clbench.records.provenance import united
from clbench.report.numbers import value_words
from clbench.report.stated import asked_seeds

if TYPE_CHECKING:
    from clbench.host import Plugin

BUDGET = ("model", "epochs", "steps", "batch_size", "augment", "precision")
UNKNOWN = "not stated"
Source = Results | Path | str


@dataclass(frozen=True)
class Pool:
    """The cells of all records, one label a strategy, and why they should not have been put
    together.
    """

    results: Results
    mixed: tuple[str, ...]
    asked: tuple[int, ...] = ()  # the seeds that the suite asks for, where there is one suite


def pool(
    sources: Source | Sequence[Source],
    *,
    force_mixed: bool = False,
    plugins: Plugin | Iterable[Plugin] = (),
) -> Pool:
    """Open and join records; `RecordError` says what differs where they cannot be compared."""
    given = [sources] if isinstance(sources, Results | Path | str) else list(sources)
    if not given:
        raise RecordError("there is no record to compare")
    opened = [source if isinstance(source, Results) else load(source) for source in given]
    opened = [results.with_plugins(plugins) for results in opened]
    parts = [part for results in opened for part in separated(results.record)]
    records = _aligned(_named_apart(parts))
    mixed = tuple(_differences(records))
    if mixed and not force_mixed:
        lines = "\n".join(f"  {line}" for line in mixed)
        raise RecordError(
            f"these records cannot be ranked together:\n{lines}\n"
            "--force-mixed ranks them all the same, and says so in the output"
        )
    if len(records) == 1 and not ambiguous(records[0].cells):
        return Pool(opened[0], (), _asked(records))
    return Pool(Results(_joined(records), opened[0].host), mixed, _asked(records))


def _asked(records: Sequence[RecordFile]) -> tuple[int, ...]:
    texts = {record.suite_text for record in records}
    return asked_seeds(texts.pop()) if len(texts) == 1 else ()


def comparable(opened: Sequence[Results]) -> list[list[Results]]:
    """In groups that may be ranked together: records of one suite, or of suites that share streams
    and differ in nothing that matters.
    """
    groups: list[list[tuple[Results, RecordFile]]] = []
    named = _named_apart([results.record for results in opened])
    for entry in zip(opened, named, strict=True):
        fitting = (group for group in groups if _fits([record for _, record in group], entry[1]))
        group = next(fitting, None)
        if group is None:
            groups.append([entry])
        else:
            group.append(entry)
    return [[results for results, _ in group] for group in groups]


def _fits(group: Sequence[RecordFile], record: RecordFile) -> bool:
    if any((known.suite, known.suite_text) == (record.suite, record.suite_text) for known in group):
        return True
    *known, other = _aligned([*group, record])
    shared = {cell.scenario for one in known for cell in one.cells} & {
        cell.scenario for cell in other.cells
    }
    return bool(shared) and not any(_differences([*known, other]))


# ---------------------------------------------------------------------- what differs


def _differences(records: Sequence[RecordFile]) -> Iterable[str]:
    """A line for every scenario and property in which different suites differ."""
    suites: dict[tuple[str, str], list[CellRecord]] = defaultdict(list)
    for record in records:
        suites[record.suite, record.suite_text].extend(record.cells)
    if len(suites) < 2:
        return
    names = _names(list(suites))
    for scenario in dict.fromkeys(cell.scenario for cells in suites.values() for cell in cells):
        found: dict[str, dict[str, set[str]]] = defaultdict(dict)  # property -> suite -> values
        for suite, cells in suites.items():
            here = [cell for cell in cells if cell.scenario == scenario]
            for name in (*_properties(here[0]),) if here else ():
                found[name][names[suite]] = {_properties(cell)[name] for cell in here}
        yield from _lines(scenario, found)


def _lines(scenario: str, found: Mapping[str, Mapping[str, set[str]]]) -> Iterable[str]:
    for name, values in found.items():
        if len(values) < 2:
            continue
        if all(known == {UNKNOWN} for known in values.values()):
            yield f"{scenario}: {name}: {UNKNOWN} in {', '.join(values)}"
        elif len({frozenset(known) for known in values.values()}) > 1:
            yield f"{scenario}: {name}: " + "; ".join(
                f"{', '.join(sorted(known))} in {suite}" for suite, known in values.items()
            )


def _properties(cell: CellRecord) -> dict[str, str]:
    """What must agree: the streams, and the budget."""
    content, protocol = cell.content, cell.protocol
    budget = {
        name: _shown(protocol.get(name)) for name in BUDGET if name not in ("epochs", "steps")
    }
    return {
        "streams": _shown(content.get("scenario")) + _padding(cell),
        "data": _shown(content.get("data")),
        "length of a task": _length_of_task(protocol),
        **budget,
    }


def _padding(cell: CellRecord) -> str:
    """What the protocol's `pad` did to the images of the streams."""
    border = cell.protocol.get("pad", 0)
    return f", images padded by {border}" if border else ""


def _length_of_task(protocol: Mapping[str, Any]) -> str:
    if protocol.get("epochs") is not None:
        return f"{protocol['epochs']} epochs"
    if protocol.get("steps") is not None:
        return f"{protocol['steps']} steps"
    return UNKNOWN


def _shown(value: Any) -> str:
    return UNKNOWN if value is None else value_words(value)


def _names(suites: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A suite's name, with a number where two versions of it are at hand."""
    names = [name for name, _ in suites]
    return {
        suite: suite[0]
        if names.count(suite[0]) == 1
        else f"{suite[0]} (version {names[: place + 1].count(suite[0])})"
        for place, suite in enumerate(suites)
    }


# ---------------------------------------------------------------------- joining


def _named_apart(records: Sequence[RecordFile]) -> list[RecordFile]:
    """Records that come without a suite and have a name in common, which may be nothing but their
    files', as suites of their own.

    Files that hold the same cell, as said by its name, strategy and protocol, are parts of one
    experiment.
    """
    named: list[RecordFile] = []
    owners: dict[str, list[set[tuple[str, ...]]]] = {}  # by name: what each experiment holds
    for record in records:
        if record.suite_text:
            named.append(record)
            continue
        cells = {(cell.key, *identity(cell)) for cell in record.cells}
        known = owners.setdefault(record.suite, [])
        place = next((place for place, held in enumerate(known) if held & cells), len(known))
        if place == len(known):
            known.append(set())
        known[place] |= cells
        suite = record.suite if place == 0 else f"{record.suite} (file {place + 1})"
        named.append(replace(record, suite=suite))
    return named


def _aligned(records: Sequence[RecordFile]) -> list[RecordFile]:
    """With the same streams called alike in all suites: as the first one calls them."""
    known: dict[str, tuple[str, str]] = {}  # streams -> suite and label
    aligned = []
    for record in records:
        cells = []
        for cell in record.cells:
            shown = (cell.content.get("scenario"), cell.content.get("data"), _padding(cell))
            streams = json.dumps(shown, sort_keys=True)
            suite, label = (
                known.setdefault(streams, (record.suite, cell.scenario))
                if cell.content
                else (record.suite, cell.scenario)
            )
            cells.append(
                cell
                if record.suite == suite or label == cell.scenario
                else replace(cell, scenario=label)
            )
        aligned.append(replace(record, cells=cells))
    return aligned


def _united(cells: Sequence[CellRecord], suites: Sequence[str]) -> list[CellRecord]:
    try:
        return merge_cells(cells)
    except Conflict as conflict:
        raise RecordError(
            f"{conflict} between the records of {', '.join(suites)}; leave one of the files out,"
            " or take the cell out of one: clbench drop RECORD CELL"
        ) from None


def _joined(records: Sequence[RecordFile]) -> RecordFile:
    """One record with every cell."""
    names = _names(list(dict.fromkeys((record.suite, record.suite_text) for record in records)))
    cells: list[CellRecord] = []
    known: dict[str, CellRecord] = {}
    origin: dict[str, str] = {}
    for record in records:
        suite = names[record.suite, record.suite_text]
        for cell in record.cells:
            # A foreign key says nothing outside its own suite, and in it no more than a name.
            key = cell.key if cell.content else f"{suite}/{cell.key}"
            cell = keyed_apart(replace(cell, key=key), known)
            known.setdefault(cell.key, cell)
            origin.setdefault(cell.key, suite)
            cells.append(cell)
    first = records[0]
    suite = " + ".join(dict.fromkeys(record.suite for record in records))
    return replace(
        first,
        suite=suite,
        cells=tell_apart(_united(cells, list(names.values())), origin),
        metrics=metrics_of(records),
        apart=[cell for record in records for cell in record.apart],
        runs=united(record.runs for record in records),
        metric_facts=metric_facts_of(records),
    )
