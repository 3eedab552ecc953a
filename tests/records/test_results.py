from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import clbench
from clbench.errors import RecordError
from clbench.records import CellRecord, Entries, Results, write_record
from clbench.records.rows import Rows
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


# ---------------------------------------------------------------------- what was kept


def kept() -> CellRecord:
    stored = {
        "weights/0/head": Rows([np.zeros(2), np.zeros(2)]),
        "weights/2/head": Rows([np.array([1.0, 2.0]), None]),
        "predictions/2/1": Rows([np.array([3, 4]), np.array([5])]),
        "tests/1/label": Rows([np.array([3, 3]), np.array([5])]),
        "tests/1/index": Rows([np.array([7, 8]), np.array([9])]),
    }
    return make("er", stored=stored, kept={"weights": np.ones(2), "predictions": np.ones(2)})


def test_weights_are_those_after_a_task_and_by_default_the_last() -> None:
    one = results(kept())
    np.testing.assert_array_equal(one.weights("er")["head"], [[1, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(one.weights("er", row=2)["head"], one.weights("er")["head"])
    np.testing.assert_array_equal(one.weights("er", row=0)["head"], np.zeros((2, 2)))


def test_predictions_come_with_labels_and_places() -> None:
    found = results(kept()).predictions("er", task=1)
    assert found.chosen.tolist() == [[3, 4], [5, -1]]
    assert found.label.tolist() == [[3, 3], [5, -1]]
    assert found.index.tolist() == [[7, 8], [9, -1]]


def test_what_was_not_kept_says_what_to_write() -> None:
    one = results(kept(), make("ewc", strategy="ewc"))
    with pytest.raises(RecordError, match="er on a: there are no weights after 1 tasks"):
        one.weights("er", row=1)
    with pytest.raises(RecordError, match="there are no predictions of task 2 after 2 tasks"):
        one.predictions("er", task=2)
    with pytest.raises(RecordError, match=r"ewc on a: weights were not kept; write `keep: \[weigh"):
        one.weights("ewc")


def test_a_record_is_shown_in_a_line_with_what_is_kept_apart() -> None:
    one = results(make("er"))
    assert repr(one) == "<results of demo: [<er on a: 2 members, 2 tasks, done>]>"
    apart = Results(replace(one.record, apart=[make("old")]), one.host)
    assert "; 1 cell that the suite no longer asks for is kept apart" in repr(apart)
    assert [cell.label for cell in apart.kept_apart().cells] == ["old"]


def test_names_are_those_of_numbers_that_tables_can_show() -> None:
    one = results(
        make("er", metrics={"drawn": np.ones((2, 2))}, cost={"train_seconds": np.ones(2)})
    )
    one = Results(replace(one.record, metric_facts={"drawn": {"summary": "none"}}), one.host)
    names = one.metric_names()
    assert names == sorted(names)
    assert {"train_seconds", "final"} <= set(names)
    assert "drawn" not in names
