"""A metric's values seed by seed: what is compared, and what a failed run counts as."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.errors import UnknownName
from clbench.records import CellRecord, Entries, Fault
from clbench.records.seed_values import NO_NUMBER, SeedValue, values_by_seed
from tests.records.asking import make, results
from tests.records.cells import words

NAN = np.nan


def stored(values: Any, **changes: Any) -> CellRecord:
    """A cell with a metric that no plugin knows, and a word on how it was measured."""
    numbers = np.array(values, dtype=float)
    how = {"probes": {"gone": {"version": "1"}}}
    return make("er", members=len(numbers), metrics={"gone": numbers}, **{**how, **changes})


def seeds_of(cell: CellRecord, metric: str = "gone") -> list[SeedValue]:
    return values_by_seed(results(cell), metric, cell)[1]


# ---------------------------------------------------------------------- values


def test_every_seed_has_its_value_in_ascending_order() -> None:
    cell = stored([0.3, 0.1], seed=np.array([7, 2]))
    assert seeds_of(cell) == [SeedValue(2, 0.1), SeedValue(7, 0.3)]


def test_a_seed_has_the_mean_of_its_agents() -> None:
    cell = stored([0.2, 0.4, 0.5, 0.7], seed=np.array([0, 0, 1, 1]), agent=np.array([0, 1, 0, 1]))
    assert [one.value for one in seeds_of(cell)] == pytest.approx([0.3, 0.6])


def test_values_come_with_the_metric_itself() -> None:
    cell = stored([0.3, 0.1])
    measured, seeds = values_by_seed(results(cell), "gone", cell)
    assert measured.summary.tolist() == [one.value for one in seeds]
    assert measured.name == "gone"


# ---------------------------------------------------------------------- runs that failed


@pytest.mark.parametrize("status", ["diverged", "failed", "timeout"])
def test_a_run_that_did_not_finish_counts_as_a_failure(status: str) -> None:
    cell = stored([0.3, 0.1], member_status=words("done", status))
    done, ended = seeds_of(cell)
    assert (done.value, done.ended) == (0.3, "")
    assert np.isnan(ended.value)
    assert (ended.ended, ended.absent, ended.counts) == (status, "", True)


def test_one_agent_that_failed_fails_its_seed() -> None:
    """A mean over the other would favour failing."""
    cell = stored(
        [0.2, 0.4],
        seed=np.array([0, 0]),
        agent=np.array([0, 1]),
        member_status=words("done", "diverged"),
    )
    [only] = seeds_of(cell)
    assert only.ended == "diverged"


# ---------------------------------------------------------------------- runs without a number


def test_a_metric_that_was_not_asked_for_is_absent_and_no_failure() -> None:
    cell = stored([0.3, NAN])
    _, absent = seeds_of(cell)
    assert (absent.ended, absent.absent, absent.counts) == ("", "it was not measured", False)


def test_an_undefined_metric_says_why() -> None:
    cell = stored([NAN, NAN], faults=(Fault("there is one task", "gone", undefined=True),))
    assert {one.absent for one in seeds_of(cell)} == {"there is one task"}


def test_a_strangers_number_that_is_missing_counts_as_a_failure() -> None:
    """Its library calls every run done; leaving the bad ones out would let a strategy gain."""
    cell = stored([0.3, NAN], probes={})
    done, lost = seeds_of(cell)
    assert done.counts
    assert (lost.ended, lost.counts) == (NO_NUMBER, True)


def test_without_a_number_for_anybody_nobody_is_said_to_have_failed() -> None:
    assert [one.ended for one in seeds_of(stored([NAN, NAN], probes={}))] == ["", ""]


def test_an_infinite_number_is_a_failure() -> None:
    _, lost = seeds_of(stored([0.3, np.inf]))
    assert lost.ended == NO_NUMBER


@pytest.mark.parametrize("sparse", [False, True])
def test_a_run_called_done_without_accuracies_where_others_have_them_failed(sparse: bool) -> None:
    accuracy = np.full((2, 3, 2), 0.5)
    accuracy[1, 2, 1] = NAN
    accuracy[:, 0] = NAN  # what nobody has is no matter
    changes: dict[str, Any] = {"accuracy": accuracy}
    if sparse:
        row, column = np.array([1, 2, 2]), np.array([0, 0, 1])
        changes = {"accuracy": None, "entries": Entries(row, column, accuracy[:, row, column])}
    done, lost = seeds_of(stored([0.3, NAN], **changes))
    assert (done.ended, lost.ended) == ("", NO_NUMBER)


def test_a_lost_accuracy_does_not_take_a_number_that_is_there() -> None:
    accuracy = np.full((2, 3, 2), 0.5)
    accuracy[1] = NAN
    assert [one.value for one in seeds_of(stored([0.3, 0.2], accuracy=accuracy))] == [0.3, 0.2]


# ---------------------------------------------------------------------- metrics elsewhere


def test_a_metric_that_only_another_cell_has_is_absent_here() -> None:
    here, there = make("er"), make("ewc", metrics={"gone": np.ones(2)})
    measured, seeds = values_by_seed(results(here, there), "gone", here)
    assert [one.absent for one in seeds] == ["it was not measured"] * 2
    assert np.isnan(measured.summary).all()


def test_a_name_that_nobody_knows_is_refused() -> None:
    cell = make("er")
    with pytest.raises(UnknownName, match="unknown"):
        values_by_seed(results(cell), "unknown", cell)


@pytest.mark.parametrize(
    ("value", "counts"),
    [
        (SeedValue(0, 0.5), True),
        (SeedValue(0, NAN, ended="failed"), True),
        (SeedValue(0, NAN, absent="it was not measured"), False),
        (SeedValue(0, np.inf, absent="it is infinite"), False),
    ],
)
def test_a_comparison_counts_numbers_and_failures(value: SeedValue, counts: bool) -> None:
    assert value.counts is counts
