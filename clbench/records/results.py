"""What was measured, as people ask for it: tidy frames, accuracy matrices, metrics computed when they are wanted."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import ClbenchError, OptionError, RecordError, suggest
from clbench.metrics import Metric, RecordMetric, RunView, Undefined
from clbench.metrics.arithmetic import matrix_of, summarise
from clbench.records.apart import apart_line, labels_apart
from clbench.records.cell import Array, CellRecord
from clbench.records.file import RecordFile
from clbench.records.metric_facts import kind_of, kind_of_cost
from clbench.records.reading import read_record

if TYPE_CHECKING:
    import pandas as pd

    from clbench.host import Host, Plugin

COLUMNS = ["scenario", "strategy", "seed", "agent", "metric", "task", "value"]
NOTEBOOK = "clbench.report.notebook"  # draws results there
NOT_FINISHED = {"failed": "the run failed", "timeout": "the run took too long"}


@dataclass(frozen=True)
class Measured:
    """One metric of one cell."""

    name: str
    summary: Array  # [S], the number that tables show; NaN where there is none
    by_task: Array | None  # [S, T], where the metric has a number a task
    values: Array  # [S, ...], all there is
    reasons: tuple[str | None, ...]  # why a member has no summary
    unit: str = ""
    higher_is_better: bool = True
    limits: tuple[float, float] | None = None  # what no value lies beyond


@dataclass(frozen=True)
class Predictions:
    """A task's test samples `[S, N]`, sample by sample; -1 where a member has fewer, or had diverged by then."""

    chosen: Array  # the class each one was given
    label: Array  # the class it is
    index: Array  # its place in the data set's test samples


def load(
    path: str | Path, host: Host | None = None, *, plugins: Plugin | Iterable[Plugin] = ()
) -> Results:
    """Open a record. Metrics that are not stored come from the installed plugins and from `plugins`: files, modules, classes.

    Whoever has a `host` already gives that instead.
    """
    return Results(read_record(Path(path)), host).with_plugins(plugins)


class Results:
    """A record to ask questions of."""

    def __init__(self, record: RecordFile, host: Host | None = None) -> None:
        self.record = record
        self._host = host
        self._measured: dict[tuple[str, str], Measured] = {}
        self._views: dict[
            int, dict[int, RunView]
        ] = {}  # by cell and member; a view keeps its cell alive

    def __repr__(self) -> str:
        line = apart_line(self.record)
        more = "" if line is None else f"; {line}"
        return f"<results of {self.record.suite}: {self.cells}{more}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of `clbench show`."""
        # By name: records know nothing of reports, and only who looks at them in a notebook needs one.
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
        """What was measured for an older state of the suite, under labels that tell it apart; `record.apart` is as it was."""
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
            raise RecordError(
                f"the record has no scenario {scenario!r}{suggest(str(scenario), {cell.scenario for cell in self.cells})}"
            )
        found = [cell for cell in within if cell.label == strategy] or [
            cell for cell in within if cell.strategy == strategy
        ]
        if not found:
            raise RecordError(
                f"the record has no strategy {strategy!r}{suggest(strategy, {cell.label for cell in within})}"
            )
        return found

    def cell(self, strategy: str, scenario: str | None = None) -> CellRecord:
        """The one cell of a label, or of a bare name that is unique."""
        found = self.find(strategy, scenario)
        if len(found) > 1:
            scenarios = sorted({cell.scenario for cell in found})
            which, choices = (
                ("scenario", scenarios)
                if len(scenarios) > 1
                else ("label", [cell.label for cell in found])
            )
            raise RecordError(
                f"{strategy!r} names {len(found)} cells; choose a {which}: {', '.join(choices)}"
            )
        return found[0]

    def accuracy(self, strategy: str, scenario: str | None = None) -> Array:
        """`[S, T+1, T]` of one cell: task j (column j - 1) after i tasks (row i), row 0 the untrained network."""
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
        """Parameters and buffers `[S, ...]` by name after `row` tasks, 0 the untrained network, -1 the last; needs `keep: [weights]`.

        NaN where a member had diverged by then.
        """
        cell = self.cell(strategy, scenario)
        start = f"weights/{_row(cell, row)}/"
        found = {
            name.removeprefix(start): rows.read()
            for name, rows in cell.stored.items()
            if name.startswith(start)
        }
        if not found:
            raise RecordError(_not_kept(cell, "weights", f"after {_row(cell, row)} tasks"))
        return found

    def predictions(
        self, strategy: str, task: int, row: int = -1, scenario: str | None = None
    ) -> Predictions:
        """The classes that the test samples of a task (from 1) were given after `row` tasks; needs `keep: [predictions]`."""
        cell = self.cell(strategy, scenario)
        names = (
            f"predictions/{_row(cell, row)}/{task}",
            f"tests/{task}/label",
            f"tests/{task}/index",
        )
        if not all(name in cell.stored for name in names):
            raise RecordError(
                _not_kept(cell, "predictions", f"of task {task} after {_row(cell, row)} tasks")
            )
        return Predictions(*(cell.stored[name].read() for name in names))

    # ------------------------------------------------------------------ metrics

    def metric(self, name: str, cell: CellRecord) -> Measured:
        """One metric of one cell: as it was stored, or computed now."""
        if (cell.key, name) not in self._measured:
            self._measured[cell.key, name] = self._measure(name, cell)
        return self._measured[cell.key, name]

    def _measure(self, name: str, cell: CellRecord) -> Measured:
        offered = name in self.host.names("metric")
        if name in cell.metrics:
            return self._again(name, cell) if offered else self._stored(name, cell)
        if offered:
            return self._computed(name, cell)
        if any(name in other.notes for other in self.cells):
            return self._noted(name, cell)
        if any(name in other.cost for other in self.cells):
            return self._costed(name, cell)
        if any(name in other.metrics for other in self.cells):
            return self._absent(name, self._kind(name), cell, None)
        return self._computed(name, cell)  # which says that nobody knows the name

    def _again(self, name: str, cell: CellRecord) -> Measured:
        """A stored metric that a plugin here offers: what we computed is computed anew, from what is stored beside it.

        What a record says without a word on how it was measured is its writer's, and stays as it is.
        """
        kind = self.host.get("metric", name)
        if name not in cell.probes or not issubclass(kind, RecordMetric):
            return self._stored(name, cell)
        try:
            return self._computed(name, cell)
        except OptionError:  # it has other options now
            return self._stored(name, cell)

    def _absent(
        self, name: str, kind: type[Metric], cell: CellRecord, reason: str | None
    ) -> Measured:
        """No value for anybody."""
        nothing = np.full(cell.members, np.nan)
        reasons = [reason] * cell.members
        return self._measurement(name, kind, cell, nothing, None, nothing, reasons)

    def _costed(self, name: str, cell: CellRecord) -> Measured:
        """A cost that no plugin describes, as it was stored."""
        kind = kind_of_cost(name)
        if name not in cell.cost:
            return self._absent(name, kind, cell, f"the record holds no {name}")
        values = np.asarray(cell.cost[name], dtype=np.float64)
        by_task = values if values.ndim == 2 and values.shape[1] == cell.tasks else None
        summary = summarise(values, kind.summary) if values.ndim == 2 else values
        reasons = [None] * cell.members
        return self._measurement(name, kind, cell, summary, by_task, values, reasons)

    def _noted(self, name: str, cell: CellRecord) -> Measured:
        """What a strategy noted of its test sets after the last task; the mean over those tested."""
        nothing = np.full(cell.tasks, np.nan)
        rows = [
            self.run(cell, member).notes[name][-1] if name in cell.notes else nothing
            for member in range(cell.members)
        ]
        by_task = np.array(rows).reshape(cell.members, cell.tasks)
        reasons = [None if name in cell.notes else "the strategy does not note it"] * cell.members
        known = ~np.isnan(by_task)
        counts = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
        summary = np.where(known, by_task, 0.0).sum(axis=1) / counts
        return self._measurement(name, Metric, cell, summary, by_task, by_task, reasons)

    def metric_names(self) -> list[str]:
        """Everything stored, costs among it, and every record metric the host offers."""
        stored = {name for cell in self.cells for name in (*cell.metrics, *cell.notes, *cell.cost)}
        offered = {
            name
            for name in self.host.names("metric")
            if issubclass(self.host.get("metric", name), RecordMetric)
        }
        return sorted(stored | offered)

    def run(self, cell: CellRecord, member: int) -> RunView:
        """One member, as record metrics see it."""
        views = self._views.setdefault(id(cell), {})
        if member not in views:
            views[member] = RunView(cell, member, self._reference)
        return views[member]

    def _reference(self, strategy: str, run: RunView) -> RunView | None:
        cells = [
            cell
            for cell in self.cells
            if cell.strategy == strategy and cell.scenario == run.scenario
        ]
        for cell in (
            sorted(cells, key=lambda cell: cell.protocol != run.protocol)
            if len(cells) > 1
            else cells
        ):
            for member in np.flatnonzero(cell.seed == run.seed):
                view = self.run(cell, int(member))
                if view.agent == run.agent and view.status == "done":
                    return view
        return None

    def _stored(self, name: str, cell: CellRecord) -> Measured:
        values = np.asarray(cell.metrics[name], dtype=np.float64)
        kind = self._kind(name)
        reasons = [cell.undefined(name)] * cell.members
        first = (
            values  # of what a layer, or a class, has: [S], or [S, K] along tasks, epochs or steps
        )
        while first.ndim > 2:
            first = first[..., 0] if first.shape[-1] else np.full(first.shape[:-1], np.nan)
        along_tasks = (
            first.ndim == 2
            and first.shape[1] == cell.tasks
            and getattr(kind, "when", "task_end") == "task_end"
        )
        summary = summarise(first, kind.summary) if first.ndim == 2 else first
        return self._measurement(
            name, kind, cell, summary, first if along_tasks else None, values, reasons
        )

    def _computed(self, name: str, cell: CellRecord) -> Measured:
        kind: type[Metric] = self.host.get("metric", name)
        answers: list[tuple[Array, str | None]]
        if issubclass(kind, RecordMetric):
            metric = kind(**self._options(name, cell))
            answers = [
                _evaluate(name, metric, self.run(cell, member)) for member in range(cell.members)
            ]
        else:
            answers = [(np.array(np.nan), _why_not_measured(name, cell))] * cell.members
        values = [value for value, _ in answers]
        summary = np.array(
            [
                summarise(value[None], kind.summary)[0] if value.ndim else float(value)
                for value in values
            ]
        )
        table = _stacked(values)
        along_tasks = table.ndim == 2 and table.shape[1] == cell.tasks
        return self._measurement(
            name,
            kind,
            cell,
            summary,
            table if along_tasks else None,
            table,
            [reason for _, reason in answers],
        )

    def _measurement(
        self,
        name: str,
        kind: type[Metric],
        cell: CellRecord,
        summary: Array,
        by_task: Array | None,
        values: Array,
        reasons: Sequence[str | None],
    ) -> Measured:
        statuses = [self.run(cell, member) for member in range(cell.members)]
        why = [reason or _unfinished(run) for reason, run in zip(reasons, statuses, strict=True)]
        lacking = _said(name, cell) or "it was not measured"
        why = [
            reason or (lacking if np.isnan(number) else None)
            for reason, number in zip(why, summary, strict=True)
        ]
        kept = np.where([reason is None for reason in why], summary, np.nan)
        return Measured(
            name,
            kept,
            by_task,
            values,
            tuple(why),
            kind.unit,
            kind.higher_is_better,
            kind.limits,
        )

    def _options(self, name: str, cell: CellRecord) -> Mapping[str, Any]:
        """Those a metric was stored with, or those that the suite asks for."""
        how = cell.probes.get(name)
        options = how.get("options") if isinstance(how, Mapping) else None
        if isinstance(options, Mapping):
            return options
        return dict(self.record.metrics).get(name, {})

    def _kind(self, name: str) -> type[Metric]:
        """The class behind a stored metric; where no plugin offers it, what the record knows of it."""
        try:
            kind: type[Metric] = self.host.get("metric", name.partition("(")[0])
        except ClbenchError:
            return kind_of(self.record.metric_facts.get(name))
        return kind

    # ------------------------------------------------------------------ frames

    def frame(self, metrics: Iterable[str] | None = None) -> pd.DataFrame:
        """Tidy: scenario, strategy (the label), seed, agent, metric, task, value; `task` is empty for a summary.

        Without `metrics`, everything stored and every record metric that the plugins at hand offer. Where a metric
        has no value the value is NaN, and `undefined` says why. `frame.attrs["kept_apart"]` says what is left out.
        """
        import pandas as pd

        parts: list[dict[str, Any]] = []
        for cell, measured in self._each(metrics):
            parts.append(_rows(cell, measured.name, None, measured.summary))
            for task in range(0 if measured.by_task is None else measured.by_task.shape[1]):
                assert measured.by_task is not None
                parts.append(_rows(cell, measured.name, task + 1, measured.by_task[:, task]))
        columns: dict[str, Any] = {
            name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
            for name in COLUMNS
        }
        numbers = pd.Series(columns["task"], dtype="Int64")
        frame = pd.DataFrame(columns | {"task": numbers.mask(numbers == 0)})[COLUMNS]
        frame.attrs["kept_apart"] = apart_line(self.record)
        return frame

    def undefined(self, metrics: Iterable[str] | None = None) -> pd.DataFrame:
        """Why values are missing: scenario, strategy, seed, agent, metric, reason."""
        import pandas as pd

        rows = [
            (
                cell.scenario,
                cell.label,
                int(cell.seed[member]),
                self.run(cell, member).agent,
                measured.name,
                reason,
            )
            for cell, measured in self._each(metrics)
            for member, reason in enumerate(measured.reasons)
            if reason is not None
        ]
        return pd.DataFrame(
            rows, columns=["scenario", "strategy", "seed", "agent", "metric", "reason"]
        )

    def _each(self, metrics: Iterable[str] | None) -> Iterable[tuple[CellRecord, Measured]]:
        names = self.metric_names() if metrics is None else list(metrics)
        return ((cell, self.metric(name, cell)) for cell in self.cells for name in names)


def _row(cell: CellRecord, row: int) -> int:
    return row if row >= 0 else cell.tasks + 1 + row


def _not_kept(cell: CellRecord, kind: str, which: str) -> str:
    """Why there are none."""
    if kind in cell.kept:
        return f"{cell.label} on {cell.scenario}: there are no {kind} {which}"
    return f"{cell.label} on {cell.scenario}: {kind} were not kept; write `keep: [{kind}]` in the suite's protocol and run it again"


def _why_not_measured(name: str, cell: CellRecord) -> str:
    """What the cell's errors say of a probe metric, that the cell failed, or that nobody asked for it."""
    said = _said(name, cell)
    if said is not None:
        return said
    if cell.status == "failed":
        return "the cell failed before it was measured; run the suite again once that is mended"
    return "it was not measured; add it to the suite's metrics and run the suite again"


def _said(name: str, cell: CellRecord) -> str | None:
    fault = cell.fault(name)
    return cell.undefined(name) or (None if fault is None else f"it failed: {fault}")


def _rows(cell: CellRecord, metric: str, task: int | None, value: Array) -> dict[str, Any]:
    size = cell.members
    texts = {"scenario": cell.scenario, "strategy": cell.label, "metric": metric}
    agent = np.zeros(size, np.int64) if cell.agent is None else cell.agent
    return {
        **{name: np.full(size, text, dtype=object) for name, text in texts.items()},
        "seed": cell.seed,
        "agent": agent,
        "task": np.full(size, task or 0),
        "value": np.asarray(value, dtype=np.float64),
    }


def _unfinished(run: RunView) -> str | None:
    if run.status == "diverged":
        return (
            f"the run diverged in step {run.diverged_at}"
            if run.diverged_at >= 0
            else "the run diverged"
        )
    return NOT_FINISHED.get(run.status)


def _evaluate(name: str, metric: RecordMetric, run: RunView) -> tuple[Array, str | None]:
    """A metric's number or numbers, or why there are none; a metric that raises spoils its own column and no other."""
    nothing = np.array(np.nan)
    reason = _unfinished(run)
    if reason is not None:
        return nothing, reason
    try:
        value: Any = metric.value(run)
        if isinstance(value, Undefined):
            return nothing, value.reason
        if value is None:
            return (
                nothing,
                f"the metric {name!r} returned None; write Undefined(reason) where there is no value",
            )
        array = np.asarray(value, dtype=np.float64)
    except Undefined as undefined:
        return nothing, undefined.reason
    except (Exception, SystemExit) as error:  # a stranger's metric may raise anything
        return nothing, f"the metric {name!r} failed: {type(error).__name__}: {error}"
    if array.ndim > 1:
        return (
            nothing,
            f"the metric {name!r} returned an array with {array.ndim} dimensions; a number, or one a task, is wanted",
        )
    return array, None


def _stacked(values: Sequence[Array]) -> Array:
    """`[S]` or `[S, K]`, NaN for members without a value and at the end of shorter ones."""
    length = max((len(value) for value in values if value.ndim), default=None)
    if length is None:
        return np.array([float(value) for value in values])
    full = np.full((len(values), length), np.nan)
    for row, value in zip(full, values, strict=True):
        row[: value.size if value.ndim else 0] = value if value.ndim else np.nan
    return full
