"""Which run measured what: facts once a run, and each member says which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import CellRecord, RecordFile, merge_cells, read_record, write_file
from clbench.records.combining import merge_records
from clbench.records.provenance import (
    LETTERS,
    environment_of,
    in_words,
    named,
    runs_of,
    stamped,
    united,
    with_runs,
)

HERE = named({"date": "2026-11-28T19:00:00+00:00", "cpu": "A", "device": "cpu"})
THERE = named({"date": "2026-11-29T07:30:00+00:00", "cpu": "B", "device": "cpu"})


def cell(*seeds: int, key: str = "k") -> CellRecord:
    accuracy = np.full((len(seeds), 2, 1), 0.5)
    content = {"of": key}
    return CellRecord(key, "split", "er", "er", np.array(seeds), accuracy, content=content)


def record(*cells: CellRecord, runs: tuple[object, ...] = (), **environment: str) -> RecordFile:
    return RecordFile(1, "demo", "name: demo", environment, list(cells), runs=runs)  # type: ignore[arg-type]


def test_runs_are_written_and_read_with_who_was_measured_in_each(tmp_path: Path) -> None:
    (both,) = merge_cells([stamped(cell(0, 1), HERE), stamped(cell(2), THERE)])
    write_file(tmp_path / "r.h5", record(both, runs=(HERE, THERE)))
    back = read_record(tmp_path / "r.h5")
    assert back.runs == (HERE, THERE)
    assert [(run["cpu"], seeds) for run, seeds in runs_of(back, back.cells[0])] == [
        ("A", [0, 1]),
        ("B", [2]),
    ]


def test_the_same_facts_are_one_run_wherever_they_were_written_down() -> None:
    assert named({"cpu": "A", "device": "cpu", "date": HERE["date"]}) == HERE
    assert united([(HERE,), (THERE, HERE)]) == (HERE, THERE)


def test_a_record_from_before_runs_says_of_its_members_what_it_said_of_itself(
    tmp_path: Path,
) -> None:
    old = with_runs(record(cell(0), torch="2.9"))
    ((run, seeds),) = runs_of(old, old.cells[0])
    assert (run["torch"], seeds) == ("2.9", [0])
    assert with_runs(old) is old
    untold = record(cell(0), torch="2.9")
    assert runs_of(untold, untold.cells[0]) == [({"torch": "2.9"}, [0])]
    silent = record(cell(0))
    assert with_runs(silent).runs == ()


def test_merged_records_know_where_each_seed_comes_from(tmp_path: Path) -> None:
    write_file(tmp_path / "a.h5", record(stamped(cell(0), HERE), runs=(HERE,)))
    write_file(tmp_path / "b.h5", record(cell(1), torch="2.9"))
    merge_records([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "c.h5")
    back = read_record(tmp_path / "c.h5")
    assert [seeds for _, seeds in runs_of(back, back.cells[0])] == [[0], [1]]
    assert [run.get("torch") for run in back.runs] == [None, "2.9"]


def test_a_run_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path / "r.h5", record(stamped(cell(0), HERE), runs=(HERE,)))
    with h5py.File(tmp_path / "r.h5", "a") as file:
        del file["cells/k/run"]
        file["cells/k/run"] = [1.5]
    with pytest.raises(RecordError, match="run holds something else than plain text"):
        read_record(tmp_path / "r.h5")


def test_a_run_in_words() -> None:
    packages = {"clbench": "0.1.0", "torch": "2.9.0", "numpy": "2"}
    run = {**HERE, "packages": packages, "git": "f" * 40}
    said = "2026-11-28 19:00:00 UTC, clbench 0.1.0, torch 2.9.0, A, commit ffffffffffff"
    assert in_words(run) == said
    assert in_words({"packages": 3}) == "nothing is known of it"
    assert in_words(replace(record(), environment={"device": "1 x H200"}).environment) == "1 x H200"


# ---------------------------------------------------------------------- who was measured where


def test_a_run_is_named_by_its_facts_in_any_order() -> None:
    one, other = named({"a": 1, "b": [2]}), named({"b": [2], "a": 1})
    assert one["id"] == other["id"]
    assert len(one["id"]) == LETTERS
    assert named({"a": 1, "b": [3]})["id"] != one["id"]
    assert {key: one[key] for key in ("a", "b")} == {"a": 1, "b": [2]}


def test_a_stamp_is_everybodys_and_leaves_the_cell_as_it_was() -> None:
    before = cell(0, 1)
    assert stamped(before, HERE).run.tolist() == [HERE["id"]] * 2
    assert before.run.tolist() == ["", ""]


def test_members_that_say_no_run_are_left_out() -> None:
    mixed = stamped(cell(3, 1, 2), HERE)
    mixed.run[0] = ""
    assert runs_of(record(mixed, runs=(HERE, THERE)), mixed) == [(HERE, [1, 2])]


def test_a_cell_was_measured_where_anything_of_it_was_last() -> None:
    (both,) = merge_cells([stamped(cell(0), HERE), stamped(cell(1), THERE)])
    assert environment_of(record(both, runs=(HERE, THERE)), both) == THERE
    assert environment_of(record(both, runs=(THERE, HERE)), both) == HERE
    untold = record(cell(0), runs=(HERE,), torch="2.9")
    assert environment_of(untold, untold.cells[0]) == {"torch": "2.9"}


@pytest.mark.parametrize("environment", [{"merged": "[]"}, {}])
def test_a_merged_or_silent_record_says_nothing_of_its_members(environment: dict[str, str]) -> None:
    told = record(cell(0), **environment)
    assert with_runs(told) is told
    assert runs_of(told, told.cells[0]) == []


def test_a_record_without_members_measured_nothing() -> None:
    empty = record(cell(), torch="2.9")
    assert with_runs(empty) is empty


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({}, "nothing is known of it"),
        ({"device": "cpu", "cpu": "EPYC"}, "EPYC"),
        ({"device": "cpu"}, "cpu"),
        ({"device": "H200", "cpu": "EPYC"}, "H200"),
        ({"cpu": "EPYC"}, "nothing is known of it"),
        ({"packages": {"torch": "2.9", "numpy": "2"}}, "torch 2.9"),
        ({"git": "0123456789abcdef"}, "commit 0123456789ab"),
        ({"date": 3}, "3"),
    ],
)
def test_what_is_known_of_a_run_is_a_line(run: dict[str, object], words: str) -> None:
    assert in_words(run) == words
