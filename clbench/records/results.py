"""What was measured, as people ask for it: tidy frames, accuracy matrices, metrics on demand."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import RecordError, suggest
from clbench.metrics import RecordMetric, RunView
from clbench.metrics.arithmetic import matrix_of
from clbench.records.apart import apart_line, labels_apart
from clbench.records.cell import CellRecord
from clbench.records.file import RecordFile
from clbench.records.metric_facts import kind_of
from clbench.records.metric_values import Measured, Metrics
from clbench.records.reading import read_record
from clbench.records.status import DONE
from clbench.typing import Array

if TYPE_CHECKING:
    import pandas as pd

    from clbench.host import Host, Plugin

COLUMNS = ["scenario", "strategy", "seed", "agent", "metric", "task", "value"]
SUMMARY = 0  # in the column `task`, until it is left empty there
NOTEBOOK = "clbench.report.notebook"  # draws results there


@dataclass(frozen=True)
class Predictions:
    """A task's test samples `[S, N]`, sample by sample.

    -1 stands where a member has fewer, or had diverged by then.
    """

    chosen: Array  # the class each one was given
    label: Array  # the class it is
    index: Array  # its position among the data set's test samples


def load(
    path: str | Path, host: Host | None = None, *, plugins: Plugin | Iterable[Plugin] = ()
) -> Results:
    """Open a record.

    Metrics that are not stored come from the installed plugins and from `plugins`: files, modules,
    classes. Whoever has a `host` already gives that instead.
    """
    return Results(read_record(Path(path)), host).with_plugins(plugins)


class Results:
    """A record to ask questions of."""

    def __init__(self, record: RecordFile, host: Host | None = None) -> None:
        self.record = record
        self._host = host
        self._metrics = Metrics(record, lambda: self.host, self.run)
        self._measured: dict[tuple[str, str], Measured] = {}
        # By cell (its `id`; a view keeps its cell alive) and member.
        self._views: dict[int, dict[int, RunView]] = {}

    def __repr__(self) -> str:
        line = apart_line(self.record)
        more = "" if line is None else f"; {line}"
        return f"<results of {self.record.suite}: {self.cells}{more}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of `clbench show`."""
        # By name: records know nothing of reports, and only who looks at them in a notebook needs
        # one.
        html: str = importlib.import_module(NOTEBOOK).results_html(self)
        return html

    def with_plugins(self, plugins: Plugin | Iterable[Plugin]) -> Results:
        """The same record, with the metrics that these plugins offer, too."""
        from clbench.host import Host, as_plugins

        given = as_plugins(plugins)
        if not given:
            return self
        before = self._host.given if self._host is not None else ()
        return Results(self.record, Host.load([*before, *given], only="metric"))

    def kept_apart(self) -> Results:
        """What was measured for an older state of the suite, under labels that tell it apart.

        `record.apart` is as it was.
        """
        cells = [replace(cell, label=label) for label, cell in labels_apart(self.record)]
        return Results(replace(self.record, cells=cells, apart=[]), self._host)

    @property
    def cells(self) -> list[CellRecord]:
        """Every cell that the suite asks for, in its order."""
        return self.record.cells

    @property
    def host(self) -> Host:
        """Where metrics come from; loaded when the first one is asked for."""
        if self._host is None:
            from clbench.host import Host

            self._host = Host.load(only="metric")
        return self._host

    # ------------------------------------------------------------------ cells

    def find(self, strategy: str, scenario: str | None = None) -> list[CellRecord]:
        """The cells of a label, or of a bare name where no label is called so."""
        if not self.cells:
            raise RecordError("the record holds no cells yet")
        within = [cell for cell in self.cells if scenario in (None, cell.scenario)]
        if not within:
            known = {cell.scenario for cell in self.cells}
            hint = suggest(str(scenario), known)
            raise RecordError(f"the record has no scenario {scenario!r}{hint}")
        found = [cell for cell in within if cell.label == strategy]
        if not found:
            found = [cell for cell in within if cell.strategy == strategy]
        if not found:
            labels = {cell.label for cell in within}
            hint = suggest(strategy, labels)
            raise RecordError(f"the record has no strategy {strategy!r}{hint}")
        return found

    def cell(self, strategy: str, scenario: str | None = None) -> CellRecord:
        """The one cell of a label, or of a bare name that is unique."""
        found = self.find(strategy, scenario)
        if len(found) == 1:
            return found[0]
        which, choices = "scenario", sorted({cell.scenario for cell in found})
        if len(choices) == 1:
            which, choices = "label", [cell.label for cell in found]
        raise RecordError(
            f"{strategy!r} names {len(found)} cells; choose a {which}: {', '.join(choices)}"
        )

    def accuracy(self, strategy: str, scenario: str | None = None) -> Array:
        """`[S, T+1, T]` of one cell: task j (column j - 1) after i tasks (row i).

        Row 0 is the untrained network. Of thousands of tasks that is a large array with little in
        it: `cell(strategy).entries` has what was measured.
        """
        cell = self.cell(strategy, scenario)
        if cell.accuracy is not None:
            return cell.accuracy
        if cell.entries is None:
            return np.full((cell.members, 1, 0), np.nan)
        return matrix_of(cell.entries.row, cell.entries.column, cell.entries.value, cell.tasks)

    # ------------------------------------------------------------------ what was kept

    def weights(
        self, strategy: str, row: int = -1, scenario: str | None = None
    ) -> dict[str, Array]:
        """Parameters and buffers `[S, ...]` by name after `row` tasks; needs `keep: [weights]`.

        Row 0 is the untrained network, -1 the last. NaN where a member had diverged by then.
        """
        cell = self.cell(strategy, scenario)
        after = _row(cell, row)
        start = f"weights/{after}/"
        found = {}
        for name, rows in cell.stored.items():
            if name.startswith(start):
                found[name.removeprefix(start)] = rows.read()
        if not found:
            raise RecordError(_not_kept(cell, "weights", f"after {after} tasks"))
        return found

    def predictions(
        self, strategy: str, task: int, row: int = -1, scenario: str | None = None
    ) -> Predictions:
        """The classes that the test samples of a task (from 1) were given after `row` tasks.

        Needs `keep: [predictions]`.
        """
        cell = self.cell(strategy, scenario)
        after = _row(cell, row)
        names = (
            f"predictions/{after}/{task}",
            f"tests/{task}/label",
            f"tests/{task}/index",
        )
        if not all(name in cell.stored for name in names):
            which = f"of task {task} after {after} tasks"
            raise RecordError(_not_kept(cell, "predictions", which))
        return Predictions(*(cell.stored[name].read() for name in names))

    # ------------------------------------------------------------------ metrics

    def metric(self, name: str, cell: CellRecord) -> Measured:
        """One metric of one cell: as it was stored, or computed now."""
        known = cell.key, name
        if known not in self._measured:
            self._measured[known] = self._metrics.measure(name, cell)
        return self._measured[known]

    def metric_names(self) -> list[str]:
        """All stored numbers, costs among them, and every record metric the host offers."""
        names: set[str] = set()
        for cell in self.cells:
            names |= {*cell.metrics, *cell.notes, *cell.cost}
        offered = self._offered_record_metrics()
        asked = {label for label, _ in self.record.metrics if self.record.called(label) in offered}
        return sorted(filter(self.is_number, names | offered | asked))

    def _offered_record_metrics(self) -> set[str]:
        return set(filter(self._is_record_metric, self.host.names("metric")))

    def _is_record_metric(self, name: str) -> bool:
        return issubclass(self.host.get("metric", name), RecordMetric)

    def is_number(self, label: str) -> bool:
        """Whether tables can show this metric, or it is there to be drawn alone."""
        return kind_of(self.record.metric_facts.get(label)).summary != "none"

    def metric_called(self, label: str, cell: CellRecord) -> str:
        """The name of the metric that has this label in a cell: the label itself, as a rule."""
        return self._metrics.called(label, cell)

    def run(self, cell: CellRecord, member: int) -> RunView:
        """One member, as record metrics see it."""
        views = self._views.setdefault(id(cell), {})
        if member not in views:
            views[member] = RunView(cell, member, self._reference)
        return views[member]

    def _reference(self, strategy: str, run: RunView) -> RunView | None:
        """Another strategy's run on the same stream, of the same protocol where there is one."""
        cells = [
            cell
            for cell in self.cells
            if cell.strategy == strategy and cell.scenario == run.scenario
        ]
        if len(cells) > 1:
            cells.sort(key=lambda cell: cell.protocol != run.protocol)
        for cell in cells:
            for member in np.flatnonzero(cell.seed == run.seed):
                view = self.run(cell, int(member))
                if view.agent == run.agent and view.status == DONE:
                    return view
        return None

    # ------------------------------------------------------------------ frames

    def frame(self, metrics: Iterable[str] | None = None) -> pd.DataFrame:
        """Tidy: scenario, strategy (the label), seed, agent, metric, task, value.

        `task` is empty for a summary. Without `metrics`, everything stored and every record metric
        that the plugins at hand offer. Where a metric has no value the value is NaN, and
        `undefined` says why. `frame.attrs["kept_apart"]` says what is left out.
        """
        import pandas as pd

        parts = [part for measured in self._each(metrics) for part in _columns(*measured)]
        columns: dict[str, Any] = {}
        for name in COLUMNS:
            column = [part[name] for part in parts]
            columns[name] = np.concatenate(column) if column else np.zeros(0)
        numbers = pd.Series(columns["task"], dtype="Int64")
        columns["task"] = numbers.mask(numbers == SUMMARY)
        frame = pd.DataFrame(columns)[COLUMNS]
        frame.attrs["kept_apart"] = apart_line(self.record)
        return frame

    def undefined(self, metrics: Iterable[str] | None = None) -> pd.DataFrame:
        """Why values are missing: scenario, strategy, seed, agent, metric, reason."""
        import pandas as pd

        rows = []
        for cell, measured in self._each(metrics):
            for (seed, agent), reason in zip(cell.who, measured.reasons, strict=True):
                if reason is not None:
                    rows.append((cell.scenario, cell.label, seed, agent, measured.name, reason))
        names = ["scenario", "strategy", "seed", "agent", "metric", "reason"]
        return pd.DataFrame(rows, columns=names)

    def _each(self, metrics: Iterable[str] | None) -> Iterable[tuple[CellRecord, Measured]]:
        names = self.metric_names() if metrics is None else list(metrics)
        for cell in self.cells:
            for name in names:
                yield cell, self.metric(name, cell)


def _row(cell: CellRecord, row: int) -> int:
    """After how many tasks, where -1 stands for the last."""
    return row if row >= 0 else cell.tasks + 1 + row


def _not_kept(cell: CellRecord, kind: str, which: str) -> str:
    """Why there are none."""
    where = f"{cell.label} on {cell.scenario}"
    if kind in cell.kept:
        return f"{where}: there are no {kind} {which}"
    return (
        f"{where}: {kind} were not kept;"
        f" write `keep: [{kind}]` in the suite's protocol and run it again"
    )


def _columns(cell: CellRecord, measured: Measured) -> Iterable[dict[str, Any]]:
    """Columns of a frame: the summary, and the metric task by task where it is one."""
    summary = measured.summary[:, None]
    yield _rows(cell, measured.name, np.array([SUMMARY]), summary)
    if measured.by_task is not None:
        tasks = np.arange(1, measured.by_task.shape[1] + 1)
        yield _rows(cell, measured.name, tasks, measured.by_task)


def _rows(cell: CellRecord, metric: str, tasks: Array, values: Array) -> dict[str, Any]:
    """Columns of a frame: task by task, the members' `values [S, tasks]`."""
    size = cell.members * len(tasks)
    texts = {"scenario": cell.scenario, "strategy": cell.label, "metric": metric}
    columns: dict[str, Any] = {}
    for name, text in texts.items():
        columns[name] = np.full(size, text, dtype=object)
    columns["seed"] = np.tile(cell.seed, len(tasks))
    columns["agent"] = np.tile(cell.agent, len(tasks))
    columns["task"] = np.repeat(tasks, cell.members)
    columns["value"] = np.asarray(values, dtype=np.float64).T.reshape(-1)
    return columns
