"""`clbench metrics add`: a metric that nobody asked for when the suite was run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import RecordError, UnknownName, UserError
from clbench.execution.deriving import with_metric
from clbench.execution.planner import STACK_ON_CPU
from clbench.execution.store import Store
from clbench.metrics import RecordMetric
from clbench.options import plain_options
from clbench.records import CellRecord, Fault, RecordFile, Results, read_record, write_file
from clbench.records.metric_facts import facts_of, how_measured
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.metric_labels import why_no_label
from clbench.suite.protocol import Protocol
from clbench.typing import Array

if TYPE_CHECKING:
    from clbench.host import Host


@dataclass(frozen=True)
class Added:
    """What came of it: the record's results now,
    and the cells that must run again, with the reason.
    """

    results: Results
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]


def add_metric(
    path: Path,
    name: str,
    options: Mapping[str, Any],
    host: Host,
    data: Path | None = None,
    *,
    label: str | None = None,
) -> Added:
    """Compute a record metric for every cell,
    or measure a probe metric wherever weights were kept, and store it.

    It is stored under its label, in place of what that stood for before.
    """
    kind = _kind(path, name, host)
    label = _checked_label(label or name, name, host)
    resolved = plain_options(kind, options)
    # Of a record that is not there reading says so.
    there = path.exists()
    held = Store(path.resolve().parent, path.stem).hold() if there else contextlib.nullcontext()
    with held:
        record = read_record(path)
        metrics = {**dict(record.metrics), label: resolved}
        facts = {**record.metric_facts, label: facts_of(kind, label)}
        record = replace(record, metrics=tuple(metrics.items()), metric_facts=facts)
        work = _Work(record, label, kind(**resolved), host, data)
        if issubclass(kind, RecordMetric):
            changed = with_metric(record, label, resolved, host)
        else:
            version = host.version_of("metric", name)
            changed = work.measured_everywhere(how_measured(label, name, resolved, version))
        _check_that_there_is_a_value(changed, label, host)
        write_file(path, changed)
    warnings = dict.fromkeys(work.warnings)  # each once
    return Added(Results(read_record(path), host), tuple(work.left_out), tuple(warnings))


def _kind(path: Path, name: str, host: Host) -> Any:
    """The metric; where only the record knows it, what to do about that."""
    try:
        return host.get("metric", name)
    except UnknownName:
        record = read_record(path) if path.is_file() else None
        if record is None or name not in dict(record.metrics):
            raise
        raise UserError(_how_to_compute_anew(record, name, host)) from None


def _how_to_compute_anew(record: RecordFile, name: str, host: Host) -> str:
    """What to do about a metric that the record knows, and no plugin under this name."""
    called = record.called(name)
    if called in host.names("metric"):
        return (
            f"{name!r} is what the record calls {called}; to compute it anew,"
            f" write {called} with --label {name}"
        )
    return (
        f"no plugin here offers the metric {name!r}, whose values the record has already;"
        " to compute them anew, give its file with --plugin"
    )


def _checked_label(label: str, name: str, host: Host) -> str:
    why = why_no_label(label, name, host.names("metric"))
    if why is not None:
        raise UserError(f"--label {why}")
    return label


def _check_that_there_is_a_value(record: RecordFile, name: str, host: Host) -> None:
    """Refuse to store nothing but gaps, with the reason of the first of them."""
    for cell in record.cells:
        if name in cell.metrics and np.isfinite(cell.metrics[name]).any():
            return
    reason = next(_reasons(record, name, host), "there are no runs")
    raise UserError(f"{name} has no value for any run, so nothing is stored: {reason}")


def _reasons(record: RecordFile, name: str, host: Host) -> Iterator[str]:
    """Why the metric has no value, run by run."""
    results = Results(record, host)
    for cell in record.cells:
        yield from filter(None, results.metric(name, cell).reasons)


def _with(
    cell: CellRecord, name: str, values: Any, how: Mapping[str, Any], said: str | None
) -> CellRecord:
    others = [fault for fault in cell.faults if fault.metric != name]
    own = [Fault(said, name, undefined=True)] if said else []
    return replace(
        cell,
        metrics={**cell.metrics, name: values},
        probes={**cell.probes, name: how},
        faults=(*others, *own),
    )


class _Work:
    """Measures one metric in the networks that were kept, cell by cell."""

    def __init__(
        self, record: RecordFile, name: str, metric: Any, host: Host, data: Path | None
    ) -> None:
        self.record, self.name, self.metric, self.host, self.data = record, name, metric, host, data
        self.left_out: list[str] = []
        self.warnings: list[str] = []

    def measured_everywhere(self, how: Mapping[str, Any]) -> RecordFile:
        """The record with the values of every cell that can be measured; `how` they were."""
        again = f"add {self.name} to the suite's metrics and run the suite again"
        self._check_measurable(again)
        cells = []
        for cell in self.record.cells:
            if "weights" in cell.kept:
                values, said = self._measured(cell)
                cell = _with(cell, self.name, values, how, said)
            else:
                line = f"{cell.label} on {cell.scenario}: no weights were kept; {again}"
                self.left_out.append(line)
            cells.append(cell)
        return replace(self.record, cells=cells)

    def _check_measurable(self, again: str) -> None:
        """Refuse a metric that no kept network can give, with what to do instead."""
        from clbench.engine.measuring import WHEN

        if self.metric.when not in WHEN:
            raise UserError(
                f"{self.name} is measured while a task is trained ({self.metric.when}); {again}"
            )
        if not any("weights" in cell.kept for cell in self.record.cells):
            raise UserError(
                f"{self.name} looks at the networks, and none was kept: {again};"
                " with `keep: [weights]` in its protocol the next metric can be measured without"
                " training"
            )

    def _measured(self, cell: CellRecord) -> tuple[Any, str | None]:
        """`[S, ...]`, the values of a cell's members, and why they are undefined where they are."""
        from clbench.engine.measurements import padded
        from clbench.engine.measuring import measure_kept

        planned = _cell_of(cell)
        arrays = self._arrays(cell, planned)
        members = list(zip(cell.seed.tolist(), cell.agent.tolist(), strict=True))
        kept = np.flatnonzero(np.nan_to_num(cell.kept["weights"]) == 1)
        # Of a solo strategy too the networks are looked at as a stack.
        form = cell.form if cell.form in ("loop", "vmap") else "auto"
        found: list[list[Any]] = [[] for _ in members]
        reason: str | None = None
        for part in _stacks(cell, kept):
            weights = [_weights(cell, row, part) for row in range(1, cell.tasks + 1)]
            some = [members[row] for row in part]
            values, said = measure_kept(
                planned, some, form, weights, self.name, self.metric, host=self.host, arrays=arrays
            )
            reason = reason or said
            for row, value in zip(part, values, strict=True):
                found[row] = list(value)
        return padded(found), reason

    def _arrays(self, cell: CellRecord, planned: Cell) -> Any:
        from clbench.data import load_arrays
        from clbench.execution.inspector import dataset_of, padding_of, versions_of

        arrays = load_arrays(dataset_of(planned), self.host, self.data)
        if arrays.fingerprint != cell.content["data"]:
            raise RecordError(
                f"{cell.label} on {cell.scenario} was trained on other data"
                f" ({cell.content['data']}, not {arrays.fingerprint})"
            )
        before = cell.content["versions"]
        for what, version in versions_of(planned, self.host.version_of).items():
            if before.get(what) != version:
                self.warnings.append(
                    f"{what} is {version} now and was {before.get(what)} in the run;"
                    " its streams or networks may differ"
                )
        return arrays.padded(padding_of(planned))


def _stacks(cell: CellRecord, kept: Array) -> list[Array]:
    """The members in shares for a CPU; agents stay with their seed."""
    seeds, agents = np.unique(cell.seed[kept], return_counts=True)
    share = max(1, STACK_ON_CPU // int(agents.max(initial=1)))
    return [kept[np.isin(cell.seed[kept], mine)] for mine in _in_shares(seeds, share)]


def _in_shares(seeds: Array, share: int) -> Iterator[Array]:
    for start in range(0, len(seeds), share):
        yield seeds[start : start + share]


def _weights(cell: CellRecord, row: int, members: Array) -> dict[str, Any]:
    """The tensors of these members after `row` tasks, by name; row 1 is the untrained network."""
    start = f"weights/{row}/"
    found = {}
    for name, rows in cell.stored.items():
        if name.startswith(start):
            found[name.removeprefix(start)] = rows[members].read()
    return found


def _cell_of(cell: CellRecord) -> Cell:
    """The suite's cell that this record is of."""
    content = cell.content
    try:
        # Both are needed, too, to tell whether its streams would be the same today.
        dict(content["versions"]), content["data"]
        return Cell(
            scenario=Choice.from_plain(content["scenario"]),
            scenario_label=cell.scenario,
            parts=tuple(map(Choice.from_plain, content["parts"])),
            label=cell.label,
            protocol=Protocol.of(content["protocol"]),
            metrics=(),
            seeds=(),
        )
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise RecordError(
            f"{cell.label} on {cell.scenario}:"
            " the record does not say how it was made, so its streams cannot be"
        ) from error
