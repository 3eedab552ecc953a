"""A record in memory, and a host with metrics of its own to ask of it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from clbench.errors import UnknownName
from clbench.metrics import ProbeMetric, RecordMetric, RunView, Undefined
from clbench.records import CellRecord, RecordFile, Results, validated


class Final(RecordMetric):
    """Accuracies at the end."""

    summary = "mean"

    def value(self, run: RunView) -> Any:
        return run.accuracy[-1]


class Lifted(RecordMetric):
    """An option, and a value only for some."""

    by: float = 0.0  # what is added

    def value(self, run: RunView) -> Any:
        return Undefined("odd seeds have none") if run.seed % 2 else self.by + run.seed


class Broken(RecordMetric):
    """Raises."""

    def value(self, run: RunView) -> Any:
        raise ZeroDivisionError("oh")


class Leaving(RecordMetric):
    """Would end the process."""

    def value(self, run: RunView) -> Any:
        raise SystemExit(3)


class Forgetful(RecordMetric):
    """Returns nothing."""

    def value(self, run: RunView) -> Any:
        return None


class Careless(RecordMetric):
    """Changes what it was shown."""

    def value(self, run: RunView) -> Any:
        run.accuracy[:] = 0.0
        return 1.0


RECORD_METRICS = {
    "final": Final,
    "lifted": Lifted,
    "broken": Broken,
    "leaving": Leaving,
    "forgetful": Forgetful,
    "careless": Careless,
}


class Ranks(ProbeMetric):
    """A number a layer."""

    summary = "max"


class Changes(ProbeMetric):
    """What cannot have a value in every run."""

    empty = "there was nothing to compare with"


class AtEnd(ProbeMetric):
    """Once."""

    when = "run_end"


class FakeHost:
    """The metrics above, and nothing else."""

    metrics: ClassVar[dict[str, Any]] = {
        **RECORD_METRICS,
        "ranks": Ranks,
        "at_end": AtEnd,
        "changes": Changes,
    }

    def names(self, kind: str) -> list[str]:
        return sorted(self.metrics)

    def get(self, kind: str, name: str) -> Any:
        if name not in self.metrics:
            raise UnknownName(kind, name, self.metrics)
        return self.metrics[name]


def make(
    label: str, *, strategy: str = "er", scenario: str = "a", members: int = 2, **changes: Any
) -> CellRecord:
    accuracy = np.broadcast_to(np.arange(members)[:, None, None] / 10, (members, 3, 2)) + np.array(
        [0.1, 0.3]
    )
    known: dict[str, Any] = {"accuracy": accuracy, "seed": np.arange(members)}
    return validated(
        CellRecord(
            key=f"{scenario}-{label}",
            scenario=scenario,
            strategy=strategy,
            label=label,
            **(known | changes),
        )
    )


def results(*cells: CellRecord, metrics: Any = ()) -> Results:
    return Results(RecordFile(1, "demo", "", {}, list(cells), metrics), FakeHost())  # type: ignore[arg-type]
