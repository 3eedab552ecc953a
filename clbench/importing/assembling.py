"""Runs of another library as a record: seeds of one configuration are one cell."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.errors import RecordError
from clbench.importing.importer import ImportedRun
from clbench.records.cell import CellRecord
from clbench.records.file import RESULTS, SCHEMA_VERSION, RecordFile
from clbench.records.provenance import named

# What tables show of an imported record; other metrics can be added (`clbench metrics add`).
METRICS = ("average_accuracy", "forgetting", "learning_accuracy")
KEY_LETTERS = 16


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
    groups: dict[str, list[ImportedRun]] = defaultdict(list)
    for run in runs:
        _check(run)
        groups[_configuration(run)].append(run)
    if not groups:
        raise RecordError("there is no finished run in these files")
    return groups


# ---------------------------------------------------------------------- one run


def _check(run: ImportedRun) -> None:
    """Refuse accuracies that cannot be any."""
    rows, tasks = run.accuracy.shape
    if tasks == 0 or rows != tasks + 1:
        raise RecordError(f"{run.source}: accuracies of shape {run.accuracy.shape}, not [T+1, T]")
    tested = run.accuracy[~np.isnan(run.accuracy)]
    if tested.size == 0:
        raise RecordError(f"{run.source}: no accuracy is in it")
    least, most = tested.min(), tested.max()
    if least < 0 or most > 1:
        worst = least if least < 0 else most
        raise RecordError(f"{run.source}: an accuracy of {100 * worst:g} % is none")


def _configuration(run: ImportedRun) -> str:
    """A key for what runs must share to be seeds of one cell."""
    shared = {
        "scenario": run.scenario,
        "strategy": run.strategy,
        "options": dict(run.options),
        "protocol": dict(run.protocol),
        "bound": run.bound,
    }
    text = json.dumps(shared, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LETTERS]


# ---------------------------------------------------------------------- all of them


def _check_lengths(firsts: Sequence[ImportedRun]) -> None:
    """Streams of one name have one length, or they are not one."""
    known: dict[str, ImportedRun] = {}
    for run in firsts:
        first = known.setdefault(run.scenario, run)
        lengths = first.accuracy.shape[1], run.accuracy.shape[1]
        if lengths[0] != lengths[1]:
            raise RecordError(
                f"{run.scenario}: {lengths[0]} tasks in {first.source} and {lengths[1]} in"
                f" {run.source}; import them one by one, each with a --scenario of its own"
            )


def _one_a_seed(group: Sequence[ImportedRun], repeated: list[str]) -> list[ImportedRun]:
    """The runs of a cell by seed; one that stands there twice with the same numbers is one run."""
    members: dict[int, ImportedRun] = {}
    for run in group:
        first = members.setdefault(run.seed, run)
        if first is not run:
            _check_repetition(first, run)
            repeated.append(f"{run.strategy}, seed {run.seed}: {run.source} repeats {first.source}")
    return [members[seed] for seed in sorted(members)]


def _check_repetition(first: ImportedRun, run: ImportedRun) -> None:
    if not np.array_equal(first.accuracy, run.accuracy, equal_nan=True):
        raise RecordError(
            f"{run.strategy}, seed {run.seed}: {first.source} and {run.source} have other"
            " numbers under the same settings; take one of them out"
        )


def _labels(firsts: Sequence[ImportedRun]) -> dict[str, str]:
    """By configuration: the strategy, and in brackets the settings in which those of its name
    differ.
    """
    alike: dict[tuple[str, str], list[ImportedRun]] = defaultdict(list)
    for run in firsts:
        alike[run.scenario, run.strategy].append(run)
    labels = {}
    for group in alike.values():
        differing = _differing([_settings(run) for run in group])
        for run in group:
            labels[_configuration(run)] = _label(run, differing)
    return labels


def _settings(run: ImportedRun) -> dict[str, Any]:
    return {**run.protocol, **run.options}


def _label(run: ImportedRun, differing: Sequence[str]) -> str:
    settings = _settings(run)
    said = [f"{name}={settings[name]}" for name in differing if name in settings]
    return f"{run.strategy}[{', '.join(said)}]" if said else run.strategy


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of settings whose values differ, in the order in which they appear."""
    names: dict[str, None] = {}
    for one in settings:
        names |= dict.fromkeys(one)
    return [name for name in names if _differs(name, settings)]


def _differs(name: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    values = {json.dumps(one.get(name), sort_keys=True, default=str) for one in settings}
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
