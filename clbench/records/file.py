"""The layout of a record, schema 1. What reads and writes it agrees here, and nowhere else.

/                        schema_version, purpose, suite, suite_text, environment (of the last run), runs, metrics and metric_facts (JSON)
/cells/<key>/            scenario, strategy, label, options, protocol, content, probes, errors (JSON), status, position (in the suite)
    seed [S]             and agent, run, member_status, diverged_at
    accuracy [S, T+1, T] or entries/row [K], entries/column [K], entries/value [S, K]
    accuracy_before      and loss [S, T]
    metrics/ curves/ cost/ metric_seconds/ kept/   [S, ...] each
    weights/<row>/<name>     [S, ...], predictions/<row>/<task> [S, N], and tests/<task>/index, label [S, N]: read when they are asked for
    seed, after_task, task, axis_<n>   dimension scales; `axis_<n>` stands for a dimension of length n without coordinates
/apart/<key>/            laid out as a cell: what was measured for an older state of the suite, with why it is kept apart (`apart`)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clbench.records.cell import CellRecord
from clbench.records.metric_facts import name_in

SCHEMA_VERSION = 1

# Datasets of a cell with their dimensions, as they are called in the file.
DATASETS: dict[str, tuple[str, ...]] = {
    "agent": ("seed",),
    "run": ("seed",),
    "member_status": ("seed",),
    "diverged_at": ("seed",),
    "accuracy": ("seed", "after_task", "task"),
    "accuracy_before": ("seed", "task"),
    "loss": ("seed", "task"),
}
STORED = ("weights", "predictions", "tests")  # groups of datasets that may be larger than memory
SMOKE, RESULTS = "smoke", "results"  # what a record was made for
CELLS, APART = "cells", "apart"  # the groups that hold cells
JSON_ATTRIBUTES = ("options", "protocol", "content", "probes")
CHANCE = ("task", "all")  # what `chance` may say


@dataclass(frozen=True)
class RecordFile:
    """One record, read whole: what its suite asks for, and `apart` from that what an older state of the suite asked for.

    A cell of which the suite has taken some seeds away stands in both, each time with other seeds.
    """

    schema_version: int
    suite: str
    suite_text: str
    environment: Mapping[str, Any]
    cells: list[CellRecord]
    metrics: tuple[
        tuple[str, Mapping[str, Any]], ...
    ] = ()  # what the suite asked for: labels and options; which metrics they are, `called` says
    apart: list[CellRecord] = field(default_factory=list)
    # facts by `id`, the oldest run first; none is ever changed
    runs: tuple[Mapping[str, Any], ...] = ()
    # unit and the like, by metric, for readers without the plugin
    metric_facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    purpose: str = ""  # SMOKE or RESULTS; "" where the file does not say

    def called(self, label: str) -> str:
        """The name of the metric that has this label in the record: the label itself, as a rule."""
        return name_in(self.metric_facts.get(label)) or label
