"""A cell is complete from the moment it is made, says who came to an end, and may be read late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.metrics import RunView
from clbench.records import CellRecord, Fault, status_of
from clbench.records.cell import CellOnDisk
from clbench.records.missing import Cause, Missing, never_measured, said_of_probe, unfinished
from clbench.records.padding import joined_arrays, padded

NAMES = {"key": "k", "scenario": "split", "strategy": "er", "label": "er"}


def make(members: int = 3, **changes: Any) -> CellRecord:
    accuracy = np.full((members, 3, 2), 0.5)
    known: dict[str, Any] = {**NAMES, "seed": np.arange(members), "accuracy": accuracy}
    return CellRecord(**(known | changes))


def test_what_is_not_given_is_filled_in() -> None:
    cell = make()
    assert cell.agent.tolist() == [0, 0, 0]
    assert cell.run.tolist() == ["", "", ""]
    assert cell.member_status.tolist() == ["done", "done", "done"]
    assert cell.diverged_at.tolist() == [-1, -1, -1]


def test_two_cells_share_nothing_that_was_filled_in() -> None:
    one, other = make(), make()
    one.diverged_at[0] = 7
    one.cost["train_seconds"] = np.ones(3)
    assert (other.diverged_at[0], other.cost) == (-1, {})


def test_done_finished_and_complete_are_three_things() -> None:
    status = np.array(["done", "diverged", "done", "failed", "done", "done"], dtype=object)
    seed, agent = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1])
    cell = make(6, seed=seed, agent=agent, member_status=status)
    assert cell.done.tolist() == [True, False, True, False, True, True]
    assert cell.finished.tolist() == [True, True, True, False, True, True]
    assert cell.complete.tolist() == [False, False, False, False, True, True]


@pytest.mark.parametrize(
    ("members", "status"),
    [
        (["done", "done"], "done"),
        (["done", "diverged"], "done"),
        (["diverged", "diverged"], "diverged"),
        (["done", "timeout"], "partial"),
        (["diverged", "failed"], "partial"),
        (["failed", "timeout"], "failed"),
        ([], "failed"),
    ],
)
def test_a_cells_status_follows_from_its_members(members: list[str], status: str) -> None:
    assert status_of(np.array(members, dtype=object)) == status


# ---------------------------------------------------------------------- on disk


def test_a_cell_on_disk_is_read_once_and_when_it_is_asked_for() -> None:
    reads = []

    def fetch() -> CellRecord:
        reads.append(1)
        return make(about="It keeps samples.")

    cell = CellOnDisk.of(fetch, **NAMES)
    assert (cell.label, reads) == ("er", [])
    assert cell.about == "It keeps samples."
    assert (cell.members, cell.tasks, reads) == (3, 2, [1])


def test_what_was_set_before_it_was_read_stays() -> None:
    cell = CellOnDisk.of(make, **NAMES)
    cell.about = "Another word."
    assert (cell.members, cell.about) == (3, "Another word.")


def test_a_cell_that_cannot_be_read_says_so_each_time() -> None:
    def fetch() -> CellRecord:
        raise RecordError("it is damaged")

    cell = CellOnDisk.of(fetch, **NAMES)
    for _ in range(2):
        with pytest.raises(RecordError, match="it is damaged"):
            _ = cell.seed


def test_it_has_no_more_attributes_than_a_cell() -> None:
    cell = CellOnDisk.of(make, **NAMES)
    with pytest.raises(AttributeError, match="seeds"):
        _ = cell.seeds
    assert replace(cell, label="other").label == "other"


# ---------------------------------------------------------------------- why there is no value


def test_a_run_that_broke_off_says_how() -> None:
    status = np.array(["diverged", "failed", "timeout"], dtype=object)
    cell = make(member_status=status, diverged_at=np.array([7, -1, -1]))
    found = [unfinished(RunView(cell, member)) for member in range(3)]
    assert found == [
        Missing(Cause.RUN_DIVERGED, step=7),
        Missing(Cause.RUN_FAILED),
        Missing(Cause.RUN_TIMED_OUT),
    ]
    assert list(map(str, found)) == [
        "the run diverged in step 7",
        "the run failed",
        "the run took too long",
    ]
    assert str(Missing(Cause.RUN_DIVERGED)) == "the run diverged"
    assert unfinished(RunView(make(), 0)) is None


def test_a_probe_that_is_undefined_goes_before_one_that_failed() -> None:
    failed = Fault("ValueError: no ranks\nTraceback", "rank")
    cell = make(faults=(Fault("Traceback"), failed))
    assert said_of_probe("rank", cell) == Missing(Cause.PROBE_FAILED, "ValueError: no ranks")
    cell.faults += (Fault("no hidden layers", "rank", undefined=True),)
    assert said_of_probe("rank", cell) == Missing(Cause.UNDEFINED, "no hidden layers")
    assert said_of_probe("width", cell) is None


def test_what_nobody_asked_for_is_told_from_what_failed_before() -> None:
    assert never_measured("rank", make()).cause is Cause.NOT_ASKED_FOR
    assert never_measured("rank", make(status="failed")).cause is Cause.CELL_FAILED


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_can_be_said(cause: Cause) -> None:
    assert str(Missing(cause, "a word"))


# ---------------------------------------------------------------------- joining arrays


def test_shorter_arrays_are_filled_up() -> None:
    joined = joined_arrays(np.ones((1, 2)), np.zeros((2, 3)))
    np.testing.assert_array_equal(joined, [[1, 1, np.nan], [0, 0, 0], [0, 0, 0]])


def test_arrays_that_fit_are_not_copied() -> None:
    one, other = np.ones((1, 2)), np.zeros((2, 2))
    assert padded(one, other)[0] is one or np.shares_memory(padded(one, other)[0], one)
