from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clbench
from clbench.errors import RecordError
from clbench.records import Entries, write_record
from tests.records.asking import RECORD_METRICS, make, results

# ---------------------------------------------------------------------- finding cells


def test_a_cell_is_found_by_its_label_or_its_bare_name() -> None:
    both = results(make("er(memory=200)"), make("naive", strategy="naive"))
    assert both.cell("er(memory=200)") is both.cell("er") is both.cells[0]
    np.testing.assert_array_equal(both.accuracy("er"), both.cells[0].accuracy)


def test_a_label_goes_before_a_bare_name() -> None:
    both = results(make("er-small"), make("er"))
    assert both.cell("er") is both.cells[1]


def test_names_that_fit_several_cells_are_refused_with_a_choice() -> None:
    with pytest.raises(
        RecordError, match=r"'er' names 2 cells; choose a label: er\(memory=1\), er\(memory=2\)"
    ):
        results(make("er(memory=1)"), make("er(memory=2)")).cell("er")
    two = results(make("er"), make("er", scenario="b"))
    with pytest.raises(RecordError, match="choose a scenario: a, b"):
        two.accuracy("er")
    assert two.cell("er", "b") is two.cells[1]


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(RecordError, match="no strategy 'errr'; did you mean 'er'"):
        results(make("er")).cell("errr")
    with pytest.raises(RecordError, match="no scenario 'c'"):
        results(make("er")).cell("er", "c")


def test_an_empty_record_says_so_when_it_is_asked_for_a_strategy() -> None:
    with pytest.raises(RecordError, match="the record holds no cells yet"):
        results().find("er")


def test_sparse_accuracies_become_a_matrix() -> None:
    entries = Entries(np.array([1]), np.array([0]), np.array([[0.5], [0.6]]))
    matrix = results(make("er", accuracy=None, entries=entries)).accuracy("er")
    np.testing.assert_array_equal(matrix, [[[np.nan], [0.5]], [[np.nan], [0.6]]])


def test_reference_is_the_same_seed_of_the_same_scenario_and_protocol() -> None:
    cells = [
        make("er", protocol={"epochs": 2}),
        make("joint", strategy="joint", scenario="b"),
        make("joint(1)", strategy="joint", protocol={"epochs": 1}),
        make(
            "joint(2)",
            strategy="joint",
            protocol={"epochs": 2},
            seed=np.array([0, 1]),
            member_status=np.array(["done", "failed"]),
        ),
    ]
    found = results(*cells)
    labels = [
        view.label if (view := found.run(cells[0], member).reference("joint")) else None
        for member in range(2)
    ]
    assert labels == ["joint(2)", "joint(1)"]
    assert found.run(cells[1], 0).reference("cumulative") is None


# ---------------------------------------------------------------------- frames


def test_the_frame_is_tidy() -> None:
    frame = results(make("er", agent=np.array([0, 0]))).frame(["final", "lifted"])
    assert list(frame.columns) == [
        "scenario",
        "strategy",
        "seed",
        "agent",
        "metric",
        "task",
        "value",
    ]
    assert len(frame) == 2 * (1 + 2) + 2
    summary = frame[(frame.metric == "final") & frame.task.isna()]
    assert summary.value.tolist() == pytest.approx([0.2, 0.3])
    second = frame[(frame.metric == "final") & (frame.task == 2)]
    assert second.value.tolist() == pytest.approx([0.3, 0.4])
    assert frame[frame.metric == "lifted"].value.isna().tolist() == [False, True]


def test_the_frame_holds_everything_unless_asked() -> None:
    one = results(make("er", metrics={"gone": np.ones((2, 2))}))
    assert set(one.frame().metric) == {*RECORD_METRICS, "gone"}  # probes cannot be computed later
    assert results().frame().empty


def test_undefined_lists_the_reasons() -> None:
    reasons = results(make("er")).undefined(["final", "lifted"])
    assert reasons.to_dict("records") == [
        {
            "scenario": "a",
            "strategy": "er",
            "seed": 1,
            "agent": 0,
            "metric": "lifted",
            "reason": "odd seeds have none",
        }
    ]


def test_a_record_opens_without_pandas_plugins_or_torch(tmp_path: Path) -> None:
    write_record(tmp_path / "r.h5", [make("er")], suite="demo", suite_text="", environment={})
    heavy = "{'torch', 'pandas', 'scipy'}"
    code = (
        f"import sys, clbench\nclbench.load({str(tmp_path / 'r.h5')!r}).accuracy('er')\n"
        f"print({heavy} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_a_host_the_installed_plugins_serve(tmp_path: Path) -> None:
    write_record(tmp_path / "r.h5", [make("er")], suite="demo", suite_text="", environment={})
    loaded = clbench.load(tmp_path / "r.h5")
    assert loaded.metric("average_accuracy", loaded.cells[0]).summary == pytest.approx([0.2, 0.3])
