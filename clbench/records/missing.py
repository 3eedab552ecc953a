"""Why a member has no value of a metric: data, put into words where it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from clbench.metrics import RunView
from clbench.records.cell import CellRecord
from clbench.records.status import DIVERGED, DONE, FAILED, TIMEOUT


class Cause(Enum):
    """The kinds of reasons."""

    RUN_DIVERGED = auto()
    RUN_FAILED = auto()
    RUN_TIMED_OUT = auto()
    UNDEFINED = auto()  # the metric says so itself, in `said`
    PROBE_FAILED = auto()  # with the error in `said`, while the run went on
    METRIC_FAILED = auto()  # a record metric, with the sentence in `said`
    CELL_FAILED = auto()  # before a probe metric could be measured
    NOT_ASKED_FOR = auto()  # a probe metric, when the cell was run
    NOT_STORED = auto()  # a cost, named in `said`
    NOT_NOTED = auto()  # by the strategy
    NOT_MEASURED = auto()  # of this run, though of others of its cell
    NO_NUMBER = auto()  # it was measured, and gave none; `said` is why, or where that is explained


_WORDS = {
    Cause.RUN_DIVERGED: "the run diverged",
    Cause.RUN_FAILED: "the run failed",
    Cause.RUN_TIMED_OUT: "the run took too long",
    Cause.UNDEFINED: "{said}",
    Cause.PROBE_FAILED: "it failed: {said}",
    Cause.METRIC_FAILED: "{said}",
    Cause.CELL_FAILED: (
        "the cell failed before it was measured; run the suite again once that is mended"
    ),
    Cause.NOT_ASKED_FOR: (
        "it was not measured; add it to the suite's metrics and run the suite again"
    ),
    Cause.NOT_STORED: "the record holds no {said}",
    Cause.NOT_NOTED: "the strategy does not note it",
    Cause.NOT_MEASURED: "it was not measured",
    Cause.NO_NUMBER: "{said}",
}


@dataclass(frozen=True)
class Missing:
    """Why there is no value."""

    cause: Cause
    said: str = ""
    step: int = -1  # in which a run diverged, where that is known

    def __str__(self) -> str:
        """In words, without a capital or a full stop: it is a part of sentences."""
        words = _WORDS[self.cause].format(said=self.said)
        return f"{words} in step {self.step}" if self.step >= 0 else words


_UNFINISHED = {FAILED: Cause.RUN_FAILED, TIMEOUT: Cause.RUN_TIMED_OUT}


def unfinished(run: RunView) -> Missing | None:
    """Why a run that did not come to its end has no values; None for one that did."""
    if run.status == DONE:
        return None
    if run.status == DIVERGED:
        return Missing(Cause.RUN_DIVERGED, step=run.diverged_at)
    return Missing(_UNFINISHED[run.status])


def said_of_probe(metric: str, cell: CellRecord) -> Missing | None:
    """What a probe metric said in place of a value."""
    fault = cell.fault(metric)
    if fault is None:
        return None
    return Missing(Cause.UNDEFINED if fault.undefined else Cause.PROBE_FAILED, fault.reason)


def never_measured(metric: str, cell: CellRecord) -> Missing:
    """Why a cell lacks what only a run can measure."""
    said = said_of_probe(metric, cell)
    if said is not None:
        return said
    return Missing(Cause.CELL_FAILED if cell.status == FAILED else Cause.NOT_ASKED_FOR)
