"""Probe metrics measured from kept weights are those that were measured live."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import ProbeMetric, SoloStrategy, Strategy, Undefined
from clbench.engine.measuring import measure_kept
from clbench.errors import RecordError
from clbench.records import CellRecord
from clbench_plugins.naive import Naive

from .jobs import run


class Outputs(ProbeMetric):
    """What the network says of training and test samples."""

    def measure(self, probe: Any) -> Tensor:
        tested = sum(
            probe.net(batch.x).flatten(1).sum(1) for batch in probe.data("test", "seen", 7)
        )
        return torch.stack([probe.net(probe.x).flatten(1).sum(1), tested], dim=1)


class Never(ProbeMetric):
    """Has no value."""

    def measure(self, probe: Any) -> Any:
        return Undefined("there is nothing to see")


class Alone(SoloStrategy):
    """Plain training, one member at a time."""


class Broken(Strategy):
    """Seed 0 breaks in the second task."""

    def task_loss(self, batch: Any) -> Tensor:
        return super().task_loss(batch) + (
            torch.tensor([torch.nan, 0.0]) if self.task.index else 0.0
        )


def measured(bench: Any, cell: CellRecord, metric: Any, *seeds: int) -> Any:
    names = {
        name.partition("/")[2].partition("/")[2]
        for name in cell.stored
        if name.startswith("weights/1/")
    }
    rows = []
    for row in range(1, cell.tasks + 1):
        rows.append({name: cell.stored[f"weights/{row}/{name}"].read() for name in names})
    return measure_kept(
        bench.cell,
        bench.members(*seeds),
        cell.form,
        rows,
        "outputs",
        metric,
        host=bench.host,
        arrays=bench.arrays,
    )


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("strategy", [Naive, Alone])
def test_it_gives_the_same_bits(make_bench: Any, strategy: Any, norm: str) -> None:
    bench = make_bench(
        strategy,
        metrics=[Outputs],
        keep=["weights"],
        model={"mlp": {"hidden": [6], "norm": norm}},
        order="fixed",
    )
    cell = bench.run(0, 1)
    values, said = measured(bench, cell, Outputs(), 0, 1)
    np.testing.assert_array_equal(values, cell.metrics["outputs"])
    assert said is None


def test_a_member_that_diverged_has_values_until_then(make_bench: Any) -> None:
    bench = make_bench(Broken, metrics=[Outputs], keep=["weights"])
    cell = run(bench, 0, 1)
    values, _ = measured(bench, cell, Outputs(), 0, 1)
    np.testing.assert_array_equal(values, cell.metrics["outputs"])
    assert np.isnan(values[0, 1:]).all()
    assert np.isfinite(values[1]).all()


def test_an_undefined_metric_says_why(make_bench: Any) -> None:
    bench = make_bench(Naive, keep=["weights"])
    values, said = measured(bench, bench.run(0), Never(), 0)
    assert np.isnan(values).all()
    assert said == "there is nothing to see"


def test_weights_of_another_network_are_refused(make_bench: Any) -> None:
    cell = make_bench(Naive, keep=["weights"]).run(0)
    other = make_bench(Naive, model={"mlp": {"hidden": [13]}})
    with pytest.raises(
        RecordError, match=r"has the shape \[12, 16\], and the network's is \[13, 16\]"
    ):
        measured(other, cell, Outputs(), 0)
