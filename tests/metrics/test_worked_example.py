"""The worked example of the literature's formulas: three tasks, every number by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.host import Host
from clbench.metrics import Undefined
from clbench.records import (
    SCHEMA_VERSION,
    CellRecord,
    Entries,
    Measured,
    RecordFile,
    Results,
    validated,
)

MATRIX = np.array([[0.50, 0.48, 0.52], [0.90, 0.55, 0.50], [0.92, 0.94, 0.60], [0.60, 0.80, 0.96]])
BEFORE = np.array([0.50, 0.52, 0.49])
JOINT = np.vstack([MATRIX[0], np.full((2, 3), np.nan), [0.92, 0.95, 0.97]])
FRESH = [0.91, 0.93, 0.99]  # a fresh network on each task
NAN = np.nan
# Three evaluations within each task; the lowest on task 1 while later tasks are trained is .10, on
# task 2 it is .40.
FOLLOWED = [
    [0.30, NAN, NAN], [0.60, NAN, NAN], [0.90, NAN, NAN],
    [0.20, 0.10, NAN], [0.10, 0.60, NAN], [0.92, 0.94, NAN],
    [0.30, 0.40, 0.50], [0.50, 0.70, 0.80], [0.60, 0.80, 0.96],
]  # fmt: skip


def record(matrix: np.ndarray[Any, Any] | None = MATRIX, **changes: Any) -> Results:
    """The example as one member, and the joint run it is compared with."""
    known: dict[str, Any] = {
        "accuracy_before": BEFORE[None],
        "curves": {
            "online_accuracy": np.array([[0.7, 0.8, 0.9]]),
            "train_accuracy": np.array([[0.6, 0.8, 0.7, 0.9, 0.8, NAN]]),
            "continual_accuracy": np.array([FOLLOWED]),
            "continual_step": np.array([[10, 20, 30, 40, 50, 60, 70, 80, 90]]),
            "continual_task": np.array([[1, 1, 1, 2, 2, 2, 3, 3, 3]]),
        },
    }
    dense = None if matrix is None else matrix[None]
    example = CellRecord("a", "s", "er", "er", np.array([4]), dense, **(known | changes))
    joint = CellRecord(
        "b", "s", "joint", "joint", np.array([3, 4]), np.stack([np.full((4, 3), 0.1), JOINT])
    )
    cells = [validated(example), validated(joint), validated(scratch())]
    return Results(RecordFile(SCHEMA_VERSION, "demo", "", {}, cells), HOST)


def scratch() -> CellRecord:
    """A fresh network a task, tested on its own task alone; on seed 5 as well."""
    places = Entries(np.array([1, 2, 3]), np.array([0, 1, 2]), np.array([FRESH, [0.1] * 3]))
    online = {"online_accuracy": np.array([[0.75, 0.75, 0.75], [0.1, 0.1, 0.1]])}
    return CellRecord(
        "c", "s", "scratch", "scratch", np.array([4, 5]), None, entries=places, curves=online
    )


HOST = Host.load()


def measured(name: str, results: Results | None = None) -> Measured:
    results = results or record()
    return results.metric(name, results.cells[0])


SUMMARIES = {
    "average_accuracy": 0.786667,
    "final_accuracy": 0.786667,
    "average_incremental_accuracy": 0.872222,
    "learning_accuracy": 0.933333,
    "first_task_accuracy": 0.60,
    "last_task_accuracy": 0.96,
    "worst_accuracy": 0.60,
    "relative_accuracy": 0.827990,
    "plasticity_slope": 0.030,
    "online_accuracy": 0.8,
    "train_accuracy": 0.76,
    "backward_transfer": -0.220,
    "forward_transfer": 0.075,
    "forgetting": 0.23,
    "forgetting_diagonal": 0.220,
    "forgetting_column": 0.23,
    "intransigence": 0.013333,
    "zero_shot_accuracy": 0.575,
    "min_accuracy": 0.25,
    "worst_case_accuracy": 0.486667,
    "hive_forward": 0.503333,
    "hive_backward": -0.146667,
    "catastrophic": 14.666667,
    # trapezoids of (.3, .6, .9), (.15, .35, .93), (.4, .666667, .786667), and their mean
    "hive_auc": (0.6 + 0.445 + 0.63) / 3,
    "plasticity_loss": (0.01 - 0.01 + 0.03) / 3,
    "windowed_forgetting": 0.23,
    "one_step_backward_transfer": (0.02 - 0.14) / 2,
    # (.5 + .3 + .6 + .9) / 4, (.52 + .1 + .6 + .94) / 4, (.49 + .5 + .8 + .96) / 4, and their mean
    "learning_curve_area": (0.575 + 0.54 + 0.6875) / 3,
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_summaries(name: str) -> None:
    assert measured(name).summary == pytest.approx([SUMMARIES[name]], abs=1e-6)
    assert measured(name).reasons == (None,)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("average_accuracy", [0.90, 0.93, 0.786667]),
        ("final_accuracy", [0.60, 0.80, 0.96]),
        ("first_task_accuracy", [0.90, 0.92, 0.60]),
        ("learning_accuracy", [0.90, 0.94, 0.96]),
        ("relative_accuracy", [0.652174, 0.842105, 0.989691]),
        ("forgetting", [np.nan, -0.02, 0.23]),
        ("intransigence", [0.02, 0.01, 0.01]),
        ("hive_forward", [0.50, 0.52, 0.49]),
        ("plasticity_loss", [0.01, -0.01, 0.03]),
        ("windowed_forgetting", [np.nan, -0.02, 0.23]),
        ("learning_curve_area", [0.575, 0.54, 0.6875]),
    ],
)
def test_values_task_by_task(name: str, values: list[float]) -> None:
    by_task = measured(name).by_task
    assert by_task is not None
    assert by_task[0] == pytest.approx(values, abs=1e-6, nan_ok=True)


def test_the_hive_auc_of_the_task_being_trained() -> None:
    metric = HOST.get("metric", "hive_auc")(curve="current")
    results = record()
    assert metric.value(results.run(results.cells[0], 0)) == pytest.approx(
        [0.6, 0.56, 0.765], abs=1e-6
    )


def with_options(name: str, results: Results | None = None, **options: Any) -> Any:
    """The example's value of a metric with options."""
    results = results or record()
    return HOST.get("metric", name)(**options).value(results.run(results.cells[0], 0))


def test_a_window_of_one_is_the_step_back() -> None:
    found = with_options("windowed_forgetting", window=1)
    assert found == pytest.approx([np.nan, -0.02, 0.14], abs=1e-6, nan_ok=True)
    assert found[1:].mean() == pytest.approx(-measured("one_step_backward_transfer").summary[0])


def test_the_learning_curve_of_the_first_steps() -> None:
    found = with_options("learning_curve_area", steps=20)
    # Means of three numbers each: of .5, .3, .6, then of .52, .1, .6, then of .49, .5, .8.
    assert found == pytest.approx([1.4 / 3, 1.22 / 3, 1.79 / 3], abs=1e-6)
    with pytest.raises(Undefined, match="nothing was evaluated in the first 5 steps of task 1"):
        with_options("learning_curve_area", steps=5)


def test_learning_curves_of_the_task_at_hand_are_enough() -> None:
    """`evaluate: {tasks: current, every: n}` keeps a number, and no row of all tasks, at a time."""
    own = np.array([[[row[k // 3]] for k, row in enumerate(FOLLOWED)]])
    curves = {
        "continual_accuracy": own,
        "continual_step": np.arange(10, 100, 10)[None],
        "continual_task": np.repeat([1, 2, 3], 3)[None],
    }
    results = record(curves=curves)
    assert measured("learning_curve_area", results).summary == pytest.approx([1.8025 / 3])
    current = with_options("hive_auc", results, curve="current")
    assert current == pytest.approx([0.6, 0.56, 0.765], abs=1e-6)
    lacking = ("within tasks only the one trained was evaluated; it needs all tasks so far",)
    assert measured("min_accuracy", results).reasons == lacking
    assert measured("hive_auc", results).reasons == lacking


def test_plasticity_loss_at_the_end_and_online() -> None:
    assert with_options("plasticity_loss", last=2) == pytest.approx(0.01)
    online = with_options("plasticity_loss", accuracy="online")
    assert online == pytest.approx([0.05, -0.05, -0.15])
    with pytest.raises(Undefined, match=r"online accuracy of er was not measured; add online_acc"):
        with_options("plasticity_loss", record(curves={}), accuracy="online")


def test_what_a_fresh_network_learns_is_its_own_reference() -> None:
    results = record()
    found = results.metric("plasticity_loss", results.cells[2])
    assert found.summary.tolist() == [0.0, 0.0]


def test_without_a_scratch_run_plasticity_loss_says_so() -> None:
    results = record()
    del results.cells[2]
    assert measured("plasticity_loss", results).reasons == (
        "it needs a finished run of `scratch` on the same scenario and seed (s, seed 4)",
    )


# By hand: after task 2 all of task 2's samples and half of task 1's are taken for task 2's, after
# task 3 a fifth of task 1's, two fifths of task 2's and nine tenths of its own for task 3's.
RECENCY = np.full((4, 3), NAN)
RECENCY[1:] = [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.2, 0.4, -0.1]]


def test_recency_bias_is_what_the_last_task_gets_beyond_its_share() -> None:
    results = record(notes={"recency": RECENCY[None]})
    found = measured("recency_bias", results)
    assert found.by_task == pytest.approx(np.array([[0.0, 0.25, 0.5 / 3]]))
    assert found.summary == pytest.approx([0.5 / 3])
    assert "add recency_bias to the suite's metrics" in str(measured("recency_bias").reasons[0])
    at_the_end = RECENCY.copy()
    at_the_end[1:3] = NAN
    late = measured("recency_bias", record(notes={"recency": at_the_end[None]}))
    assert late.summary == pytest.approx([0.5 / 3])
    gap = RECENCY.copy()
    gap[3, 1] = NAN
    assert measured("recency_bias", record(notes={"recency": gap[None]})).reasons == (
        "task 2 was not evaluated after task 3",
    )


NEEDS_TWO = [
    "forward_transfer",
    "backward_transfer",
    "forgetting",
    "forgetting_diagonal",
    "forgetting_column",
    "zero_shot_accuracy",
    "windowed_forgetting",
    "one_step_backward_transfer",
]


@pytest.mark.parametrize(
    "name",
    [
        *NEEDS_TWO,
        "hive_backward",
        "catastrophic",
        "plasticity_slope",
        "min_accuracy",
        "worst_case_accuracy",
    ],
)
def test_with_one_task_transfer_has_no_value(name: str) -> None:
    one = measured(name, record(MATRIX[:2, :1], accuracy_before=None, curves={}))
    assert one.reasons == ("it needs two tasks",)
    assert np.isnan(one.summary).all()


@pytest.mark.parametrize(
    ("name", "place", "reason"),
    [
        ("average_accuracy", (3, 1), "task 2 was not evaluated after task 3"),
        ("final_accuracy", (3, 0), "task 1 was not evaluated after task 3"),
        ("first_task_accuracy", (3, 0), "task 1 was not evaluated after task 3"),
        ("average_incremental_accuracy", (2, 0), "task 1 was not evaluated after task 2"),
        ("learning_accuracy", (2, 1), "task 2 was not evaluated after task 2"),
        ("worst_accuracy", (3, 2), "task 3 was not evaluated after task 3"),
        ("plasticity_slope", (1, 0), "task 1 was not evaluated after task 1"),
        ("forward_transfer", (0, 2), "task 3 was not evaluated before training"),
        ("zero_shot_accuracy", (2, 2), "task 3 was not evaluated after task 2"),
        ("backward_transfer", (3, 1), "task 2 was not evaluated after task 3"),
        ("forgetting", (1, 1), "task 2 was not evaluated after task 1"),
        ("forgetting_column", (2, 0), "task 1 was not evaluated after task 2"),
        ("hive_backward", (2, 0), "task 1 was not evaluated after task 2"),
        ("catastrophic", (3, 2), "task 3 was not evaluated after task 3"),
        ("worst_case_accuracy", (3, 2), "task 3 was not evaluated after task 3"),
        ("one_step_backward_transfer", (3, 1), "task 2 was not evaluated after task 3"),
        ("plasticity_loss", (2, 1), "task 2 was not evaluated after task 2"),
        (
            "windowed_forgetting",
            (3, 0),
            "task 1 was not evaluated after task 3"
            " (`evaluate: {last: 11}` in the protocol measures all that is needed)",
        ),
    ],
)
def test_a_missing_accuracy_is_named_and_never_averaged_away(
    name: str, place: tuple[int, int], reason: str
) -> None:
    matrix = MATRIX.copy()
    matrix[place] = np.nan
    assert measured(name, record(matrix)).reasons == (reason,)


def test_what_is_not_needed_may_be_missing() -> None:
    """Joint training fills the first and the last row; that is enough for its final figures."""
    results = record()
    joint = results.cells[1]
    assert results.metric("average_accuracy", joint).summary == pytest.approx([0.1, 2.84 / 3])
    assert results.metric("final_accuracy", joint).summary[1] == pytest.approx(2.84 / 3)
    assert np.isnan(results.metric("forgetting", joint).summary[1])


def test_without_curves_the_metrics_say_how_to_get_them() -> None:
    bare = record(curves={}, accuracy_before=None)
    assert "every: 10" in str(measured("min_accuracy", bare).reasons[0])
    assert "every: 10" in str(measured("hive_auc", bare).reasons[0])
    assert "every: 10" in str(measured("learning_curve_area", bare).reasons[0])
    assert "add online_accuracy to the suite's metrics" in str(
        measured("online_accuracy", bare).reasons[0]
    )
    unknown = ("task 1 was not evaluated just before it was trained",)
    assert measured("hive_forward", bare).reasons == unknown
    assert measured("learning_curve_area", record(accuracy_before=None)).reasons == unknown


def test_without_a_joint_run_intransigence_says_so() -> None:
    results = record()
    del results.cells[1]
    assert measured("intransigence", results).reasons == (
        "it needs a finished run of `joint` on the same scenario and seed (s, seed 4)",
    )


@pytest.mark.parametrize(
    ("name", "values", "summary"),
    [
        ("train_seconds", [[1.0, 2.0, 3.0]], 6.0),
        ("state_bytes", [1024.0], 1024.0),
        ("peak_memory", [5.0], 5.0),
    ],
)
def test_costs_come_from_the_record(name: str, values: Any, summary: float) -> None:
    assert measured(name, record(cost={name: np.array(values)})).summary.tolist() == [summary]
    assert measured(name).reasons == (f"the record holds no {name}",)


def test_every_metric_documents_itself() -> None:
    for name in HOST.names("metric"):
        assert len((HOST.get("metric", name).__doc__ or "").strip()) > 20, name


@pytest.mark.parametrize("last", [2, 3])
def test_long_streams_know_what_the_last_tasks_tell(last: int) -> None:
    """From the entries of `evaluate: {last: n}` as from the whole matrix."""
    row, column = (index + 1 for index in np.tril_indices(3))
    column = column - 1
    kept = row - column <= last
    places = Entries(row[kept], column[kept], MATRIX[row, column][kept][None])
    results = record(None, entries=places)
    one_step = measured("one_step_backward_transfer", results)
    assert one_step.summary == pytest.approx([-0.06])
    windowed = with_options("windowed_forgetting", results, window=last - 1)
    assert windowed[-1] == pytest.approx({2: 0.14, 3: 0.23}[last])
    assert measured("plasticity_loss", results).summary == pytest.approx([0.01])
    if last == 2:
        assert measured("windowed_forgetting", results).reasons == (
            "task 1 was not evaluated after task 3"
            " (`evaluate: {last: 11}` in the protocol measures all that is needed)",
        )
