"""One metric of one cell: stored, computed, or why it is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from clbench.errors import UnknownName
from clbench.metrics import RecordMetric, RunView, Undefined
from clbench.records import Fault, Measured, Results
from tests.records.asking import FakeHost, make, results


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


# ---------------------------------------------------------------------- costs and notes


@pytest.mark.parametrize(
    ("values", "summary", "by_task"),
    [
        ([3.0, 4.0], [3, 4], None),
        ([[1.0, 2.0], [3.0, 4.0]], [3, 7], [[1, 2], [3, 4]]),  # two tasks, which add up
        ([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]], [6, 1], None),  # three of something else
    ],
)
def test_a_cost_that_no_plugin_describes_is_a_sum(values: Any, summary: Any, by_task: Any) -> None:
    one = results(make("er", cost={"train_seconds": np.array(values)}))
    found = one.metric("train_seconds", one.cells[0])
    assert (found.unit, found.higher_is_better) == ("seconds", False)
    assert found.summary.tolist() == summary
    assert (None if found.by_task is None else found.by_task.tolist()) == by_task


def test_a_cost_that_another_cell_has_is_not_stored_here() -> None:
    one = results(make("er"), make("ewc", cost={"state_bytes": np.ones(2)}))
    found = one.metric("state_bytes", one.cells[0])
    assert found.reasons == ("the record holds no state_bytes",) * 2
    assert np.isnan(found.summary).all()


def test_a_note_is_the_mean_of_what_was_noted_after_the_last_task() -> None:
    notes = np.full((2, 3, 2), np.nan)
    notes[0, 2] = [1.0, 3.0]
    notes[1, 2, 0] = 5.0
    one = results(make("er", notes={"shift": notes}), make("ewc"))
    found = one.metric("shift", one.cells[0])
    assert found.summary.tolist() == [2, 5]
    np.testing.assert_array_equal(found.by_task, [[1, 3], [5, np.nan]])
    assert set(one.metric("shift", one.cells[1]).reasons) == {"the strategy does not note it"}


# ---------------------------------------------------------------------- labels and options


def test_a_label_leads_to_its_metric_as_the_cell_or_the_record_says() -> None:
    how = {"early": {"metric": "lifted", "options": {"by": 2.0}}}
    one = results(make("er", probes=how), metrics=(("late", {"by": 5.0}),))
    one = Results(replace(one.record, metric_facts={"late": {"metric": "lifted"}}), one.host)
    (cell,) = one.cells
    assert (one.metric_called("early", cell), one.metric_called("late", cell)) == ("lifted",) * 2
    assert one.metric("early", cell).summary[0] == 2.0
    assert one.metric("late", cell).summary[0] == 5.0


def test_what_we_computed_is_computed_anew_and_a_strangers_number_stays() -> None:
    stored = {"final": np.array([9.0, 9.0])}
    ours = results(make("er", metrics=stored, probes={"final": {"version": "1"}}))
    assert ours.metric("final", ours.cells[0]).summary == pytest.approx([0.2, 0.3])
    strangers = results(make("er", metrics=stored))
    assert strangers.metric("final", strangers.cells[0]).summary.tolist() == [9, 9]


def test_options_that_the_metric_no_longer_has_leave_what_was_stored() -> None:
    how = {"lifted": {"options": {"gone": 1}}}
    one = results(make("er", metrics={"lifted": np.array([7.0, 8.0])}, probes=how))
    assert one.metric("lifted", one.cells[0]).summary.tolist() == [7, 8]


def test_an_unknown_name_suggests_labels_too() -> None:
    one = results(make("er"), metrics=(("late", {}),))
    with pytest.raises(UnknownName, match="did you mean 'late'"):
        one.metric("lat", one.cells[0])


# ---------------------------------------------------------------------- numbers from answers


class Answering(RecordMetric):
    """Gives each seed what stands for it here."""

    answers: ClassVar[list[Any]] = []

    def value(self, run: RunView) -> Any:
        return self.answers[run.seed]


def answered(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> Measured:
    monkeypatch.setattr(Answering, "answers", list(answers))
    monkeypatch.setitem(FakeHost.metrics, "answering", Answering)
    one = results(make("er", members=len(answers)))
    return one.metric("answering", one.cells[0])


def test_members_may_give_different_numbers_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    found = answered(monkeypatch, [1.0, 2.0], [3.0], [])
    np.testing.assert_array_equal(found.values, [[1, 2], [3, np.nan], [np.nan, np.nan]])
    assert found.by_task is not None  # two tasks


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "the metric 'answering' returned None; write Undefined(reason) where there is no"),
        ([[1.0]], "the metric 'answering' returned an array with 2 dimensions; a number, or one a"),
        (Undefined("there is one task"), "there is one task"),
        ("much", "the metric 'answering' failed: ValueError: could not convert"),
    ],
)
def test_an_answer_that_is_no_number_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, answer: Any, said: str
) -> None:
    found = answered(monkeypatch, answer, 0.5)
    assert str(found.reasons[0]).startswith(said)
    assert found.reasons[1] is None
    np.testing.assert_array_equal(found.summary, [np.nan, 0.5])
