"""The bench of the checks: whose numbers are compared, and how a difference is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clbench import Strategy
from clbench.engine import Settings
from clbench.testing.bench import (
    KEPT_BENCHES,
    BenchHost,
    Kept,
    _by_name,
    _given,
    _leaving,
    _trimmed,
    first_difference,
    rows,
)
from tests.execution.plans import a_record

NAN = np.nan


class Mine(Strategy):
    """With an option."""

    strength: float = 1.0  # how strong


# ------------------------------------------------------------------ differences


def difference(a: Any, b: Any) -> str | None:
    return first_difference({"loss": np.array(a)}, {"loss": np.array(b)})


@pytest.mark.parametrize(
    "values", [[1.0, 2.0], [[1.0, NAN], [2.0, 3.0]], [[[1.0], [NAN]]], [[NAN, NAN]]]
)
def test_what_is_equal_to_the_bit_does_not_differ(values: Any) -> None:
    assert difference(values, values) is None


def test_the_first_place_that_differs_is_told_with_both_values() -> None:
    said = difference([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.5, 5.0]])
    assert said == "loss[1, 0] is np.float64(3.0) in one and np.float64(3.5) in the other"


def test_the_last_bit_is_a_difference() -> None:
    one = 0.1 + 0.2
    assert difference([one], [0.3]) is not None  # 0.30000000000000004
    assert difference([one], [one]) is None


def test_a_gap_and_a_number_differ_and_two_gaps_do_not() -> None:
    assert difference([1.0, NAN], [1.0, NAN]) is None
    assert str(difference([1.0, NAN], [1.0, 2.0])).startswith("loss[1] is np.float64(nan)")


def test_what_only_one_of_them_measured_is_told() -> None:
    assert first_difference({"a": np.ones(1)}, {}) == "a was measured in only one of them"
    assert first_difference({}, {"a": np.ones(1)}) == "a was measured in only one of them"
    assert first_difference({}, {}) is None


def test_differences_are_looked_for_in_the_order_of_names() -> None:
    one = {"b": np.ones(1), "a": np.ones(1)}
    other = {"a": np.zeros(1), "b": np.zeros(1)}
    assert str(first_difference(one, other)).startswith("a[0] is ")


def test_other_sizes_are_told() -> None:
    assert difference([[1.0]], [[1.0, 2.0]]) == (
        "loss has (1, 1) values in one and (1, 2) in the other"
    )


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([[1.0, 2.0, NAN]], 2),
        ([[1.0, NAN, NAN], [1.0, 2.0, NAN]], 2),
        ([[1.0, NAN, 3.0]], 3),  # a gap within is none of filling up
        ([[NAN, NAN]], 0),
    ],
)
def test_columns_that_only_fill_a_curve_up_do_not_count(values: Any, kept: int) -> None:
    assert _trimmed(np.array(values)).shape[1] == kept


def test_curves_of_other_lengths_are_equal_up_to_what_fills_them() -> None:
    assert difference([[1.0, 2.0, NAN, NAN]], [[1.0, 2.0]]) is None


def test_numbers_a_member_have_no_columns() -> None:
    values = np.array([NAN, 1.0])
    assert _trimmed(values) is values


# ------------------------------------------------------------------ rows of a seed


def test_rows_are_those_of_one_seed_with_all_that_it_measured() -> None:
    record = a_record([0, 1], rank=[0.5, 0.25])
    record.curves = {"drift": np.array([[1.0], [2.0]])}
    record.notes = {"seen": np.array([[3.0], [4.0]])}
    found = rows(record, 1)
    assert {name: values.tolist() for name, values in found.items() if name != "accuracy"} == {
        "rank": [0.25],
        "drift": [[2.0]],
        "the note seen": [[4.0]],
    }
    assert found["accuracy"].shape == (1, 6, 5)


def test_what_only_neighbours_measured_is_not_the_seed_s() -> None:
    record = a_record([0, 1], rank=[0.5, NAN])
    assert "rank" in rows(record, 0)
    assert "rank" not in rows(record, 1)


# ------------------------------------------------------------------ what is under test


def test_what_is_under_test_goes_before_what_is_installed() -> None:
    real: Any = SimpleNamespace(
        get=lambda kind, name: f"the {kind} {name}", version_of=lambda kind, name: "lab 1"
    )
    host = BenchHost(real, {("strategy", "er"): Mine})
    assert host.get("strategy", "er") is Mine
    assert host.get("model", "er") == "the model er"
    assert host.version_of("strategy", "er") == "under test"
    assert host.version_of("strategy", "ewc") == "lab 1"


def test_classes_and_objects_with_options_may_be_given() -> None:
    assert _given([Mine, Mine(strength=2.0)]) == [(Mine, {}), (Mine, {"strength": 2.0})]
    assert _by_name("strategy", [Mine]) == {("strategy", "mine"): Mine}


@pytest.mark.parametrize(("after", "answers"), [(1, [True]), (3, [False, False, True, True])])
def test_a_job_is_left_at_the_look_that_was_asked_for(after: int, answers: list[bool]) -> None:
    leaving = _leaving(after)
    assert [leaving() for _ in answers] == answers


def test_a_job_that_is_not_to_be_left_never_is() -> None:
    leaving = _leaving(None)
    assert not any(leaving() for _ in range(1000))


# ------------------------------------------------------------------ records that are kept


class Running:
    """A bench that counts its runs; those of one number measure the same."""

    def __init__(self, number: int, chosen: str = "vmap") -> None:
        self.number, self.runs = number, list[tuple[int, ...]]()
        self.chosen = chosen  # the form, where it is asked for `auto`

    def is_like(self, other: Running) -> bool:
        """Whether it measures the same."""
        return self.number == other.number

    def run(self, *seeds: int, form: str = "auto", **settings: Any) -> Any:
        """Count it."""
        self.runs.append(seeds)
        return SimpleNamespace(form=self.chosen if form == "auto" else form)


def test_a_job_of_a_bench_that_measures_the_same_is_run_once() -> None:
    kept, one, same = Kept(), Running(1), Running(1)
    settings = Settings()
    first: Any = kept.record(one, (0, 1), settings)  # type: ignore[arg-type]
    assert kept.record(same, (0, 1), settings) is first  # type: ignore[arg-type]
    assert (one.runs, same.runs) == ([(0, 1)], [])
    # Other seeds, their other order, or another form are another job.
    for seeds, form in (((1, 0), "auto"), ((0,), "auto"), ((0, 1), "loop")):
        kept.record(same, seeds, Settings(form=form))  # type: ignore[arg-type]
    assert len(same.runs) == 3


def test_the_form_that_auto_chose_is_not_run_again_by_name() -> None:
    kept, bench = Kept(), Running(0, chosen="loop")
    by_choice: Any = kept.record(bench, (0,), Settings())  # type: ignore[arg-type]
    assert kept.record(bench, (0,), Settings(form="loop")) is by_choice  # type: ignore[arg-type]
    kept.record(bench, (0,), Settings(form="vmap"))  # type: ignore[arg-type]
    assert len(bench.runs) == 2


def test_benches_that_were_asked_long_ago_are_forgotten() -> None:
    kept, first = Kept(), Running(0)
    kept.record(first, (0,), Settings())  # type: ignore[arg-type]
    for number in range(1, KEPT_BENCHES + 1):
        kept.record(Running(number), (0,), Settings())  # type: ignore[arg-type]
    kept.record(first, (0,), Settings())  # type: ignore[arg-type]
    assert len(first.runs) == 2
