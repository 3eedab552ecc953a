"""Runs of another library as a record: seeds of one configuration are one cell."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from clbench.errors import RecordError
from clbench.importing.importer import ImportedRun
from clbench.records.cell import CellRecord
from clbench.records.file import RESULTS, SCHEMA_VERSION, RecordFile
from clbench.records.provenance import named
from clbench.typing import Array

# What tables show of an imported record; other metrics can be added (`clbench metrics add`).
METRICS = ("average_accuracy", "forgetting", "learning_accuracy")
KEY_LETTERS = 16
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Imported:
    """What came of it: the record, and what to tell of runs that were there more than once."""

    record: RecordFile
    repeated: tuple[str, ...]


def assemble(
    runs: Iterable[ImportedRun],
    *,
    suite: str,
    origin: Mapping[str, Any],
    metric_facts: Mapping[str, Mapping[str, Any]],
) -> Imported:
    """One record of all runs. `RecordError` where two of them contradict each other.

    `origin` says where the runs come from, and becomes the record's environment.
    """
    configurations = _grouped(runs)
    firsts = [group[0] for group in configurations.values()]
    _check_lengths(firsts)
    labels = _labels(firsts)
    repeated: list[str] = []
    facts: dict[str, Mapping[str, Any]] = {}
    cells = []
    for key, group in configurations.items():
        members = _one_a_seed(group, repeated)
        told = _told(members, origin)
        facts |= dict(told)
        cells.append(_cell(key, labels[key], members, [name for name, _ in told]))
    record = _record(suite, origin, cells, tuple(facts.values()), metric_facts)
    return Imported(record, tuple(repeated))


def _told(members: Sequence[ImportedRun], origin: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What is known of each run, by the name that its members refer to it by."""
    facts = [named({**origin, **run.facts}) for run in members]
    return [(one["id"], one) for one in facts]


def _record(
    suite: str,
    origin: Mapping[str, Any],
    cells: list[CellRecord],
    facts: tuple[Mapping[str, Any], ...],
    metric_facts: Mapping[str, Mapping[str, Any]],
) -> RecordFile:
    known = {name: metric_facts[name] for name in METRICS if name in metric_facts}
    return RecordFile(
        schema_version=SCHEMA_VERSION,
        suite=suite,
        suite_text="",  # nobody wrote one
        environment=dict(origin),
        cells=cells,
        metrics=tuple((name, {}) for name in known),
        runs=facts,
        metric_facts=known,
        purpose=RESULTS,
    )


def _grouped(runs: Iterable[ImportedRun]) -> dict[str, list[ImportedRun]]:
    """The runs of each configuration, by its key."""
    groups = _groups(map(_checked, runs), _configuration)
    if not groups:
        raise RecordError("there is no finished run in these files")
    return groups


def _groups(
    runs: Iterable[ImportedRun], key: Callable[[ImportedRun], Key]
) -> dict[Key, list[ImportedRun]]:
    groups: dict[Key, list[ImportedRun]] = defaultdict(list)
    for run in runs:
        groups[key(run)].append(run)
    return groups


# ---------------------------------------------------------------------- one run


def _checked(run: ImportedRun) -> ImportedRun:
    """The run; `RecordError` where its accuracies cannot be any."""
    rows, tasks = run.accuracy.shape
    if tasks == 0 or rows != tasks + 1:
        raise RecordError(f"{run.source}: accuracies of shape {run.accuracy.shape}, not [T+1, T]")
    tested = run.accuracy[~np.isnan(run.accuracy)]
    if tested.size == 0:
        raise RecordError(f"{run.source}: no accuracy is in it")
    _check_range(run.source, tested)
    return run


def _check_range(source: str, accuracies: Array) -> None:
    for extreme in (accuracies.min(), accuracies.max()):
        if not 0 <= extreme <= 1:
            raise RecordError(f"{source}: an accuracy of {100 * extreme:g} % is none")


def _configuration(run: ImportedRun) -> str:
    """A key for what runs must share to be seeds of one cell."""
    shared = {
        "scenario": run.scenario,
        "strategy": run.strategy,
        "options": dict(run.options),
        "protocol": dict(run.protocol),
        "bound": run.bound,
    }
    return hashlib.sha256(_as_text(shared).encode()).hexdigest()[:KEY_LETTERS]


def _as_text(value: Any) -> str:
    """The same text for the same values, whatever the order of their names."""
    return json.dumps(value, sort_keys=True, default=str)


# ---------------------------------------------------------------------- all of them


def _check_lengths(firsts: Sequence[ImportedRun]) -> None:
    """Streams of one name have one length, or they are not one."""
    known: dict[str, ImportedRun] = {}
    for run in firsts:
        first = known.setdefault(run.scenario, run)
        if first.tasks != run.tasks:
            raise RecordError(
                f"{run.scenario}: {first.tasks} tasks in {first.source} and {run.tasks} in"
                f" {run.source}; import them one by one, each with a --scenario of its own"
            )


def _one_a_seed(group: Sequence[ImportedRun], repeated: list[str]) -> list[ImportedRun]:
    """The runs of a cell by seed; one that stands there twice with the same numbers is one run."""
    members: dict[int, ImportedRun] = {}
    for run in group:
        first = members.setdefault(run.seed, run)
        if first is not run:
            repeated.append(_repetition(first, run))
    return [members[seed] for seed in sorted(members)]


def _repetition(first: ImportedRun, run: ImportedRun) -> str:
    """What is said of a run that repeats another; an error where it contradicts it."""
    who = f"{run.strategy}, seed {run.seed}"
    if not np.array_equal(first.accuracy, run.accuracy, equal_nan=True):
        raise RecordError(
            f"{who}: {first.source} and {run.source} have other"
            " numbers under the same settings; take one of them out"
        )
    return f"{who}: {run.source} repeats {first.source}"


def _labels(firsts: Sequence[ImportedRun]) -> dict[str, str]:
    """By configuration: the strategy, and in brackets the settings in which namesakes differ."""
    labels: dict[str, str] = {}
    of_one_name = _groups(firsts, lambda run: (run.scenario, run.strategy))
    for group in of_one_name.values():
        differing = _differing(list(map(_settings, group)))
        labels |= {_configuration(run): _label(run, differing) for run in group}
    return labels


def _settings(run: ImportedRun) -> dict[str, Any]:
    return {**run.protocol, **run.options}


def _label(run: ImportedRun, differing: Sequence[str]) -> str:
    settings = _settings(run)
    said = [f"{name}={settings[name]}" for name in differing if name in settings]
    return f"{run.strategy}[{', '.join(said)}]" if said else run.strategy


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of settings whose values differ, in the order in which they appear."""
    names = dict.fromkeys(name for one in settings for name in one)
    return [name for name in names if _differs(name, settings)]


def _differs(name: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    values = {_as_text(one.get(name)) for one in settings}
    return len(values) > 1


def _cell(key: str, label: str, members: Sequence[ImportedRun], runs: Sequence[str]) -> CellRecord:
    first = members[0]
    seeds = [run.seed for run in members]
    matrices = [run.accuracy for run in members]
    return CellRecord(
        key=key,
        scenario=first.scenario,
        strategy=first.strategy,
        label=label,
        seed=np.array(seeds, dtype=np.int64),
        accuracy=np.stack(matrices),
        options=dict(first.options),
        protocol=dict(first.protocol),
        declared=("bound",) if first.bound else (),
        run=np.array(runs, dtype=object),
    )
