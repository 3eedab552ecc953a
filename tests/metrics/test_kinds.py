"""Which metrics are measured while a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

import clbench
from clbench import ProbeMetric, RecordMetric, RunView
from clbench.metrics import is_probe


class Length(RecordMetric):
    """The number of tasks, in one measure or another."""

    measure: Literal["ones", "pairs"] = "ones"  # what is counted

    def value(self, run: RunView) -> float:
        return float(run.tasks) / (2 if self.measure == "pairs" else 1)


class Look(ProbeMetric):
    """Measured while a run goes on."""


def test_probes_are_told_by_their_base() -> None:
    assert [is_probe(metric) for metric in (Length, Length(), Look, Look())] == [
        False,
        False,
        True,
        True,
    ]


def test_a_record_metric_may_have_an_option_called_measure(tmp_path: Path) -> None:
    results = clbench.run(
        {
            "name": "lengths",
            "scenarios": [{"split": {"dataset": "digits", "classes_per_task": 2, "tasks": 2}}],
            "protocol": {"model": {"mlp": {"hidden": [3]}}, "steps": 1},
            "seeds": 1,
            "strategies": ["naive"],
            "metrics": [{"length": {"measure": "pairs"}}],
        },
        out=tmp_path,
        workers=0,
        device="cpu",
        quiet=True,
        plugins=[Length],
    )
    np.testing.assert_array_equal(results.metric("length", results.cells[0]).summary, [1.0])
