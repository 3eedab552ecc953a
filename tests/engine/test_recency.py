"""The share of predictions that fall on the classes of the task trained last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench import SoloStrategy
from clbench.records import CellRecord
from clbench_plugins.accuracy_metrics.accuracy import RecencyBias
from clbench_plugins.naive import Naive


class Alone(SoloStrategy):
    """Plain training, one member at a time."""


def by_hand(record: CellRecord, row: int, column: int) -> Any:
    """From the predictions that were kept; a task's classes are those of its test samples."""
    chosen, label = (
        record.stored[name].read()
        for name in (f"predictions/{row}/{column + 1}", f"tests/{column + 1}/label")
    )
    last = record.stored[f"tests/{row}/label"].read()
    found = []
    for member in range(len(chosen)):
        counts = label[member] >= 0
        recent = set(last[member][last[member] >= 0].tolist())
        shares = [np.isin(part[member][counts], list(recent)).mean() for part in (chosen, label)]
        found.append(shares[0] - shares[1])
    return np.array(found)


@pytest.mark.parametrize("strategy", [Naive, Alone])
def test_recency_is_counted_from_the_predictions(make_bench: Any, strategy: Any) -> None:
    bench = make_bench(strategy, metrics=[RecencyBias], keep=["predictions"])
    record = bench.run(0, 1)
    for row, column in np.ndindex(3, 3):
        expected = by_hand(record, row + 1, column)
        np.testing.assert_allclose(record.notes["recency"][:, row + 1, column], expected)
    assert np.isnan(record.notes["recency"][:, 0]).all()  # no task was trained yet
    assert (record.notes["recency"][:, 3, :2] > 0.3).all()  # naive training forgets


def test_recency_is_measured_where_a_metric_asks_for_it(make_bench: Any) -> None:
    assert make_bench(Naive, tasks=2).run(0).notes == {}
    entries = make_bench(Naive, metrics=[RecencyBias], evaluate="seen").run(0)
    dense = make_bench(Naive, metrics=[RecencyBias]).run(0)
    row, column = entries.entries.row, entries.entries.column
    same = entries.notes["recency"][0], dense.notes["recency"][0][row, column]
    np.testing.assert_array_equal(*same)
