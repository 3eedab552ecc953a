"""A cell checked, whoever wrote it: what fits passes unchanged, what does not is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.records import CellRecord, Entries, validated
from clbench.records.validation import MAX_TASKS
from tests.records.cells import cell, words

NAN = np.nan


def sparse(row: Any, column: Any, value: Any) -> CellRecord:
    entries = Entries(np.array(row), np.array(column), np.array(value))
    return cell(0, accuracy=None, entries=entries)


# ---------------------------------------------------------------------- what fits


def test_a_cell_that_fits_is_as_it_was() -> None:
    one = cell(0, 1, loss=np.zeros((2, 2)), metrics={"rank": np.ones((2, 2, 3))})
    checked = validated(one)
    for name in ("seed", "agent", "run", "member_status", "diverged_at", "accuracy", "loss"):
        np.testing.assert_array_equal(getattr(checked, name), getattr(one, name))
    assert checked.metrics["rank"] is one.metrics["rank"]


def test_numbers_of_any_type_are_read_as_ours() -> None:
    checked = validated(
        cell(
            seed=np.array([1.0, 2.0], np.float32),
            agent=np.array([0, 1], np.uint8),
            diverged_at=np.array([False, True]),
            accuracy=np.ones((2, 3, 2), bool),
            loss=np.ones((2, 2), ">f4"),
        )
    )
    for name in ("seed", "agent", "diverged_at"):
        assert getattr(checked, name).dtype == np.int64
    for name in ("accuracy", "loss"):
        assert getattr(checked, name).dtype == np.float64


def test_members_are_sorted_by_seed_then_agent_with_all_that_is_theirs() -> None:
    checked = validated(
        cell(
            seed=np.array([2, 1, 1]),
            agent=np.array([0, 1, 0]),
            accuracy=np.stack([np.full((3, 2), one) for one in (0.2, 0.11, 0.1)]),
            run=words("c", "b", "a"),
            metrics={"rank": np.array([3.0, 2.0, 1.0])},
        )
    )
    assert checked.who == [(1, 0), (1, 1), (2, 0)]
    assert checked.accuracy is not None
    assert checked.accuracy[:, 0, 0].tolist() == [0.1, 0.11, 0.2]
    assert checked.run.tolist() == ["a", "b", "c"]
    assert checked.metrics["rank"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("value", [NAN, 0.0, 1.0, -1e-7, 1 + 1e-7])
def test_accuracies_are_fractions_up_to_single_precision(value: float) -> None:
    checked = validated(cell(0, accuracy=np.full((1, 2, 1), value)))
    assert checked.accuracy is not None
    np.testing.assert_array_equal(checked.accuracy, np.full((1, 2, 1), value))


def test_nobody_is_a_cell_too() -> None:
    assert validated(cell()).members == 0
    assert validated(cell(0, tasks=0)).tasks == 0


def test_a_cell_that_failed_need_not_have_accuracies() -> None:
    assert validated(cell(0, accuracy=None, status="failed")).tasks == 0


# ---------------------------------------------------------------------- what does not

WRONG = [
    ({"seed": np.array([[0]])}, "seed has 2 dimensions instead of one"),
    ({"seed": np.array(3)}, "seed has 0 dimensions instead of one"),
    ({"seed": np.array([0.5])}, "seed holds numbers that are not whole"),
    ({"seed": np.array([NAN])}, "seed holds numbers that are not whole"),
    ({"seed": np.array([np.inf])}, "seed holds numbers that are not whole"),
    ({"seed": np.array([2**63], np.uint64)}, "seed holds numbers that are not whole"),
    ({"seed": words("0")}, "seed does not hold numbers"),
    ({"agent": np.array([0, 1])}, r"agent has shape \[2\] instead of \[1\]"),
    ({"diverged_at": np.array([0.5])}, "diverged_at holds numbers that are not whole"),
    ({"member_status": words("well")}, "member_status holds 'well'; known: done, diverged, failed"),
    ({"member_status": words("done", "done")}, r"member_status has shape \[2\]"),
    ({"run": words("a\x1b[31m")}, "run holds something else than plain text"),
    ({"run": np.array([3], dtype=object)}, "run holds something else than plain text"),
    ({"accuracy": np.zeros((1, 2, 2))}, r"accuracy has shape \[1, 2, 2\] instead of \[1, tasks"),
    ({"accuracy": np.zeros((2, 2, 1))}, r"accuracy has shape \[2, 2, 1\] instead of \[1, tasks"),
    ({"accuracy": np.zeros(3)}, r"accuracy has shape \[3\] instead of"),
    ({"accuracy": np.full((1, 2, 1), 1.1)}, "accuracy holds values outside 0..1: .*not percent"),
    ({"accuracy": np.full((1, 2, 1), -0.1)}, "accuracy holds values outside 0..1"),
    ({"accuracy": np.full((1, 2, 1), np.inf)}, "accuracy holds values outside 0..1"),
    ({"accuracy": np.full((1, 2, 1), 1j)}, "accuracy does not hold numbers"),
    ({"accuracy": None}, "there is neither accuracy nor entries"),
    ({"accuracy_before": np.zeros((1, 3))}, r"accuracy_before has shape \[1, 3\] .* \[1, 2\]"),
    ({"loss": np.zeros(2)}, r"loss has shape \[2\] instead of \[1, 2\]"),
    ({"metrics": {"a": np.array(3.0)}}, r"metrics/a has shape \[\], and its first dimension"),
    ({"curves": {"a/b": np.zeros((2, 5))}}, r"curves/a/b has shape \[2, 5\], .* the 1 members"),
    ({"cost": {"a": words("much")}}, "cost/a does not hold numbers"),
    ({"notes": {"a": np.zeros((1, 2))}}, "notes/a has not the shape of the accuracies"),
    ({"trained_together": 0}, "trained_together is 0; of 2 tasks, 1 to 2 can be"),
    ({"trained_together": 3}, "trained_together is 3; of 2 tasks"),
]


@pytest.mark.parametrize(("changes", "said"), WRONG)
def test_what_does_not_fit_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        validated(cell(0, **changes))


def test_a_member_that_is_there_twice_is_named() -> None:
    with pytest.raises(ValueError, match=r"seed 4 \(agent 1\) is there twice"):
        validated(cell(4, 7, 4, agent=np.array([1, 0, 1])))
    assert validated(cell(4, 4, agent=np.array([1, 0]))).members == 2


# ---------------------------------------------------------------------- entries


def test_entries_that_fit_keep_their_order() -> None:
    checked = validated(sparse([2.0, 0.0], [1, 0], [[0.5, NAN]]))
    assert checked.entries is not None
    assert (checked.entries.row.tolist(), checked.entries.row.dtype) == ([2, 0], np.int64)
    assert checked.tasks == 2


@pytest.mark.parametrize(
    ("row", "column", "value", "said"),
    [
        ([0], [0, 1], [[0.5]], r"entries/column has shape \[2\] instead of \[1\]"),
        ([0], [0], [[0.5, 0.5]], r"entries/value has shape \[1, 2\] instead of \[1, 1\]"),
        ([0], [0], [[50.0]], "entries/value holds values outside 0..1"),
        ([-1], [0], [[0.5]], "hold numbers below 0"),
        ([0], [-1], [[0.5]], "hold numbers below 0"),
        ([0.5], [0], [[0.5]], "entries/row holds numbers that are not whole"),
        ([MAX_TASKS + 1], [0], [[0.5]], "name more than 100000 tasks"),
        ([0], [MAX_TASKS + 1], [[0.5]], "name more than 100000 tasks"),
        ([1, 2, 1], [0, 0, 0], [[0.5] * 3], "entries name task 1 after 1 tasks twice"),
    ],
)
def test_entries_that_do_not_fit_are_named(row: Any, column: Any, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        validated(sparse(row, column, value))


def test_notes_beside_entries_have_their_shape() -> None:
    one = sparse([0, 1], [0, 0], [[0.5, 0.5]])
    one.notes["shift"] = np.ones((1, 2))
    assert validated(one).notes["shift"].tolist() == [[1, 1]]
    one.notes["shift"] = np.ones((1, 3))
    with pytest.raises(ValueError, match="notes/shift has not the shape of the accuracies"):
        validated(one)
