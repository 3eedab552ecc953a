"""One member of a record, as metrics see it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.metrics import RunView, Undefined
from clbench.metrics.run import curves_by_layer
from clbench.records import CellRecord

NAN = np.nan
# Of member 1: after no task, the first, both.
MATRIX = [[0.1, 0.2], [0.9, NAN], [0.5, 0.7]]


def cell(**changes: Any) -> CellRecord:
    """Two members with two tasks; member 0 is 0 everywhere."""
    known: dict[str, Any] = {
        "scenario": "split",
        "strategy": "er",
        "label": "er (small)",
        "seed": np.array([4, 5]),
        "accuracy": np.array([np.zeros((3, 2)), MATRIX]),
    }
    return CellRecord("key", **(known | changes))


def run(**changes: Any) -> RunView:
    return RunView(cell(**changes), 1)


def test_a_run_is_named_as_its_cell_and_its_member() -> None:
    found = run()
    assert (found.scenario, found.strategy, found.label) == ("split", "er", "er (small)")
    assert (found.seed, found.agent, found.tasks) == (5, 0, 2)
    assert found.status == "done"
    assert found.diverged_at == -1


def test_the_setting_is_that_of_the_scenario_where_the_record_says_it() -> None:
    assert run().setting is None
    assert run(content={"scenario": ["split", {"setting": "task"}]}).setting == "task"
    assert run(content={"scenario": ["mine", None]}).setting is None


def test_accuracies_are_looked_up_as_numpy_broadcasts() -> None:
    found = run()
    assert found.at(2, [1, 2]).tolist() == [0.5, 0.7]
    assert found.at([1, 2], 1).tolist() == [0.9, 0.5]
    assert float(found.at(0, 2)) == 0.2


def test_what_was_not_evaluated_is_named() -> None:
    with pytest.raises(Undefined, match="task 2"):
        run().at(1, 2)


def test_averages_are_over_the_tasks_so_far() -> None:
    np.testing.assert_allclose(run().averages, [0.9, 0.6])


def test_tasks_are_learnt_one_by_one_or_the_first_ones_together() -> None:
    assert run().learnt_after.tolist() == [1, 2]
    assert run().learnt.tolist() == [0.9, 0.7]
    together = run(trained_together=2)
    assert together.learnt_after.tolist() == [2, 2]
    assert together.learnt.tolist() == [0.5, 0.7]


def test_a_metric_cannot_change_what_the_next_one_sees() -> None:
    before = cell(curves={"norm": np.ones((2, 3))})
    found = RunView(before, 1)
    for array in (found.accuracy, found.curves["norm"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7.0
    # The record's own arrays stay writable.
    before.accuracy[0] = 1.0


def test_what_was_not_measured_is_nan() -> None:
    found = run()
    assert np.isnan(found.accuracy_before).all()
    assert np.isnan(found.loss).all()
    assert np.isnan(found.online).all()
    assert found.loss.shape == (2,)


def test_values_of_tasks_are_the_members_own() -> None:
    found = run(loss=np.array([[1.0, 2.0], [3.0, 4.0]]), cost={"seconds": np.array([7.0, 8.0])})
    assert found.loss.tolist() == [3.0, 4.0]
    assert float(found.cost["seconds"]) == 8.0


@pytest.mark.parametrize(("curve", "expected"), [([0.1, 0.2], [0.1, 0.2]), ([0.1], [NAN, NAN])])
def test_an_online_accuracy_that_misses_a_task_is_none(curve, expected) -> None:
    found = run(curves={"online_accuracy": np.array([curve, curve])})
    np.testing.assert_array_equal(found.online, expected)


# ---------------------------------------------------------------------- notes


def test_notes_are_laid_out_as_the_accuracies() -> None:
    found = run(notes={"right": np.array([np.zeros((3, 2)), MATRIX])})
    assert found.note_names == ("right",)
    assert found.note_at("right", 2, [1, 2]).tolist() == [0.5, 0.7]
    assert found.last_note("right").tolist() == [0.5, 0.7]


def test_a_note_that_was_not_taken_is_said() -> None:
    found = run()
    with pytest.raises(Undefined, match=r"left was not noted in the run of er \(small\)"):
        found.note_at("left", 1, 1)
    assert np.isnan(found.last_note("left")).all()


# ---------------------------------------------------------------------- others


def test_another_run_is_asked_for_by_its_strategy() -> None:
    asked = []

    def find(strategy: str, found: RunView) -> RunView | None:
        asked.append((strategy, found.seed))
        return None

    assert RunView(cell(), 1, find).reference("joint") is None
    assert asked == [("joint", 5)]
    assert run().reference("joint") is None


def test_layers_are_sorted_by_the_numbers_in_their_names() -> None:
    curves = {f"rank_block{number}": np.array([number]) for number in (10, 2, 1)}
    found = curves_by_layer({**curves, "rank": np.array([0]), "ranks_a": np.array([0])}, "rank")
    assert list(found) == ["block1", "block2", "block10"]
    assert found["block2"].tolist() == [2]


def test_layers_of_a_members_own_curves() -> None:
    found = run(curves={"rank_head": np.array([[1.0], [2.0]])})
    assert found.by_layer("rank")["head"].tolist() == [2.0]
