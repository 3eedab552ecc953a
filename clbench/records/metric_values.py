"""One metric of one cell: as it was stored, or computed from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.errors import ClbenchError, OptionError, UnknownName
from clbench.metrics import Metric, RecordMetric, RunView, Undefined
from clbench.metrics.arithmetic import summarise
from clbench.records.cell import CellRecord
from clbench.records.file import RecordFile
from clbench.records.metric_facts import kind_of, kind_of_cost, name_in
from clbench.typing import Array

if TYPE_CHECKING:
    from clbench.host import Host

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


class Metrics:
    """The metrics of a record's cells.

    `host` gives the plugins that offer metrics, once one is asked for; `view` shows a member as record metrics see it.
    """

    def __init__(
        self,
        record: RecordFile,
        host: Callable[[], Host],
        view: Callable[[CellRecord, int], RunView],
    ) -> None:
        self.record, self.host, self.view = record, host, view

    def called(self, label: str, cell: CellRecord) -> str:
        """The name of the metric behind a label: as the cell says, or else the record."""
        return name_in(cell.probes.get(label)) or self.record.called(label)

    def measure(self, name: str, cell: CellRecord) -> Measured:
        """The metric of this cell that has this name, or this label."""
        offered = self.called(name, cell) in self.host().names("metric")
        if name in cell.metrics:
            return self._again(name, cell) if offered else self._stored(name, cell)
        if offered:
            return self._computed(name, cell)
        if any(name in other.notes for other in self.record.cells):
            return self._noted(name, cell)
        if any(name in other.cost for other in self.record.cells):
            return self._costed(name, cell)
        if any(name in other.metrics for other in self.record.cells):
            return self._absent(name, self._kind(name, cell), cell, None)
        return self._computed(name, cell)  # which says that nobody knows the name

    def _again(self, name: str, cell: CellRecord) -> Measured:
        """A stored metric that a plugin here offers: what we computed is computed anew, from what is stored beside it.

        What a record says without a word on how it was measured is its writer's, and stays as it is.
        """
        kind = self.host().get("metric", self.called(name, cell))
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
        rows = [self.view(cell, member).last_note(name) for member in range(cell.members)]
        by_task = np.array(rows).reshape(cell.members, cell.tasks)
        reasons = [None if name in cell.notes else "the strategy does not note it"] * cell.members
        known = ~np.isnan(by_task)
        counts = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
        summary = np.where(known, by_task, 0.0).sum(axis=1) / counts
        return self._measurement(name, Metric, cell, summary, by_task, by_task, reasons)

    def _stored(self, name: str, cell: CellRecord) -> Measured:
        values = np.asarray(cell.metrics[name], dtype=np.float64)
        kind = self._kind(name, cell)
        reasons = [cell.undefined(name)] * cell.members
        if kind.summary == "none":
            nothing = np.full(cell.members, np.nan)
            return self._measurement(name, kind, cell, nothing, None, values, reasons)
        first = (
            values  # of what a layer, or a class, has: [S], or [S, K] along tasks, epochs or steps
        )
        while first.ndim > 2:
            first = first[..., 0] if first.shape[-1] else np.full(first.shape[:-1], np.nan)
        along_tasks = (
            first.ndim == 2
            and first.shape[1] == cell.tasks
            and self._when(name, cell, kind) == "task_end"
        )
        summary = _summary_of_measured(first, kind) if first.ndim == 2 else first
        return self._measurement(
            name, kind, cell, summary, first if along_tasks else None, values, reasons
        )

    def _computed(self, name: str, cell: CellRecord) -> Measured:
        kind: type[Metric] = self._offered(name, cell)
        answers: list[tuple[Array, str | None]]
        if issubclass(kind, RecordMetric):
            metric = kind(**self._options(name, cell))
            answers = [
                _evaluate(name, metric, self.view(cell, member)) for member in range(cell.members)
            ]
        else:
            reasons = self._reasons_not_measured(name, cell)
            answers = [(np.array(np.nan), reason) for reason in reasons]
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

    def _reasons_not_measured(self, name: str, cell: CellRecord) -> list[str]:
        """Why each member lacks what only a run can measure: a run that broke off may have been asked."""
        runs = [self.view(cell, member) for member in range(cell.members)]
        return [_unfinished(run) or _why_not_measured(name, cell) for run in runs]

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
        statuses = [self.view(cell, member) for member in range(cell.members)]
        why = [reason or _unfinished(run) for reason, run in zip(reasons, statuses, strict=True)]
        lacking = _said(name, cell) or self._why_empty(name, kind, cell)
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

    def _why_empty(self, name: str, kind: type[Metric], cell: CellRecord) -> str:
        """Of a run that came to its end without a number: others of its cell may have been asked, and it not."""
        if kind.summary == "none":
            return kind.empty or "it is no number"
        if name not in cell.probes or np.isfinite(cell.metrics.get(name, np.nan)).any():
            return "it was not measured"
        called = self.called(name, cell)
        return kind.empty or f"it gave no number; `clbench describe {called}` says what it measures"

    def _options(self, name: str, cell: CellRecord) -> Mapping[str, Any]:
        """Those a metric was stored with, or those that the suite asks for."""
        how = cell.probes.get(name)
        options = how.get("options") if isinstance(how, Mapping) else None
        if isinstance(options, Mapping):
            return options
        return dict(self.record.metrics).get(name, {})

    def _when(self, name: str, cell: CellRecord, kind: type[Metric]) -> str:
        """When a stored metric was measured: its option, or what its class says."""
        asked = self._options(name, cell).get("when")
        return asked if isinstance(asked, str) else getattr(kind, "when", "task_end")

    def _offered(self, name: str, cell: CellRecord) -> type[Metric]:
        """The class behind a name or a label; where nobody knows it, labels are suggested too."""
        try:
            kind: type[Metric] = self.host().get("metric", self.called(name, cell))
        except UnknownName as error:
            labels = [label for label, _ in self.record.metrics]
            raise UnknownName("metric", name, {*error.known, *labels}, error.hint) from None
        return kind

    def _kind(self, name: str, cell: CellRecord) -> type[Metric]:
        """The class behind a stored metric; where no plugin offers it, what the record knows of it."""
        try:
            called = self.called(name, cell).partition("(")[0]
            kind: type[Metric] = self.host().get("metric", called)
        except ClbenchError:
            return kind_of(self.record.metric_facts.get(name))
        return kind


def _summary_of_measured(values: Array, kind: type[Metric]) -> Array:
    """The summary of what a probe measured, `[S, K]`: the `last` number is the last that a member has.

    Members that stop early have fewer than others, and some things cannot be measured at the end.
    """
    if kind.summary != "last" or not values.shape[1]:
        return summarise(values, kind.summary)
    known = ~np.isnan(values)
    last = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    summary: Array = np.take_along_axis(values, last[:, None], axis=1)[:, 0]
    return summary


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
