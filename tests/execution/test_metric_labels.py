"""A metric that is asked for more than once, under labels: from a suite to its tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clbench
from clbench.errors import UnknownName
from clbench.execution import open_suite
from clbench.execution.adding import add_metric
from clbench.execution.inspector import CellInspector
from clbench.execution.jobs import PlannedCell
from clbench.execution.planner import missing_members
from clbench.host import Host
from clbench.records import CellRecord, RecordFile, Results, read_record
from clbench.report.terminal import strategy_view, summary_table

# Of probe metrics one draws at random and one keeps something from task to task; the third is
# computed from the record.
IN_IMAGES = {"samples": 10, "draws": 2, "precision": "float32"}
IN_WEIGHTS = {**IN_IMAGES, "space": "weight"}
METRICS: list[Any] = [
    "average_accuracy",
    {"curvature": IN_IMAGES},
    {"curvature": {"label": "curvature_of_weights", **IN_WEIGHTS}},
    {"feature_drift": {"label": "drift", "tasks": 1}},
    {"feature_drift": {"label": "drift-20", "samples": 20}},
    {"windowed_forgetting": {"label": "forgetting_1", "window": 1}},
    {"windowed_forgetting": {"label": "forgetting_2", "window": 2}},
]
SUITE: dict[str, Any] = {
    "name": "labelled",
    "scenarios": [{"split": {"dataset": "digits", "classes_per_task": 2, "tasks": 3}}],
    "protocol": {"model": {"mlp": {"hidden": [5]}}, "steps": 3, "keep": ["weights"]},
    "seeds": 2,
    "strategies": ["naive", {"er": {"memory": 10}}],
    "metrics": METRICS,
    "compare": {"metric": "forgetting_2", "baseline": "naive"},
}
LABELS = [
    "average_accuracy",
    "curvature",
    "curvature_of_weights",
    "drift",
    "drift-20",
    "forgetting_1",
    "forgetting_2",
]


def measured(out: Path, **changes: Any) -> Results:
    return clbench.run({**SUITE, **changes}, out=out, workers=0, device="cpu", quiet=True)


def planned(metrics: list[Any]) -> list[PlannedCell]:
    """The cells of a suite with these metrics."""
    suite, host = open_suite({**SUITE, "metrics": metrics, "compare": {}})
    return CellInspector(host).of(suite.cells)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite's record is in it; nobody writes to it."""
    out = tmp_path_factory.mktemp("labelled")
    measured(out)
    return out


def cells(path: Path) -> list[CellRecord]:
    return read_record(path).cells


def test_each_label_has_the_values_that_the_metric_has_alone(folder: Path, tmp_path: Path) -> None:
    """Whatever else is measured beside it, bit for bit."""
    alone = {
        "curvature_of_weights": ("curvature", IN_WEIGHTS),
        "drift": ("feature_drift", {"tasks": 1}),
        "drift-20": ("feature_drift", {"samples": 20}),
    }
    together = cells(folder / "labelled.h5")
    for label, (name, options) in alone.items():
        found = [cell.metrics[label] for cell in together]
        out = tmp_path / label
        measured(out, metrics=[{name: options}], compare={})
        single = [cell.metrics[name] for cell in cells(out / "labelled.h5")]
        for one, other in zip(found, single, strict=True):
            assert np.isfinite(one).any()
            np.testing.assert_array_equal(one, other)


def test_labels_change_no_key(folder: Path) -> None:
    keys = [cell.key for cell in cells(folder / "labelled.h5")]
    assert [plan.key for plan in planned(["average_accuracy"])] == keys
    assert [plan.key for plan in planned(METRICS)] == keys


@pytest.mark.parametrize(
    ("metrics", "again"),
    [
        (METRICS, False),
        ([{"feature_drift": {"tasks": 1, "label": "drift"}}], False),
        ([{"feature_drift": {"tasks": 2, "label": "drift"}}], True),
        ([{"cka": {"tasks": 1, "label": "drift"}}], True),
        ([{"feature_drift": {"tasks": 1}}], True),
    ],
)
def test_what_is_measured_stays_until_it_is_asked_for_in_another_way(
    folder: Path, metrics: list[Any], again: bool
) -> None:
    for plan, cell in zip(planned(metrics), cells(folder / "labelled.h5"), strict=True):
        assert bool(missing_members(plan, cell)) == again


def test_the_record_says_which_metrics_its_labels_are(folder: Path) -> None:
    record = read_record(folder / "labelled.h5")
    assert [label for label, _ in record.metrics] == LABELS
    assert record.called("curvature_of_weights") == "curvature"
    assert record.called("curvature") == "curvature"
    assert record.metric_facts["drift"]["higher_is_better"] is False
    assert "metric" not in record.metric_facts["average_accuracy"]
    cell = record.cells[0]
    assert cell.probes["forgetting_1"]["metric"] == "windowed_forgetting"
    assert cell.probes["forgetting_1"]["options"] == {"window": 1}
    assert "metric" not in cell.probes["curvature"]


def test_a_reader_without_the_plugins_sees_the_same_numbers(folder: Path) -> None:
    class NobodysHost:
        def names(self, kind: str) -> list[str]:
            return []

        def get(self, kind: str, name: str) -> Any:
            raise UnknownName(kind, name, [])

    record = read_record(folder / "labelled.h5")
    here, elsewhere = Results(record, Host.load()), Results(record, NobodysHost())  # type: ignore[arg-type]
    for cell in record.cells:
        for label in LABELS:
            one, other = here.metric(label, cell), elsewhere.metric(label, cell)
            np.testing.assert_array_equal(one.summary, other.summary)
            assert one.higher_is_better == other.higher_is_better


def test_tables_frames_and_figures_take_labels(folder: Path, run_cli: Any, tmp_path: Path) -> None:
    path = folder / "labelled.h5"
    shown = run_cli("show", path)
    for label in LABELS:
        assert label in shown.stdout
    assert "no plugin" not in shown.stdout
    assert "drift-20" in run_cli("show", path, "er").stdout
    assert run_cli("compare", path, "--format", "json").stdout.startswith("{")
    compared = run_cli("compare", path, "--metric", "drift-20", "--figure", tmp_path / "cd.svg")
    assert (compared.code, "drift-20" in compared.stdout) == (0, True)
    assert (tmp_path / "cd.svg").is_file()
    unknown = run_cli("compare", path, "--metric", "drift-21")
    assert unknown.code == 2
    assert "did you mean 'drift-20'" in unknown.stderr


def test_the_suites_comparison_is_of_the_label(folder: Path) -> None:
    results = clbench.load(folder / "labelled.h5")
    found = clbench.compare(results)
    assert (found.metric, found.higher_is_better) == ("forgetting_2", False)
    values = results.frame(["forgetting_1", "forgetting_2"])
    assert set(values["metric"]) == {"forgetting_1", "forgetting_2"}
    wide = values[values["task"].isna()].pivot(
        index=["strategy", "seed"], columns="metric", values="value"
    )
    assert not np.allclose(wide["forgetting_1"], wide["forgetting_2"])


def test_what_leaves_the_record_has_the_labels(folder: Path, run_cli: Any, tmp_path: Path) -> None:
    path = folder / "labelled.h5"
    for form in ("csv", "json"):
        assert run_cli("export", path, "--to", form, "--out", tmp_path / f"r.{form}").code == 0
    table = (tmp_path / "r.csv").read_text()
    whole = json.loads((tmp_path / "r.json").read_text())
    for label in LABELS:
        assert f",{label}," in table
    told = {metric["name"]: metric.get("metric") for metric in whole["metrics"]}
    assert (told["drift"], told["curvature"]) == ("feature_drift", None)
    assert run_cli("leaderboard", path, "--out", tmp_path / "board").code == 0
    page = (tmp_path / "board" / "index.html").read_text()
    assert "curvature_of_weights" in page
    assert "forgetting_1" in page


def test_a_metric_is_added_under_a_label(tmp_path: Path, run_cli: Any, host: Host) -> None:
    measured(tmp_path, metrics=[{"windowed_forgetting": {"window": 1}}], compare={})
    path = tmp_path / "labelled.h5"
    add = ("metrics", "add", path, "windowed_forgetting", "--set", "window=2")
    answer = run_cli(*add, "--label", "forgetting_2")
    assert (answer.code, "forgetting_2" in answer.stdout) == (0, True)
    added = add_metric(path, "dormant_units", {"rule": "dead"}, host, label="dead").results
    assert dict(added.record.metrics).keys() == {"windowed_forgetting", "forgetting_2", "dead"}
    cell = added.cells[0]
    assert cell.probes["dead"]["metric"] == "dormant_units"
    assert not np.array_equal(
        added.metric("windowed_forgetting", cell).summary,
        added.metric("forgetting_2", cell).summary,
    )
    before = path.read_bytes()
    for label, said in (("average_accuracy", "is a metric of its own"), ("a b", "one word")):
        answer = run_cli(*add, "--label", label)
        assert (answer.code, said in answer.stderr) == (2, True)
    answer = run_cli("metrics", "add", path, "dead")
    assert answer.code == 2
    assert "write dormant_units with --label dead" in answer.stderr
    assert path.read_bytes() == before


def test_records_of_two_suites_with_labels_are_joined(folder: Path, tmp_path: Path) -> None:
    """The label goes with the cell, whatever the other record calls so."""
    metrics = [{"cka": {"label": "drift"}}]
    measured(tmp_path, name="other", metrics=metrics, compare={}, strategies=["joint"])
    found = clbench.compare(
        [folder / "labelled.h5", tmp_path / "other.h5"], metric="drift", force_mixed=True
    )
    names = {cell.label: found.results.metric_called("drift", cell) for cell in found.results.cells}
    assert names["naive"] == "feature_drift"
    assert names["joint"] == "cka"


def test_an_older_record_is_read_as_it_was(folder: Path) -> None:
    """Without a word on labels a name is a name."""
    record = read_record(folder / "labelled.h5")
    plain = RecordFile(1, "old", "", {}, record.cells, (("windowed_forgetting", {"window": 1}),))
    results = Results(plain, Host.load())
    old = results.metric("windowed_forgetting", results.cells[0])
    np.testing.assert_array_equal(
        old.summary, results.metric("forgetting_1", results.cells[0]).summary
    )
    assert summary_table(results)
    assert strategy_view(results, "naive")


@pytest.fixture
def host() -> Host:
    return Host.load()
