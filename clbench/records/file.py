"""The layout of a record, schema 2. What reads and writes it agrees here, and nowhere else.

/                        schema_version, and the attributes of `fields.RECORD_FIELDS`
/cells/<key>/            the attributes of `fields.CELL_FIELDS`, and position (in the suite)
    seed [S]             and the datasets of `fields.CELL_FIELDS`, each with its dimensions
    accuracy [S, T+1, T] or entries/row [K], entries/column [K], entries/value [S, K]
    metrics/ curves/ ... the folders of `fields.CELL_FIELDS`, [S, ...] each
    weights/<row>/<name>     [S, ...], predictions/<row>/<task> [S, N], and
    tests/<task>/index, label [S, N]: read when they are asked for
    seed, after_task, task, axis_<n>   dimension scales; `axis_<n>` stands for a dimension of
                         length n without coordinates
/apart/<key>/            laid out as a cell: what was measured for an older state of the suite, with
                         why it is kept apart (`apart`)
/looks/<number>/         one comparison of these seeds: `when`, `cells`, `metric`, `alpha`, `test`

A record of schema 1 is read, too: what it said in another way, `clbench.records.version_1` makes
what it is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clbench.records import version_1
from clbench.records.cell import CellRecord
from clbench.records.looks import Look
from clbench.records.metric_facts import name_in

SCHEMA_VERSION = 2
KNOWN_VERSIONS = (version_1.SCHEMA_VERSION, SCHEMA_VERSION)

STORED = ("weights", "predictions", "tests")  # groups of datasets that may be larger than memory
SMOKE, RESULTS = "smoke", "results"  # what a record was made for
CELLS, APART = "cells", "apart"  # the groups that hold cells


@dataclass(frozen=True)
class RecordFile:
    """One record, read whole: what its suite asks for, and `apart` from that what an older state
    of the suite asked for.

    A cell of which the suite has taken some seeds away stands in both, each time with other seeds.
    """

    schema_version: int  # of the file that it was read from
    suite: str
    suite_text: str
    environment: Mapping[str, Any]
    cells: list[CellRecord]
    # What the suite asked for: labels and options; which metrics they are, `called` says.
    metrics: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    apart: list[CellRecord] = field(default_factory=list)
    # Facts by `id`, the oldest run first; none is ever changed.
    runs: tuple[Mapping[str, Any], ...] = ()
    # Unit and the like, by metric, for readers without the plugin.
    metric_facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    purpose: str = ""  # SMOKE or RESULTS; "" where the file does not say
    looks: tuple[Look, ...] = ()  # the oldest first; none is ever changed or taken away

    def called(self, label: str) -> str:
        """The name of the metric that has this label in the record: the label itself, as a rule."""
        return name_in(self.metric_facts.get(label)) or label
