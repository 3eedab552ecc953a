"""Record metrics are stored in a record, for readers without the plugins that offer them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clbench.execution.deriving import with_metric, with_record_metrics
from clbench.metrics import ProbeMetric, RecordMetric, Undefined
from clbench.records import CellRecord, RecordFile

from .plans import a_record


class Last(RecordMetric):
    """The last number of the matrix, times a factor; seed 1 has none."""

    factor: float = 1.0

    def value(self, run: Any) -> Any:
        """Of one run."""
        if run.seed == 1:
            return Undefined("one is unlucky")
        return self.factor * run.accuracy[-1, -1]


class Never(RecordMetric):
    """Has no value for anybody."""

    def value(self, run: Any) -> Any:
        """Say why."""
        return Undefined("there is one task")


class Rank(ProbeMetric):
    """Needs a network, which is gone."""


KINDS = {"last": Last, "never": Never, "rank": Rank}


@pytest.fixture
def host() -> Any:
    """Offers these."""
    return SimpleNamespace(
        get=lambda kind, name: KINDS[name],
        version_of=lambda kind, name: f"{name} 1",
        names=lambda kind: sorted(KINDS),
        offering=lambda kind: host,
    )


def ending_at(value: float, *seeds: int, key: str = "k1", **metrics: Any) -> CellRecord:
    cell = replace(a_record(list(seeds), **metrics), key=key)
    assert cell.accuracy is not None
    cell.accuracy[:, -1, -1] = value
    return cell


def record(*cells: CellRecord, metrics: Any = ()) -> RecordFile:
    return RecordFile(2, "tiny", "", {}, list(cells), metrics)


def test_every_cell_gets_the_metric_with_its_options_and_how(host: Any) -> None:
    given = record(ending_at(0.5, 0, 2), ending_at(0.25, 0, key="k2"))
    found = with_metric(given, "last", {"factor": 2.0}, host)
    assert [cell.metrics["last"].tolist() for cell in found.cells] == [[1.0, 1.0], [0.5]]
    how = found.cells[0].probes["last"]
    assert (how["options"], how["version"], how["derived"]) == ({"factor": 2.0}, "last 1", True)
    assert given.cells[0].metrics == {}  # what was given stays as it was


def test_who_has_no_value_is_a_gap_beside_the_others(host: Any) -> None:
    found = with_metric(record(ending_at(0.5, 0, 1)), "last", {"factor": 1.0}, host)
    np.testing.assert_array_equal(found.cells[0].metrics["last"], [0.5, np.nan])


def test_where_nobody_has_a_value_nothing_is_stored(host: Any) -> None:
    found = with_metric(record(ending_at(0.5, 0)), "never", {}, host)
    assert found.cells[0].metrics == found.cells[0].probes == {}


def test_a_value_that_was_stored_before_is_computed_anew(host: Any) -> None:
    cell = ending_at(0.5, 0, last=[9.0], other=[3.0])
    cell.probes = {"last": {"version": "last 0"}, "other": {"version": "x"}}
    found = with_metric(record(cell, metrics=(("last", {}),)), "last", {"factor": 1.0}, host)
    (now,) = found.cells
    assert now.metrics["last"].tolist() == [0.5]
    assert now.probes["last"]["version"] == "last 1"
    assert (now.metrics["other"].tolist(), now.probes["other"]) == ([3.0], {"version": "x"})


def test_a_suite_s_record_metrics_are_stored_and_its_probes_left_alone(host: Any) -> None:
    cell = ending_at(0.5, 0, rank=[7.0])
    metrics = (("last", {"factor": 2.0}), ("rank", {"samples": 3}))
    found = with_record_metrics(record(cell, metrics=metrics), host)
    assert found.cells[0].metrics["last"].tolist() == [1.0]
    assert found.cells[0].metrics["rank"].tolist() == [7.0]
    assert found.metrics == metrics
    # What readers without the plugin have to know of both.
    assert set(found.metric_facts) == {"last", "rank"}


def test_a_suite_without_metrics_changes_nothing(host: Any) -> None:
    given = record(ending_at(0.5, 0))
    assert with_record_metrics(given, host).cells == given.cells
