"""A cell is complete from the moment it is made, says who came to an end, and may be read late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import CellRecord, Entries, Fault
from clbench.records.cell import CellOnDisk, select
from clbench.records.rows import Rows
from tests.records.cells import cell, words

NAMES = {"key": "k", "scenario": "split", "strategy": "er", "label": "er"}


def make(**changes: Any) -> CellRecord:
    return cell(0, 1, 2, **changes)


def test_what_is_not_given_is_filled_in() -> None:
    one = make()
    assert one.agent.tolist() == [0, 0, 0]
    assert one.run.tolist() == ["", "", ""]
    assert one.member_status.tolist() == ["done", "done", "done"]
    assert one.diverged_at.tolist() == [-1, -1, -1]


def test_two_cells_share_nothing_that_was_filled_in() -> None:
    one, other = make(), make()
    one.diverged_at[0] = 7
    one.cost["train_seconds"] = np.ones(3)
    assert (other.diverged_at[0], other.cost) == (-1, {})


def test_done_finished_and_complete_are_three_things() -> None:
    status = np.array(["done", "diverged", "done", "failed", "done", "done"], dtype=object)
    seed, agent = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1])
    one = cell(*seed, agent=agent, member_status=status)
    assert one.done.tolist() == [True, False, True, False, True, True]
    assert one.finished.tolist() == [True, True, True, False, True, True]
    assert one.complete.tolist() == [False, False, False, False, True, True]


# ---------------------------------------------------------------------- on disk


def test_a_cell_on_disk_is_read_once_and_when_it_is_asked_for() -> None:
    reads = []

    def fetch() -> CellRecord:
        reads.append(1)
        return make(about="It keeps samples.")

    late = CellOnDisk.of(fetch, **NAMES)
    assert (late.label, reads) == ("er", [])
    assert late.about == "It keeps samples."
    assert (late.members, late.tasks, reads) == (3, 2, [1])


def test_what_was_set_before_it_was_read_stays() -> None:
    late = CellOnDisk.of(make, **NAMES)
    late.about = "Another word."
    assert (late.members, late.about) == (3, "Another word.")


def test_a_cell_that_cannot_be_read_says_so_each_time() -> None:
    def fetch() -> CellRecord:
        raise RecordError("it is damaged")

    late = CellOnDisk.of(fetch, **NAMES)
    for _ in range(2):
        with pytest.raises(RecordError, match="it is damaged"):
            _ = late.seed


def test_it_has_no_more_attributes_than_a_cell() -> None:
    late = CellOnDisk.of(make, **NAMES)
    with pytest.raises(AttributeError, match="seeds"):
        _ = late.seeds
    assert replace(late, label="other").label == "other"


# ---------------------------------------------------------------------- how large it is


@pytest.mark.parametrize(
    ("entries", "tasks"),
    [
        (None, 0),
        (Entries(np.array([0, 3]), np.array([1, 0]), np.zeros((1, 2))), 3),  # trained on three
        (Entries(np.array([0, 1]), np.array([4, 0]), np.zeros((1, 2))), 5),  # tested on the fifth
        (Entries(np.array([], int), np.array([], int), np.zeros((1, 0))), 0),
    ],
)
def test_entries_name_as_many_tasks_as_there_are(entries: Entries | None, tasks: int) -> None:
    assert cell(0, accuracy=None, entries=entries).tasks == tasks


def test_a_matrix_has_as_many_tasks_as_columns() -> None:
    assert cell(0, tasks=7).tasks == 7
    assert cell(0, tasks=0).tasks == 0


@pytest.mark.parametrize(("agent", "agents"), [([0, 0], 1), ([0, 1], 2), ([3, 7], 2), ([], 1)])
def test_agents_are_counted_by_their_numbers(agent: list[int], agents: int) -> None:
    assert cell(*range(len(agent)), agent=np.array(agent, dtype=int)).agents == agents


def test_members_are_known_by_their_seed_and_agent() -> None:
    assert cell(4, 4, 9, agent=np.array([0, 1, 0])).who == [(4, 0), (4, 1), (9, 0)]
    assert cell().who == []


# ---------------------------------------------------------------------- what is said of it


def test_a_cell_is_shown_in_a_line() -> None:
    assert repr(cell(0, 1, tasks=5)) == "<er on split: 2 members, 5 tasks, done>"


def test_who_declares_a_bound_is_one() -> None:
    assert cell(0, declared=("oracle", "bound")).is_bound
    assert not cell(0, declared=("oracle",)).is_bound


def test_undefined_metrics_are_no_trouble_and_go_first() -> None:
    failed = Fault("KeyError\nTraceback", "rank")
    undefined = Fault("no units", "rank", undefined=True)
    job = Fault("Traceback")
    one = cell(0, faults=(job, failed, undefined, Fault("again", "rank", undefined=True)))
    assert one.troubles == (job, failed)
    assert one.fault("rank") == undefined
    assert one.fault("width") is None
    assert one.errors[2] == "metric rank: Undefined: no units"


# ---------------------------------------------------------------------- entries


PLACES = Entries(np.array([2, 0, 1, 2]), np.array([0, 0, 1, 2]), np.zeros((1, 4)))


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [
        (2, 0, 0),
        (0, 0, 1),
        (1, 1, 2),
        (2, 2, 3),
        (0, 1, -1),
        (5, 0, -1),
        (1, 3, -1),  # its code is that of row 2, column 0
        (2, -2, -1),  # and this one's that of row 1, column 1
        (-1, 3, -1),
    ],
)
def test_an_entry_is_found_where_it_stands(row: int, column: int, place: int) -> None:
    assert PLACES.find(row, column) == place


def test_many_entries_are_found_at_once() -> None:
    """Rows down and columns across, as numpy broadcasts them."""
    found = PLACES.find(np.arange(3)[:, None], np.arange(3))
    assert found.tolist() == [[1, -1, -1], [-1, 2, -1], [0, -1, 3]]


def test_among_no_entries_none_is_found() -> None:
    none = Entries(np.array([], int), np.array([], int), np.zeros((1, 0)))
    assert none.find(np.arange(2)[:, None], np.arange(3)).tolist() == [[-1] * 3] * 2


# ---------------------------------------------------------------------- selecting members


def test_members_are_selected_with_everything_that_is_theirs() -> None:
    values = np.arange(3.0)
    one = cell(
        4,
        5,
        6,
        loss=values[:, None] * [1.0, 1.0],
        member_status=words("done", "failed", "diverged"),
        diverged_at=np.array([-1, -1, 7]),
        metrics={"rank": values},
        curves={"filled": values[:, None]},
        kept={"weights": np.array([1, 0, 1])},
        stored={"weights/1/head": Rows([values, None, values + 1])},
    )
    part = select(one, np.array([2, 0]))
    assert (part.seed.tolist(), part.diverged_at.tolist()) == ([6, 4], [7, -1])
    assert part.member_status.tolist() == ["diverged", "done"]
    assert part.loss is not None
    assert part.loss[:, 0].tolist() == part.metrics["rank"].tolist() == [2, 0]
    assert part.curves["filled"].tolist() == [[2], [0]]
    assert part.kept["weights"].tolist() == [1, 1]
    assert part.stored["weights/1/head"].read()[:, 0].tolist() == [1, 0]
    assert one.seed.tolist() == [4, 5, 6]


def test_entries_are_selected_by_member_and_not_by_place() -> None:
    entries = Entries(np.array([0, 1]), np.array([0, 0]), np.array([[0.1, 0.2], [0.3, 0.4]]))
    part = select(cell(0, 1, accuracy=None, entries=entries), np.array([False, True]))
    assert part.entries is not None
    assert part.entries.value.tolist() == [[0.3, 0.4]]
    assert part.entries.row is entries.row
    assert part.accuracy is None


def test_nobody_may_be_selected() -> None:
    part = select(cell(0, 1), np.array([], dtype=int))
    assert (part.members, part.tasks) == (0, 2)
