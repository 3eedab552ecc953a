"""One metric of one cell: stored, computed, or why it is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.records import Fault, Results
from tests.records.asking import make, results


def test_metrics_are_computed_when_they_are_asked_for() -> None:
    one = results(make("er"))
    measured = one.metric("final", one.cells[0])
    assert measured.summary == pytest.approx([0.2, 0.3])
    assert measured.by_task == pytest.approx(np.array([[0.1, 0.3], [0.2, 0.4]]))


def test_the_options_that_the_suite_gave_are_used() -> None:
    one = results(make("er"), metrics=(("lifted", {"by": 7.0}),))
    assert one.metric("lifted", one.cells[0]).summary[0] == 7.0


def test_a_metric_without_a_value_says_why() -> None:
    one = results(make("er"))
    assert one.metric("lifted", one.cells[0]).reasons == (None, "odd seeds have none")
    assert (
        one.metric("broken", one.cells[0]).reasons
        == ("the metric 'broken' failed: ZeroDivisionError: oh",) * 2
    )
    assert (
        one.metric("ranks", one.cells[0]).reasons
        == ("it was not measured; add it to the suite's metrics and run the suite again",) * 2
    )
    failed = replace(one.cells[0], faults=(Fault("ValueError: no ranks\nTraceback", "ranks"),))
    assert (
        Results(replace(one.record, cells=[failed]), one.host).metric("ranks", failed).reasons
        == ("it failed: ValueError: no ranks",) * 2
    )


def test_a_probe_of_a_run_that_diverged_is_not_said_to_have_been_left_out_of_the_suite() -> None:
    one = results(make("er"))
    cell = replace(
        one.cells[0],
        member_status=np.array(["diverged", "done"]),
        diverged_at=np.array([7, -1]),
    )
    measured = Results(replace(one.record, cells=[cell]), one.host).metric("ranks", cell)
    assert measured.reasons == (
        "the run diverged in step 7",
        "it was not measured; add it to the suite's metrics and run the suite again",
    )


def test_a_cell_that_failed_is_not_told_to_ask_for_what_it_asked_for() -> None:
    one = results(make("er"))
    failed = replace(one.cells[0], status="failed", faults=(Fault("Traceback of a job"),))
    shown = Results(replace(one.record, cells=[failed]), one.host).metric("ranks", failed)
    assert set(shown.reasons) == {
        "the cell failed before it was measured; run the suite again once that is mended"
    }


def test_a_probe_that_was_undefined_gives_its_own_reason() -> None:
    one = results(
        make(
            "er",
            metrics={"ranks": np.full((2, 1), np.nan)},
            faults=(Fault("no hidden layers", "ranks", undefined=True),),
        )
    )
    assert one.metric("ranks", one.cells[0]).reasons == ("no hidden layers",) * 2
    assert one.cells[0].troubles == ()


def test_no_metric_takes_another_or_the_process_down() -> None:
    one = results(make("er"))
    (cell,) = one.cells
    assert (
        one.metric("leaving", cell).reasons == ("the metric 'leaving' failed: SystemExit: 3",) * 2
    )
    assert "returned None; write Undefined(reason)" in str(one.metric("forgetful", cell).reasons[0])
    assert "read-only" in str(one.metric("careless", cell).reasons[0])
    assert one.metric("final", cell).summary == pytest.approx([0.2, 0.3])


def test_unfinished_members_have_no_value() -> None:
    status = np.array(["done", "diverged", "failed", "timeout"])
    one = results(
        make(
            "er",
            members=4,
            member_status=status,
            diverged_at=np.array([-1, 7, -1, -1]),
            metrics={"ranks": np.ones((4, 2))},
        )
    )
    reasons = (None, "the run diverged in step 7", "the run failed", "the run took too long")
    for name in ("final", "ranks"):
        assert one.metric(name, one.cells[0]).reasons == reasons
        assert np.isnan(one.metric(name, one.cells[0]).summary).tolist() == [
            False,
            True,
            True,
            True,
        ]


def test_stored_probes_show_their_first_number_over_the_tasks() -> None:
    values = np.array(
        [[[1.0, 90.0], [3.0, 70.0]], [[5.0, 60.0], [4.0, np.nan]]]
    )  # [S, T, layers], the whole network first
    one = results(make("er", metrics={"ranks": values}))
    measured = one.metric("ranks", one.cells[0])
    assert measured.summary.tolist() == [3.0, 5.0]
    assert measured.by_task is not None
    assert measured.by_task.tolist() == [[1.0, 3.0], [5.0, 4.0]]


def test_a_probe_at_the_end_has_no_tasks() -> None:
    one = results(make("er", metrics={"at_end": np.array([[1.0], [2.0]])}))
    assert one.metric("at_end", one.cells[0]).summary.tolist() == [1.0, 2.0]
    assert one.metric("at_end", one.cells[0]).by_task is None


def test_the_last_number_of_a_probe_is_the_last_that_the_member_has() -> None:
    """Who stops early has fewer epochs than the others."""
    values = np.array([[1.0, 3.0, np.nan], [2.0, 4.0, 5.0], [np.nan] * 3])
    one = results(make("er", members=3, metrics={"at_end": values}))
    summary = one.metric("at_end", one.cells[0]).summary
    np.testing.assert_array_equal(summary, [3.0, 5.0, np.nan])


def test_a_probe_of_as_many_epochs_as_tasks_has_no_tasks() -> None:
    how = {"ranks": {"options": {"when": "epoch_end"}, "version": "1"}}
    one = results(make("er", metrics={"ranks": np.array([[1.0, 3.0], [2.0, 4.0]])}, probes=how))
    assert one.metric("ranks", one.cells[0]).summary.tolist() == [3.0, 4.0]
    assert one.metric("ranks", one.cells[0]).by_task is None


def test_a_stored_metric_needs_no_plugin() -> None:
    one = results(make("er", metrics={"gone": np.array([[1.0, 2.0], [3.0, 4.0]])}))
    assert one.metric("gone", one.cells[0]).summary.tolist() == [2.0, 4.0]


def test_a_metric_that_was_measured_and_gave_no_number_says_why() -> None:
    """And not that nobody measured it, which is so where others of the cell have numbers."""
    nothing = np.full((2, 1), np.nan)

    def reasons(name: str, values: Any, **changes: Any) -> tuple[str | None, ...]:
        one = results(make("er", metrics={name: values}, **changes))
        return one.metric(name, one.cells[0]).reasons

    asked = {"probes": {"changes": {"options": {}}, "ranks": {"options": {}}}}
    assert reasons("changes", nothing, **asked) == ("there was nothing to compare with",) * 2
    said = "it gave no number; `clbench describe ranks` says what it measures"
    assert reasons("ranks", nothing, **asked) == (said,) * 2
    assert reasons("ranks", nothing) == ("it was not measured",) * 2
    one_alone = np.array([[1.0], [np.nan]])
    assert reasons("changes", one_alone, **asked) == (None, "it was not measured")
