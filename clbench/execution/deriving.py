"""Record metrics that a suite asks for are stored when it has run,
for readers without the plugins that offer them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.metrics import RecordMetric
from clbench.records import CellRecord, RecordFile, Results
from clbench.records.metric_facts import facts_of, how_measured

if TYPE_CHECKING:
    from clbench.host import Host


def with_record_metrics(record: RecordFile, host: Host) -> RecordFile:
    """The record with the record metrics of its suite in every cell that it asks for,
    and what is to be known of all metrics.
    """
    kinds: dict[str, Any] = {
        label: host.get("metric", record.called(label)) for label, _ in record.metrics
    }
    facts = {label: facts_of(kind, label) for label, kind in kinds.items()}
    record = replace(record, metric_facts={**record.metric_facts, **facts})
    for label, options in record.metrics:
        if issubclass(kinds[label], RecordMetric):
            record = with_metric(record, label, options, host)
    return record


def with_metric(
    record: RecordFile, label: str, options: Mapping[str, Any], host: Host
) -> RecordFile:
    """The record with one record metric, computed for every cell whatever was stored before.

    Nothing is stored in a cell in which nobody has a value: why is found again by whoever asks.
    """
    name = record.called(label)
    version = host.version_of("metric", name)
    how = {**how_measured(label, name, options, version), "derived": True}
    # A value that is stored would be taken for the metric's own, of an older version perhaps.
    bare = [_without(cell, label) for cell in record.cells]
    metrics = {**dict(record.metrics), label: dict(options)}
    asked = replace(record, cells=bare, metrics=tuple(metrics.items()))
    results = Results(asked, host)
    return replace(record, cells=[_with(results, cell, label, how) for cell in bare])


def _without(cell: CellRecord, name: str) -> CellRecord:
    metrics = {other: values for other, values in cell.metrics.items() if other != name}
    probes = {other: how for other, how in cell.probes.items() if other != name}
    return replace(cell, metrics=metrics, probes=probes)


def _with(results: Results, cell: CellRecord, name: str, how: Mapping[str, Any]) -> CellRecord:
    values = results.metric(name, cell).values
    if np.isnan(values).all():
        return cell
    metrics, probes = {**cell.metrics, name: values}, {**cell.probes, name: how}
    return replace(cell, metrics=metrics, probes=probes)
