"""What the protocols of strategies do not share that were trained on one scenario.

Cells of other libraries come without a word on what their keys stand for: what is not in their
protocol is not known, and by no means as in the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from clbench.records import CellRecord, RecordFile, Results
from clbench.records.provenance import environment_of
from clbench.report.findings import PartlyStated, ProtocolDifference, ProtocolsDiffer
from clbench.report.numbers import value_words
from clbench.report.runs import by_scenario

NONE = "none"  # what a suite writes for an option that is absent
SAYS_NOTHING = PartlyStated((), (), (), (), ())
NO_SETTINGS = ("keep", "logits")  # what is kept, and no part of how it was trained


def protocol_differences(results: Results) -> Iterable[ProtocolsDiffer | PartlyStated]:
    """Strategy by strategy; nothing where all agree."""
    scenarios = by_scenario(results.cells)
    if each := _each_difference(scenarios):
        yield ProtocolsDiffer(tuple(each))
    partly: dict[PartlyStated, dict[str, None]] = defaultdict(dict)  # without labels, and these
    for cells in scenarios.values():
        for label, stated in _partly_stated(results.record, cells):
            partly[stated][label] = None
    for stated, labels in partly.items():
        yield replace(stated, labels=tuple(labels))


def _each_difference(
    cells_of: Mapping[str, Sequence[CellRecord]],
) -> list[ProtocolDifference]:
    """What differs in one way on several scenarios is said once."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for scenario, cells in cells_of.items():
        for label, difference in _differences(cells):
            found[label, difference].append(scenario)
    return [
        ProtocolDifference(label, difference, tuple(scenarios))
        for (label, difference), scenarios in found.items()
    ]


def is_foreign(cell: CellRecord) -> bool:
    """Whether nobody says what its key stands for."""
    return not cell.content


def _known(cells: Iterable[CellRecord]) -> list[CellRecord]:
    """Those whose protocol is known as a whole."""
    return [cell for cell in cells if cell.protocol and not is_foreign(cell)]


def _foreign(cells: Iterable[CellRecord]) -> list[CellRecord]:
    return [cell for cell in cells if is_foreign(cell)]


# ---------------------------------------------------------------------- what differs


def _differences(cells: Sequence[CellRecord]) -> Iterable[tuple[str, str]]:
    """Each strategy whose protocol is not as that of most, and how it differs."""
    known, foreign = _known(cells), _foreign(cells)
    for label, differing in _between_known(known):
        if differing:
            yield label, ", ".join(differing)
    for cell in foreign:
        told = list(_of_foreign(cell, known or foreign))
        if told:
            yield cell.label, ", ".join(told)


def _between_known(cells: Sequence[CellRecord]) -> Iterable[tuple[str, list[str]]]:
    """Option by option: one that a cell has not is none."""
    options = {cell.label: dict(_leaves(cell.protocol)) for cell in cells}
    absent = {name: NONE for own in options.values() for name in own}
    complete = {label: absent | own for label, own in options.items()}
    usual = _usual(absent, list(complete.values()))
    for label, own in complete.items():
        yield label, list(_instead(own, usual))


def _usual(names: Iterable[str], options: Sequence[Mapping[str, str]]) -> dict[str, str | None]:
    """What most of those have that have it; None where nobody has."""
    usual = {}
    for name in names:
        usual[name] = _most_common(one[name] for one in options if name in one)
    return usual


def _of_foreign(cell: CellRecord, others: Sequence[CellRecord]) -> Iterable[str]:
    """Where it states something, and so do others, and it is not as in most of them."""
    for key, value in cell.protocol.items():
        stated = [other.protocol[key] for other in others if key in other.protocol]
        choice = _most_common(map(_choice, stated)) if stated else _choice(value)
        if _choice(value) != choice:
            # Options of two models, or of two optimisers, are not to be compared.
            yield f"{key} {_choice(value)} instead of {choice}"
            continue
        alike = [one for one in stated if _choice(one) == choice]
        yield from _of_option(key, value, alike)


def _of_option(key: str, value: Any, others: Sequence[Any]) -> Iterable[str]:
    """An option that others state, too, leaf by leaf; what none of them has is no difference."""
    own = dict(_leaves({key: value}))
    options = [dict(_leaves({key: other})) for other in others]
    return _instead(own, _usual(own, options))


def _instead(own: Mapping[str, str], usual: Mapping[str, str | None]) -> Iterable[str]:
    for name, value in own.items():
        if usual[name] not in (None, value):
            yield f"{name} {value} instead of {usual[name]}"


def _choice(value: Any) -> str:
    """Of something with options its name; of all else what is compared as it is."""
    is_named = isinstance(value, Mapping) and len(value) == 1
    return str(next(iter(value))) if is_named else ""


def _most_common(values: Iterable[str]) -> str | None:
    """None where there is no value."""
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else None


# ---------------------------------------------------------------------- what is not stated


def _partly_stated(
    record: RecordFile, cells: Sequence[CellRecord]
) -> Iterable[tuple[str, PartlyStated]]:
    """Of each foreign cell what it does not state and the others do, and the other way round."""
    known, foreign = _known(cells), _foreign(cells)
    rivals = tuple(dict.fromkeys(other.label for other in known))
    for cell in foreign:
        others = known or [other for other in foreign if other is not cell]
        stated = PartlyStated(
            (), _unsaid(record, cell), _unstated(cell, others), _alone(cell, others), rivals
        )
        if stated != SAYS_NOTHING:
            yield cell.label, stated


def _unstated(cell: CellRecord, others: Sequence[CellRecord]) -> tuple[str, ...]:
    """What some of the others state, and it does not."""
    return tuple(key for key in _stated(others) if key not in cell.protocol)


def _alone(cell: CellRecord, others: Sequence[CellRecord]) -> tuple[str, ...]:
    """What it alone states, where there are others."""
    keys = _stated(others)
    return tuple(key for key in _settings(cell) if others and key not in keys)


def _stated(cells: Iterable[CellRecord]) -> dict[str, None]:
    return dict.fromkeys(key for cell in cells for key in _settings(cell))


def _unsaid(record: RecordFile, cell: CellRecord) -> tuple[str, ...]:
    """What the importer knows that its files never say."""
    told = environment_of(record, cell).get("unsaid")
    return tuple(map(str, told)) if isinstance(told, list) else ()


def _settings(cell: CellRecord) -> list[str]:
    """The keys of its protocol that say how it was trained."""
    return [key for key in cell.protocol if key not in NO_SETTINGS]


# ---------------------------------------------------------------------- options


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Every option by its path, `optimizer.sgd.lr`, with its value in words."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _words(value)


def _words(value: Any) -> str:
    return NONE if value is None else value_words(value)
