"""The first two of four tasks are trained together: every number by hand, and what holds without
that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench import Phase, Strategy, Task
from clbench.errors import RecordError
from clbench.host import Host
from clbench.metrics import Undefined
from clbench.records import (
    CellRecord,
    Entries,
    RecordFile,
    Results,
    load,
    merge_cells,
    validated,
    write_record,
)
from clbench.report.curves import LEARNT, ages_by_seed, course_by_seed

NAN = np.nan
MATRIX = np.array(
    [
        [0.50, 0.40, 0.60, 0.50],
        [NAN, NAN, NAN, NAN],
        [0.90, 0.80, 0.55, 0.45],
        [0.85, 0.82, 0.95, 0.60],
        [0.70, 0.90, 0.75, 1.00],
    ]
)
BEFORE = np.array([0.50, 0.40, 0.58, 0.62])
# Two evaluations in the phase of tasks 1 and 2, two in task 3, two in task 4.
FOLLOWED = [
    [0.6, 0.4, NAN, NAN], [0.8, 0.8, NAN, NAN],
    [0.5, 0.7, 0.9, NAN], [0.7, 0.8, 0.9, NAN],
    [0.6, 0.8, 0.7, 0.9], [0.7, 0.9, 0.8, 1.0],
]  # fmt: skip
JOINT = np.vstack([MATRIX[0], np.full((3, 4), NAN), [0.95, 0.90, 0.96, 1.00]])
FRESH = [0.95, 0.85, 0.93, 0.97]
HOST = Host.load()


def cell(**changes: Any) -> CellRecord:
    known: dict[str, Any] = {
        "accuracy_before": BEFORE[None],
        "curves": {
            "continual_accuracy": np.array([FOLLOWED]),
            "continual_step": np.arange(10, 70, 10)[None],
            "continual_task": np.array([[2, 2, 3, 3, 4, 4]]),
        },
        "trained_together": 2,
    }
    return validated(
        CellRecord(
            "a", "s", "modular", "modular", np.array([0]), MATRIX[None].copy(), **(known | changes)
        )
    )


def record(**changes: Any) -> Results:
    joint = CellRecord("b", "s", "joint", "joint", np.array([0]), JOINT[None])
    places = Entries(np.arange(1, 5), np.arange(4), np.array([FRESH]))
    scratch = CellRecord("c", "s", "scratch", "scratch", np.array([0]), None, entries=places)
    cells = [cell(**changes), validated(joint), validated(scratch)]
    return Results(RecordFile(1, "demo", "", {}, cells), HOST)


def measured(name: str, **changes: Any) -> Any:
    results = record(**changes)
    return results.metric(name, results.cells[0])


SUMMARIES = {
    "average_accuracy": 0.8375,
    "final_accuracy": 0.8375,
    "first_task_accuracy": 0.70,
    "worst_accuracy": 0.70,
    "average_incremental_accuracy": (0.85 + 2.62 / 3 + 0.8375) / 3,
    "learning_accuracy": (0.90 + 0.80 + 0.95 + 1.00) / 4,
    "backward_transfer": (-0.20 + 0.10 - 0.20) / 3,
    "forgetting_diagonal": (0.20 - 0.10 + 0.20) / 3,
    "forgetting": (0.20 - 0.08 + 0.20) / 3,
    "forgetting_column": (0.20 + 0.00 + 0.20) / 3,
    "windowed_forgetting": (0.20 - 0.08 + 0.20) / 3,
    # of tasks 3 and 4: .55 - .60, .60 - .50
    "forward_transfer": (-0.05 + 0.10) / 2,
    "zero_shot_accuracy": (0.55 + 0.60) / 2,
    # of tasks 3 and 4: .82 - .80, .75 - .95
    "one_step_backward_transfer": (0.02 - 0.20) / 2,
    # After so many tasks, so much: (2, .9), (2, .8), (3, .95), (4, 1).
    "plasticity_slope": 0.2125 / 2.75,
    "intransigence": (0.05 + 0.10 + 0.01 + 0.00) / 4,
    "plasticity_loss": (0.05 + 0.05 - 0.02 - 0.03) / 4,
    # task 1 .5 and task 2 .7 while 3 and 4 are trained, task 3 .7 while 4 is
    "min_accuracy": (0.5 + 0.7 + 0.7) / 3,
    "worst_case_accuracy": 1.00 / 4 + 3 / 4 * (1.9 / 3),
    "learning_curve_area": (1.9 + 1.6 + 2.38 + 2.52) / 12,
    "hive_forward": (0.40 + 0.58 + 0.62) / 3,
    # what task 1 gains when it is learnt, of task 3 -.05 and .02, of task 4 -.15, .08 and -.20
    "hive_backward": (0.40 - 0.05 + 0.02 - 0.15 + 0.08 - 0.20) / 6,
    "catastrophic": 100 * (0.20 - 0.10 + 0.20 + 0.00) / 4,
    # trapezoids of (.5, .8), (.7, .8), (.75, .85)
    "hive_auc": (0.65 + 0.75 + 0.80) / 3,
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_summaries(name: str) -> None:
    found = measured(name)
    assert found.reasons == (None,)
    assert found.summary == pytest.approx([SUMMARIES[name]])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("average_accuracy", [NAN, 0.85, 2.62 / 3, 0.8375]),
        ("learning_accuracy", [0.90, 0.80, 0.95, 1.00]),
        ("forgetting", [NAN, NAN, 0.015, 0.32 / 3]),
        ("windowed_forgetting", [NAN, NAN, 0.015, 0.32 / 3]),
    ],
)
def test_values_task_by_task(name: str, values: list[float]) -> None:
    assert measured(name).by_task[0] == pytest.approx(values, nan_ok=True)


NEEDS_EVERY_ROW = [
    "average_incremental_accuracy",
    "learning_accuracy",
    "backward_transfer",
    "forgetting",
    "forgetting_column",
    "windowed_forgetting",
    "plasticity_slope",
    "intransigence",
    "catastrophic",
    "hive_backward",
]


@pytest.mark.parametrize("name", NEEDS_EVERY_ROW)
def test_rows_that_are_missing_for_no_known_reason_leave_no_number(name: str) -> None:
    """Another library may simply not have tested after the first task."""
    found = measured(name, trained_together=1)
    assert "was not evaluated after task 1" in found.reasons[0]
    assert np.isnan(found.summary).all()


def test_a_row_that_is_missing_later_is_named() -> None:
    matrix = MATRIX.copy()
    matrix[3, 1] = NAN
    results = record()
    assert results.cells[0].accuracy is not None
    results.cells[0].accuracy[0] = matrix
    for name in ("forgetting", "average_incremental_accuracy", "hive_backward"):
        reasons = results.metric(name, results.cells[0]).reasons
        assert reasons == ("task 2 was not evaluated after task 3",)


def with_options(name: str, **options: Any) -> Any:
    results = record()
    return HOST.get("metric", name)(**options).value(results.run(results.cells[0], 0))


def test_forward_of_learning_hive_after_some_training() -> None:
    assert with_options("hive_forward", steps=10) == pytest.approx([0.4, 0.9, 0.9])
    assert with_options("hive_forward", steps=20) == pytest.approx([0.8, 0.9, 1.0])
    with pytest.raises(Undefined, match="task 2 was not evaluated after 15 steps of its training"):
        with_options("hive_forward", steps=15)


def test_the_area_of_the_task_being_trained() -> None:
    assert with_options("hive_auc", curve="current") == pytest.approx([0.6, 0.9, 0.95])


def test_learning_curves_where_the_last_task_alone_is_followed() -> None:
    """In a row of one place there is the task being trained, and no other that is trained with
    it.
    """
    own = np.array([[[row[k]] for row, k in zip(FOLLOWED, [1, 1, 2, 2, 3, 3], strict=True)]])
    curves = {**cell().curves, "continual_accuracy": own}
    found = measured("learning_curve_area", curves=curves)
    assert found.reasons == ("task 1 was not evaluated while it was trained",)


def test_curves_of_figures_take_the_tasks_for_learnt_when_they_are() -> None:
    results = record()
    (whole, *_) = results.cells
    assert course_by_seed(results, whole, LEARNT)[0].tolist() == [0.90, 0.80, 0.95, 1.00]
    # just learnt: 1, 2, 3, 4; one task later: 1 and 2 after 3, 3 after 4; two tasks later: 1 and 2
    ages = [3.65 / 4, (0.85 + 0.82 + 0.75) / 3, (0.70 + 0.90) / 2, NAN]
    assert ages_by_seed(results, whole)[0] == pytest.approx(ages, nan_ok=True)


def test_a_record_keeps_how_many_tasks_were_trained_together(tmp_path: Path) -> None:
    path = tmp_path / "one.h5"
    write_record(path, [cell()], suite="demo", suite_text="", environment={})
    assert load(path).cells[0].trained_together == 2
    failed = CellRecord(
        "a", "s", "modular", "modular", np.array([1]), None, status="failed",
        member_status=np.array(["failed"], dtype=object),
    )  # fmt: skip
    (joined,) = merge_cells([failed, load(path).cells[0]])
    assert (joined.seed.tolist(), joined.trained_together) == ([0, 1], 2)


@pytest.mark.parametrize("wrong", [0, 5])
def test_more_tasks_trained_together_than_there_are_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match=f"trained_together is {wrong}; of 4 tasks, 1 to 4"):
        cell(trained_together=wrong)


def test_an_attribute_that_is_no_number_is_refused(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "one.h5"
    write_record(path, [cell()], suite="demo", suite_text="", environment={})
    with h5py.File(path, "r+") as file:
        file["cells/a"].attrs["trained_together"] = '"two"'
    with pytest.raises(RecordError, match="trained_together is not a JSON number"):
        load(path)


class TwoTogether(Strategy):
    """Trains the first two tasks at the second one."""

    def tests_after(self, index: int) -> bool:
        return super().tests_after(index) and index >= 1

    def phases(self, task: Task) -> Sequence[Phase]:
        if task.index == 0:
            return []
        return [Phase(data="seen" if task.index == 1 else "task")]


@pytest.mark.parametrize(("strategy", "together"), [(TwoTogether, 2), ("naive", 1), ("joint", 1)])
def test_the_engine_writes_down_how_many_tasks_a_method_trains_together(
    make_bench: Any, strategy: Any, together: int
) -> None:
    found = make_bench(strategy, tasks=3, setting="task").run(0)
    assert found.trained_together == together
    assert np.isnan(found.accuracy[0, 1]).all() == (strategy != "naive")
