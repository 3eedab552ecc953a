"""The entries of the leaderboard's page: how cells were made, and what their runs look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.records import CellRecord, RecordFile, write_file
from clbench.records.cell import DECLARATIONS
from clbench.records.faults import Fault
from clbench.records.provenance import named
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data
from clbench.report.page_entries import COSTS, MAX_ERROR, entry
from clbench.report.repeat_words import NOT_YET
from clbench.report.reproduction import SAME, Repeat
from clbench.report.sections import Section
from tests.report.boards import built


def test_long_streams_are_binned(made, tmp_path) -> None:
    course = np.linspace(0.9, 0.1, 150)
    accuracy = np.broadcast_to(course, (6, 151, 150))
    cells = [
        made.cell(name, [0.5] * 6, accuracy=accuracy * factor)
        for name, factor in (("a", 1.0), ("b", 0.9))
    ]
    data = page_data(leaderboard([made.save(tmp_path / "long.h5", *cells)], tmp_path))
    entry = data["sections"][0]["entries"][0]
    learnt = entry["curves"]["learnt"]
    assert learnt["size"] == 5
    assert len(learnt["points"]) == 30
    assert learnt["points"][1][:2] == [10, pytest.approx(course[5:10].mean(), rel=1e-5)]
    assert list(entry["curves"]) == ["average", "learnt"]
    matrix = entry["matrix"]
    assert np.shape(matrix["values"]) == (16, 15)
    assert matrix["values"][3][1] == pytest.approx(course[10:20].mean(), rel=1e-5)
    assert (matrix["size"], matrix["tasks"][-1], matrix["ends"][-1]) == (10, "141-150", 150)


def test_an_entry_says_which_run_measured_which_seeds(made, tmp_path) -> None:
    here, there = named({"cpu": "A"}), named({"cpu": "B"})
    good, *others = made.three(seeds=3)
    good.run = np.array([here["id"], there["id"], here["id"]], dtype=object)
    record = RecordFile(1, "demo", "", {}, [good, *others], runs=(here, there))
    write_file(tmp_path / "r.h5", record)
    (section,) = page_data(built(tmp_path / "board", tmp_path / "r.h5"))["sections"]
    assert section["runs"] == {here["id"]: here, there["id"]: there}
    by_label = {entry["label"]: entry["runs"] for entry in section["entries"]}
    assert by_label[good.label] == [[here["id"], [0, 2]], [there["id"], [1]]]
    assert by_label[others[0].label] == []


# ---------------------------------------------------------------------- one entry


def entry_of(made, cell: CellRecord, **changes: Any) -> dict[str, Any]:
    """The entry of a cell, in a section of it alone."""
    results = made.results(cell)
    section = Section("demo", (), {}, changes.pop("again", {}), results)
    return entry(section, cell)


def test_an_entry_says_how_its_cell_was_made(made) -> None:
    cell = made.cell(
        "er(memory=2)",
        [0.5, 0.6],
        seed=np.array([3, 7]),
        options={"memory": 2},
        declared=("oracle",),
        about="Replays.",
        form="vmap",
    )
    found = entry_of(made, cell)
    assert (found["label"], found["strategy"], found["about"]) == ("er(memory=2)", "er", "Replays.")
    assert (found["options"], found["form"], found["seeds"]) == ({"memory": 2}, "vmap", [3, 7])
    assert found["declared"] == {"oracle": DECLARATIONS["oracle"]}
    assert (found["again"], found["repeats"]) == (NOT_YET, [])


def test_costs_are_means_and_unknown_ones_are_no_number(made) -> None:
    cost = {"train_seconds": np.array([1.0, 3.0]), "state_bytes": np.array([8.0, 8.0])}
    found = entry_of(made, made.cell("er", [0.5, 0.6], cost=cost))["costs"]
    assert set(found) == set(COSTS)
    assert (found["train_seconds"], found["state_bytes"]) == (2.0, 8.0)
    assert np.isnan(found["bytes_sent"])


def test_runs_that_did_not_finish_are_told_with_the_step(made) -> None:
    cell = made.cell(
        "er",
        [0.5] * 4,
        seed=np.array([0, 0, 5, 5]),
        agent=np.array([0, 1, 0, 1]),
        member_status=np.array(["done", "diverged", "failed", "done"], dtype=object),
        diverged_at=np.array([-1, 70, -1, -1]),
    )
    found = entry_of(made, cell)
    assert found["ended"] == [("diverged", 0, 1, 70), ("failed", 5, 0, -1)]
    assert (found["seeds"], found["agents"]) == ([0, 5], 2)


def test_of_a_long_traceback_the_end_is_shown(made) -> None:
    text = "a" * MAX_ERROR + "the end"
    cell = made.cell("er", [0.5], faults=(Fault(text),))
    (error,) = entry_of(made, cell)["errors"]
    assert len(error) == MAX_ERROR
    assert error.endswith("the end")


def test_a_cell_without_a_finished_run_has_nothing_inside(made) -> None:
    lost = np.array(["failed"], dtype=object)
    found = entry_of(made, made.cell("er", [0.5], member_status=lost))
    assert (found["curves"], found["matrix"]) == ({}, None)


def test_a_short_stream_is_shown_task_by_task(made) -> None:
    matrix = np.array([[np.nan] * 2, [0.9, np.nan], [0.6, 0.8]])
    cell = made.cell("er", [0.5] * 3, accuracy=np.stack([matrix] * 3))
    found = entry_of(made, cell)
    assert found["matrix"]["tasks"] == ["1", "2"]
    assert (found["matrix"]["size"], found["matrix"]["ends"]) == (1, [1, 2])
    np.testing.assert_allclose(found["matrix"]["values"], matrix)
    # A_1 = 0.9, A_2 = (0.6 + 0.8) / 2; all seeds are equal, so the intervals have no width.
    average = found["curves"]["average"]
    np.testing.assert_allclose(average["points"], [[1, 0.9, 0.9, 0.9], [2, 0.7, 0.7, 0.7]])
    assert average["size"] == 1


def test_only_courses_that_were_measured_are_there(made) -> None:
    only_last = np.full((1, 4, 3), np.nan)
    only_last[0, 3] = 0.5
    found = entry_of(made, made.cell("joint", [0.5], accuracy=only_last))
    assert found["curves"] == {}
    assert found["matrix"] is not None


def test_the_last_block_ends_with_the_stream(made) -> None:
    tasks = 41
    cell = made.cell("er", [0.5], accuracy=np.full((1, tasks + 1, tasks), 0.5))
    matrix = entry_of(made, cell)["matrix"]
    # Twenty blocks at most: of two tasks there would be 21, so each has five.
    assert (matrix["size"], matrix["ends"][-2:]) == (5, [40, 41])
    assert matrix["tasks"][-1] == "41-41"


def test_each_repeat_is_told_in_words(made) -> None:
    cell = made.cell("er", [0.5, 0.6])
    again = Repeat(SAME, 2, False, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0, np.nan)
    found = entry_of(made, cell, again={cell.key: (again,)})
    assert found["again"] == "same numbers"
    (told,) = found["repeats"]
    assert (told["verdict"], told["seeds"]) == (SAME, 2)
    assert told["words"].startswith("2 seeds measured again")
