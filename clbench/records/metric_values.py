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
from clbench.records.metric_facts import kind_of, kind_of_cost, name_in, options_in
from clbench.records.missing import Cause, Missing, never_measured, said_of_probe, unfinished
from clbench.typing import Array

if TYPE_CHECKING:
    from clbench.host import Host

Answer = tuple[Array, Missing | None]  # a number or numbers, or why there are none

NOTHING = np.array(np.nan)


@dataclass(frozen=True)
class Measured:
    """One metric of one cell."""

    name: str
    summary: Array  # [S], the number that tables show; NaN where there is none
    by_task: Array | None  # [S, T], where the metric has a number a task
    values: Array  # [S, ...], all there is
    missing: tuple[Missing | None, ...]  # [S], why a member has no summary
    unit: str = ""
    higher_is_better: bool = True
    limits: tuple[float, float] | None = None  # what no value lies beyond

    @property
    def reasons(self) -> tuple[str | None, ...]:
        """[S], why a member has no summary, in words."""
        return tuple(None if missing is None else str(missing) for missing in self.missing)


@dataclass(frozen=True)
class _Values:
    """What there is of a metric, before it is said why values are missing."""

    summary: Array  # [S]
    by_task: Array | None  # [S, T]
    values: Array  # [S, ...]
    missing: Sequence[Missing | None]  # [S], as far as it is known already


class Metrics:
    """The metrics of a record's cells.

    `host` gives the plugins that offer metrics, once one is asked for; `view` shows a member as
    record metrics see it.
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
            return self._explained(name, self._kind(name, cell), cell, _absent(cell, None))
        return self._computed(name, cell)  # which says that nobody knows the name

    # ------------------------------------------------------------------ where values come from

    def _again(self, name: str, cell: CellRecord) -> Measured:
        """A stored metric that a plugin here offers.

        What we computed is computed anew, from what is stored beside it. What a record says without
        a word on how it was measured is its writer's, and stays as it is.
        """
        kind = self.host().get("metric", self.called(name, cell))
        if name not in cell.probes or not issubclass(kind, RecordMetric):
            return self._stored(name, cell)
        try:
            return self._computed(name, cell)
        except OptionError:  # it has other options now
            return self._stored(name, cell)

    def _costed(self, name: str, cell: CellRecord) -> Measured:
        """A cost that no plugin describes, as it was stored."""
        kind = kind_of_cost(name)
        if name not in cell.cost:
            nothing = _absent(cell, Missing(Cause.NOT_STORED, name))
            return self._explained(name, kind, cell, nothing)
        values = np.asarray(cell.cost[name], dtype=np.float64)
        summary = summarise(values, kind.summary) if values.ndim == 2 else values
        by_task = values if _runs_along_tasks(values, cell) else None
        known = _alike(cell, summary, by_task, values)
        return self._explained(name, kind, cell, known)

    def _noted(self, name: str, cell: CellRecord) -> Measured:
        """What a strategy noted of its test sets after the last task.

        The mean over those tested.
        """
        rows = [self.view(cell, member).last_note(name) for member in range(cell.members)]
        by_task = np.array(rows).reshape(cell.members, cell.tasks)
        known = ~np.isnan(by_task)
        counts = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
        summary = np.where(known, by_task, 0.0).sum(axis=1) / counts
        missing = None if name in cell.notes else Missing(Cause.NOT_NOTED)
        return self._explained(name, Metric, cell, _alike(cell, summary, by_task, by_task, missing))

    def _stored(self, name: str, cell: CellRecord) -> Measured:
        kind = self._kind(name, cell)
        values = np.asarray(cell.metrics[name], dtype=np.float64)
        missing = _undefined(name, cell)
        if kind.summary == "none":
            nothing = np.full(cell.members, np.nan)
            known = _alike(cell, nothing, None, values, missing)
            return self._explained(name, kind, cell, known)
        first = _first_of_each(values)
        by_task = None
        if _runs_along_tasks(first, cell) and self._when(name, cell, kind) == "task_end":
            by_task = first
        summary = first
        if first.ndim == 2:  # along tasks, epochs or steps
            summary = _summary_of_measured(first, kind)
        known = _alike(cell, summary, by_task, values, missing)
        return self._explained(name, kind, cell, known)

    def _computed(self, name: str, cell: CellRecord) -> Measured:
        kind = self._offered(name, cell)
        answers = self._answers(name, kind, cell)
        values = [value for value, _ in answers]
        missing = [why for _, why in answers]
        summary = np.array([_summary(value, kind) for value in values])
        # Members may have given different numbers of values.
        table = _stacked(values)
        by_task = table if _runs_along_tasks(table, cell) else None
        return self._explained(name, kind, cell, _Values(summary, by_task, table, missing))

    def _answers(self, name: str, kind: type[Metric], cell: CellRecord) -> list[Answer]:
        """What a metric that is not stored says of each member."""
        runs = [self.view(cell, member) for member in range(cell.members)]
        if issubclass(kind, RecordMetric):
            metric = kind(**self._options(name, cell))
            return [_evaluate(name, metric, run) for run in runs]
        # Of a run that broke off nobody knows whether it was asked.
        return [(NOTHING, unfinished(run) or never_measured(name, cell)) for run in runs]

    # ------------------------------------------------------------------ why values are missing

    def _explained(
        self, name: str, kind: type[Metric], cell: CellRecord, known: _Values
    ) -> Measured:
        """The values, each with the reason why it is missing where it is."""
        lacking = said_of_probe(name, cell) or self._why_empty(name, kind, cell)
        missing = []
        for member, why in enumerate(known.missing):
            reason = why or unfinished(self.view(cell, member))
            if reason is None and np.isnan(known.summary[member]):
                reason = lacking
            missing.append(reason)
        is_there = [reason is None for reason in missing]
        return Measured(
            name,
            np.where(is_there, known.summary, np.nan),
            known.by_task,
            known.values,
            tuple(missing),
            kind.unit,
            kind.higher_is_better,
            kind.limits,
        )

    def _why_empty(self, name: str, kind: type[Metric], cell: CellRecord) -> Missing:
        """Of a run that came to its end without a number: only others may have been asked."""
        if kind.summary == "none":
            return Missing(Cause.NO_NUMBER, kind.empty or "it is no number")
        if name not in cell.probes or np.isfinite(cell.metrics.get(name, np.nan)).any():
            return Missing(Cause.NOT_MEASURED)
        called = self.called(name, cell)
        explained = f"it gave no number; `clbench describe {called}` says what it measures"
        return Missing(Cause.NO_NUMBER, kind.empty or explained)

    # ------------------------------------------------------------------ what a metric is

    def _options(self, name: str, cell: CellRecord) -> Mapping[str, Any]:
        """Those a metric was stored with, or those that the suite asks for."""
        options = options_in(cell.probes.get(name))
        if options is not None:
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
        """The class behind a stored metric, or what the record knows where nobody offers it."""
        try:
            called = self.called(name, cell).partition("(")[0]
            kind: type[Metric] = self.host().get("metric", called)
        except ClbenchError:
            return kind_of(self.record.metric_facts.get(name))
        return kind


def _alike(
    cell: CellRecord,
    summary: Array,
    by_task: Array | None,
    values: Array,
    why: Missing | None = None,
) -> _Values:
    """Values that are missing for one reason, where they are."""
    return _Values(summary, by_task, values, [why] * cell.members)


def _absent(cell: CellRecord, why: Missing | None) -> _Values:
    """No value for anybody."""
    nothing = np.full(cell.members, np.nan)
    return _alike(cell, nothing, None, nothing, why)


def _undefined(name: str, cell: CellRecord) -> Missing | None:
    """Why a probe said that its metric is undefined; None where it did not."""
    fault = cell.fault(name)
    if fault is None or not fault.undefined:
        return None
    return Missing(Cause.UNDEFINED, fault.reason)


def _runs_along_tasks(values: Array, cell: CellRecord) -> bool:
    """Whether they are a number a task, by how many they are."""
    return values.ndim == 2 and values.shape[1] == cell.tasks


# ---------------------------------------------------------------------- what a plugin answers


def _evaluate(name: str, metric: RecordMetric, run: RunView) -> Answer:
    """A metric's number or numbers, or why there are none.

    A metric that raises spoils its own column and no other.
    """
    reason = unfinished(run)
    if reason is not None:
        return NOTHING, reason
    try:
        return _number_of(name, metric.value(run))
    except Undefined as undefined:
        return NOTHING, Missing(Cause.UNDEFINED, undefined.reason)
    except (Exception, SystemExit) as error:  # a stranger's metric may raise anything
        return _failed(f"the metric {name!r} failed: {type(error).__name__}: {error}")


def _number_of(name: str, value: Any) -> Answer:
    if isinstance(value, Undefined):
        return NOTHING, Missing(Cause.UNDEFINED, value.reason)
    if value is None:
        return _failed(
            f"the metric {name!r} returned None; write Undefined(reason) where there is no value"
        )
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1:
        return _failed(
            f"the metric {name!r} returned an array with {array.ndim} dimensions;"
            " a number, or one a task, is wanted"
        )
    return array, None


def _failed(said: str) -> tuple[Array, Missing]:
    return NOTHING, Missing(Cause.METRIC_FAILED, said)


# ---------------------------------------------------------------------- numbers from arrays


def _first_of_each(values: Array) -> Array:
    """`[S]`, or `[S, K]`: of what each layer, or class, has, the first one's."""
    first = values
    while first.ndim > 2:
        empty = np.full(first.shape[:-1], np.nan)
        first = first[..., 0] if first.shape[-1] else empty
    return first


def _summary(value: Array, kind: type[Metric]) -> float:
    """The number that tables show of one member's value or values."""
    if not value.ndim:
        return float(value)
    return float(summarise(value[None], kind.summary)[0])


def _summary_of_measured(values: Array, kind: type[Metric]) -> Array:
    """The summary of what a probe measured, `[S, K]`.

    The `last` number is the last that a member has: members that stop early have fewer than others,
    and some things cannot be measured at the end.
    """
    if kind.summary != "last" or not values.shape[1]:
        return summarise(values, kind.summary)
    known = ~np.isnan(values)
    last = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    summary: Array = np.take_along_axis(values, last[:, None], axis=1)[:, 0]
    return summary


def _stacked(values: Sequence[Array]) -> Array:
    """`[S]` or `[S, K]`, NaN for members without a value and at the end of shorter ones."""
    lengths = [len(value) for value in values if value.ndim]
    if not lengths:
        return np.array([float(value) for value in values])
    full = np.full((len(values), max(lengths)), np.nan)
    for row, value in zip(full, values, strict=True):
        if value.ndim:
            row[: value.size] = value
    return full
