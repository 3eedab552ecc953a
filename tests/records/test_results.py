from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import clbench
from clbench.errors import RecordError, UnknownName
from clbench.metrics import ProbeMetric, RecordMetric, RunView, Undefined
from clbench.records import CellRecord, Entries, Fault, RecordFile, Results, validated, write_record


class Final(RecordMetric):
    """Accuracies at the end."""

    summary = "mean"

    def value(self, run: RunView) -> Any:
        return run.accuracy[-1]


class Lifted(RecordMetric):
    """An option, and a value only for some."""

    by: float = 0.0  # what is added

    def value(self, run: RunView) -> Any:
        return Undefined("odd seeds have none") if run.seed % 2 else self.by + run.seed


class Broken(RecordMetric):
    """Raises."""

    def value(self, run: RunView) -> Any:
        raise ZeroDivisionError("oh")


class Leaving(RecordMetric):
    """Would end the process."""

    def value(self, run: RunView) -> Any:
        raise SystemExit(3)


class Forgetful(RecordMetric):
    """Returns nothing."""

    def value(self, run: RunView) -> Any:
        return None


class Careless(RecordMetric):
    """Changes what it was shown."""

    def value(self, run: RunView) -> Any:
        run.accuracy[:] = 0.0
        return 1.0


RECORD_METRICS = {
    "final": Final,
    "lifted": Lifted,
    "broken": Broken,
    "leaving": Leaving,
    "forgetful": Forgetful,
    "careless": Careless,
}


class Ranks(ProbeMetric):
    """A number a layer."""

    summary = "max"


class Changes(ProbeMetric):
    """What cannot have a value in every run."""

    empty = "there was nothing to compare with"


class AtEnd(ProbeMetric):
    """Once."""

    when = "run_end"


class FakeHost:
    """The metrics above, and nothing else."""

    metrics: ClassVar[dict[str, Any]] = {
        **RECORD_METRICS,
        "ranks": Ranks,
        "at_end": AtEnd,
        "changes": Changes,
    }

    def names(self, kind: str) -> list[str]:
        return sorted(self.metrics)

    def get(self, kind: str, name: str) -> Any:
        if name not in self.metrics:
            raise UnknownName(kind, name, self.metrics)
        return self.metrics[name]


def make(
    label: str, *, strategy: str = "er", scenario: str = "a", members: int = 2, **changes: Any
) -> CellRecord:
    accuracy = np.broadcast_to(np.arange(members)[:, None, None] / 10, (members, 3, 2)) + np.array(
        [0.1, 0.3]
    )
    known: dict[str, Any] = {"accuracy": accuracy, "seed": np.arange(members)}
    return validated(
        CellRecord(
            key=f"{scenario}-{label}",
            scenario=scenario,
            strategy=strategy,
            label=label,
            **(known | changes),
        )
    )


def results(*cells: CellRecord, metrics: Any = ()) -> Results:
    return Results(RecordFile(1, "demo", "", {}, list(cells), metrics), FakeHost())  # type: ignore[arg-type]


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


# ---------------------------------------------------------------------- metrics


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
