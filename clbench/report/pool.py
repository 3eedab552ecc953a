"""Several records as one, where they can be compared.

Methods of one suite are comparable because their author put them there. Records of different suites
are ranked together only where the streams and the budget of training are the same; else they are
refused with what differs, or marked as mixed.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from clbench.records.looks import united_looks
from clbench.records.merging import Conflict
from clbench.records.provenance import united
from clbench.report.findings import ChosenConfiguration, Omission
from clbench.report.numbers import choice_words
from clbench.report.stated import asked_by_cell, asked_seeds

if TYPE_CHECKING:
    from clbench.host import Plugin

BUDGET = ("model", "batch_size", "augment", "precision")  # beside the length of a task
UNKNOWN = "not stated"
Source = Results | Path | str
Suite = tuple[str, str]  # its name and its text
Values = dict[str, set[str]]  # by suite, what its cells have of one property


@dataclass(frozen=True)
class Pool:
    """The cells of all records, one label a strategy, and why they should not have been pooled."""

    results: Results
    mixed: tuple[str, ...]
    asked: tuple[int, ...] = ()  # the seeds that the suite asks for, where there is one suite
    asked_of: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # of each cell, by key
    choices: tuple[ChosenConfiguration, ...] = ()  # made on seeds that are no longer in it
    omissions: tuple[Omission, ...] = ()  # what is no longer in it besides, and why


def pool(
    sources: Source | Sequence[Source],
    *,
    force_mixed: bool = False,
    plugins: Plugin | Iterable[Plugin] = (),
) -> Pool:
    """Open and join records; `RecordError` says what differs where they cannot be compared."""
    opened = _opened(sources, plugins)
    # First names, so that two files without a suite are not taken for one.
    records = _aligned(_named_apart(_by_suites(opened)))
    mixed = tuple(_differences(records))
    if mixed and not force_mixed:
        raise _refusal(mixed)
    asked = _asked(records)
    if len(records) == 1 and not ambiguous(records[0].cells):
        return Pool(opened[0], (), asked, asked_by_cell(records[0]))
    joined, asked_of = _joined(records)
    return Pool(Results(joined, opened[0].host), mixed, asked, asked_of)


def _by_suites(opened: Iterable[Results]) -> list[RecordFile]:
    """A merged record holds several suites, which are as comparable as they were."""
    parts: list[RecordFile] = []
    for results in opened:
        parts += separated(results.record)
    return parts


def _refusal(differences: Iterable[str]) -> RecordError:
    lines = "\n".join(f"  {line}" for line in differences)
    return RecordError(
        f"these records cannot be ranked together:\n{lines}\n"
        "--force-mixed ranks them all the same, and says so in the output"
    )


def _opened(
    sources: Source | Sequence[Source], plugins: Plugin | Iterable[Plugin]
) -> list[Results]:
    given = [sources] if isinstance(sources, Results | Path | str) else list(sources)
    if not given:
        raise RecordError("there is no record to compare")
    opened = []
    for source in given:
        results = source if isinstance(source, Results) else load(source)
        opened.append(results.with_plugins(plugins))
    return opened


def _asked(records: Sequence[RecordFile]) -> tuple[int, ...]:
    """The seeds that the suite asks for; of several suites nobody can say."""
    texts = {record.suite_text for record in records}
    return asked_seeds(texts.pop()) if len(texts) == 1 else ()


def comparable(opened: Sequence[Results]) -> list[list[Results]]:
    """In groups that may be ranked together.

    These are records of one suite, or of suites that share streams and differ in nothing that
    matters.
    """
    groups: list[_Group] = []
    named = _named_apart([results.record for results in opened])
    for results, record in zip(opened, named, strict=True):
        fitting = next((group for group in groups if _fits(group.records, record)), None)
        if fitting is None:
            groups.append(_Group([results], [record]))
        else:
            fitting.add(results, record)
    return [group.results for group in groups]


@dataclass
class _Group:
    """What may be ranked together: results, and their records under names that tell them apart."""

    results: list[Results]
    records: list[RecordFile]

    def add(self, results: Results, record: RecordFile) -> None:
        self.results.append(results)
        self.records.append(record)


def _fits(group: Sequence[RecordFile], record: RecordFile) -> bool:
    """Whether a record may be ranked with those of a group."""
    if _suite_of(record) in map(_suite_of, group):
        return True
    *known, other = _aligned([*group, record])
    shared = _scenarios(known) & _scenarios([other])
    return bool(shared) and not any(_differences([*known, other]))


def _suite_of(record: RecordFile) -> Suite:
    return record.suite, record.suite_text


def _scenarios(records: Iterable[RecordFile]) -> set[str]:
    found: set[str] = set()
    for record in records:
        found |= {cell.scenario for cell in record.cells}
    return found


# ---------------------------------------------------------------------- what differs


def _differences(records: Sequence[RecordFile]) -> Iterable[str]:
    """A line for every property in which different suites differ, and one for what is not stated.

    Scenarios of which the same is to be said share their lines.
    """
    names = _names(list(dict.fromkeys(map(_suite_of, records))))
    if len(names) < 2:
        return
    by_name: dict[str, list[CellRecord]] = defaultdict(list)
    for record in records:
        by_name[names[_suite_of(record)]] += record.cells
    every = [cell for cells in by_name.values() for cell in cells]
    scenarios_of: dict[str, list[str]] = defaultdict(list)
    for scenario in dict.fromkeys(cell.scenario for cell in every):
        for said in _lines(_by_suite(by_name, scenario)):
            scenarios_of[said].append(scenario)
    for said, scenarios in scenarios_of.items():
        yield f"{', '.join(scenarios)}: {said}"


def _by_suite(cells_of: Mapping[str, Sequence[CellRecord]], scenario: str) -> dict[str, Values]:
    """By property, its values on a scenario in each of the suites that have the scenario."""
    found: dict[str, Values] = defaultdict(lambda: defaultdict(set))
    for suite, cells in cells_of.items():
        for cell in cells:
            if cell.scenario == scenario:
                for name, value in _properties(cell).items():
                    found[name][suite].add(value)
    return found


def _lines(properties: Mapping[str, Values]) -> Iterable[str]:
    """The properties on a scenario in which the suites do not agree.

    A scenario that only one suite has is no reason not to compare the others.
    """
    unstated: dict[str, list[str]] = defaultdict(list)  # by suites: the properties
    differing = []
    for name, values in properties.items():
        if len(values) < 2:
            return
        # What somebody does not state may differ.
        silent = [suite for suite, known in values.items() if known == {UNKNOWN}]
        if silent:
            unstated[", ".join(silent)].append(name)
        told = {suite: known for suite, known in values.items() if suite not in silent}
        if not _are_equal(told):
            differing.append(f"{name}: {_values_in_words(told)}")
    for who, names in unstated.items():
        yield f"not stated in {who}: {', '.join(names)}"
    yield from differing


def _are_equal(values: Values) -> bool:
    return len(set(map(frozenset, values.values()))) <= 1


def _values_in_words(values: Values) -> str:
    told = [f"{', '.join(sorted(known))} in {suite}" for suite, known in values.items()]
    return "; ".join(told)


def _properties(cell: CellRecord) -> dict[str, str]:
    """What must agree: the streams, and the budget."""
    budget = {name: _shown(cell.protocol.get(name)) for name in BUDGET}
    return {
        "streams": _shown(cell.content.get("scenario")) + _padding(cell),
        "data": _shown(cell.content.get("data")),
        "length of a task": _length_of_task(cell.protocol),
        **budget,
    }


def _padding(cell: CellRecord) -> str:
    """What the protocol's `pad` did to the images of the streams."""
    border = cell.protocol.get("pad", 0)
    return f", images padded by {border}" if border else ""


def _length_of_task(protocol: Mapping[str, Any]) -> str:
    for unit in ("epochs", "steps"):
        if protocol.get(unit) is not None:
            return f"{protocol[unit]} {unit}"
    return UNKNOWN


def _shown(value: Any) -> str:
    return UNKNOWN if value is None else choice_words(value)


def _names(suites: Sequence[Suite]) -> dict[Suite, str]:
    """A suite's name, with a number where two versions of it are at hand."""
    count = Counter(name for name, _ in suites)
    seen: Counter[str] = Counter()
    names = {}
    for suite in suites:
        name = suite[0]
        seen[name] += 1
        names[suite] = name if count[name] == 1 else f"{name} (version {seen[name]})"
    return names


# ---------------------------------------------------------------------- joining


def _named_apart(records: Sequence[RecordFile]) -> list[RecordFile]:
    """Records that come without a suite and have a name in common, as suites of their own.

    The name may be nothing but their files'. Files that hold the same cell, as said by its name,
    strategy and protocol, are parts of one experiment.
    """
    # By name: the cells of each experiment that goes by it.
    experiments: dict[str, list[set[tuple[str, ...]]]] = defaultdict(list)
    named = []
    for record in records:
        if not record.suite_text:
            cells = {(cell.key, *identity(cell)) for cell in record.cells}
            number = _experiment(cells, experiments[record.suite])
            if number > 0:
                record = replace(record, suite=f"{record.suite} (file {number + 1})")
        named.append(record)
    return named


def _experiment(cells: set[tuple[str, ...]], known: list[set[tuple[str, ...]]]) -> int:
    """Which of the known experiments these cells are part of.

    They are added to it, or to a new one.
    """
    for number, held in enumerate(known):
        if held & cells:
            held |= cells
            return number
    known.append(cells)
    return len(known) - 1


def _aligned(records: Sequence[RecordFile]) -> list[RecordFile]:
    """With the same streams called alike in all suites: as the first one calls them."""
    known: dict[str, tuple[str, str]] = {}  # by streams: the first suite that has them, its label
    aligned = []
    for record in records:
        cells = [_with_common_label(cell, record.suite, known) for cell in record.cells]
        aligned.append(replace(record, cells=cells))
    return aligned


def _with_common_label(
    cell: CellRecord, suite: str, known: dict[str, tuple[str, str]]
) -> CellRecord:
    if not cell.content:
        return cell  # nobody can say what its streams are
    first_suite, label = known.setdefault(_streams(cell), (suite, cell.scenario))
    # Within a suite the author may call the same streams by two names.
    if first_suite == suite or label == cell.scenario:
        return cell
    return replace(cell, scenario=label)


def _streams(cell: CellRecord) -> str:
    """The same text for the same streams."""
    parts = (cell.content.get("scenario"), cell.content.get("data"), _padding(cell))
    return json.dumps(parts, sort_keys=True)


def _united(cells: Sequence[CellRecord], suites: Sequence[str]) -> list[CellRecord]:
    try:
        return merge_cells(cells)
    except Conflict as conflict:
        raise RecordError(
            f"{conflict} between the records of {', '.join(suites)}; leave one of the files out,"
            " or take the cell out of one: clbench drop RECORD CELL"
        ) from None


def _joined(records: Sequence[RecordFile]) -> tuple[RecordFile, dict[str, tuple[int, ...]]]:
    """One record with every cell; and by its key the seeds that its suite asks for."""
    names = _names(list(dict.fromkeys(map(_suite_of, records))))
    known: dict[str, CellRecord] = {}
    origin: dict[str, str] = {}
    asked_of: dict[str, tuple[int, ...]] = {}
    cells: list[CellRecord] = []
    for record in records:
        suite = names[_suite_of(record)]
        asked = asked_seeds(record.suite_text)
        for cell in record.cells:
            cell = keyed_apart(_with_own_key(cell, suite), known)
            known.setdefault(cell.key, cell)
            origin.setdefault(cell.key, suite)
            asked_of.setdefault(cell.key, asked)
            cells.append(cell)
    cells = tell_apart(_united(cells, list(names.values())), origin)
    return _one_record(records, cells), asked_of


def _with_own_key(cell: CellRecord, suite: str) -> CellRecord:
    """A foreign key says nothing outside its own suite, and in it no more than a name."""
    return cell if cell.content else replace(cell, key=f"{suite}/{cell.key}")


def _one_record(records: Sequence[RecordFile], cells: list[CellRecord]) -> RecordFile:
    """These cells, and what all the records say beside theirs."""
    suites = dict.fromkeys(record.suite for record in records)
    apart: list[CellRecord] = []
    for record in records:
        apart += record.apart
    runs = united(record.runs for record in records)
    looks = united_looks(record.looks for record in records)
    return replace(
        records[0],
        suite=" + ".join(suites),
        cells=cells,
        metrics=metrics_of(records),
        apart=apart,
        runs=runs,
        metric_facts=metric_facts_of(records),
        looks=looks,
    )
