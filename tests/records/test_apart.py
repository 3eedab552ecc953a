"""What the suite no longer asks for: kept in the record, left out of everything, seen and dropped
when asked.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.errors import UserError
from clbench.records import CellRecord, RecordFile, Results, load, read_record, write_file
from clbench.records.apart import CELL, SEEDS, apart_line, divided, drop, drop_apart
from clbench.records.combining import merge_records


def cell(
    key: str, label: str = "er", seeds: tuple[int, ...] = (0, 1), apart: str = ""
) -> CellRecord:
    accuracy = np.full((len(seeds), 2, 1), 0.5)
    return CellRecord(
        key, "split", "er", label, np.array(seeds), accuracy, content={"of": key}, apart=apart
    )


def record(*cells: CellRecord, apart: tuple[CellRecord, ...] = ()) -> RecordFile:
    return RecordFile(1, "demo", "name: demo", {}, list(cells), (), list(apart))


EDITED = record(
    cell("now00001"),
    apart=(
        cell("old00001", apart=CELL),
        cell("old00002", apart=CELL),
        cell("old00003", "ewc", apart=CELL),
        cell("now00001", seeds=(7, 8), apart=SEEDS),
    ),
)


def test_what_is_kept_apart_is_written_and_read_beside_the_cells(tmp_path: Path) -> None:
    write_file(tmp_path / "r.h5", EDITED)
    back = read_record(tmp_path / "r.h5")
    assert [one.key for one in back.cells] == ["now00001"]
    assert [(one.key, one.apart) for one in back.apart] == [
        ("old00001", CELL),
        ("old00002", CELL),
        ("old00003", CELL),
        ("now00001", SEEDS),
    ]
    with h5py.File(tmp_path / "r.h5") as file:  # who reads without clbench finds what is asked for
        assert list(file["cells"]) == ["now00001"]


def test_a_large_record_reads_what_is_kept_apart_when_it_is_asked_for(tmp_path: Path) -> None:
    many = [cell(f"k{number:07}", f"er{number}") for number in range(201)]
    write_file(tmp_path / "r.h5", record(*many, apart=(cell("old", seeds=(3,), apart=CELL),)))
    assert read_record(tmp_path / "r.h5").apart[0].seed.tolist() == [3]


def test_frames_hold_what_the_suite_asks_for(tmp_path: Path) -> None:
    write_file(tmp_path / "r.h5", EDITED)
    results = load(tmp_path / "r.h5")
    frame = results.frame(["average_accuracy"])
    assert set(frame["strategy"]) == {"er"}
    assert set(frame["seed"]) == {0, 1}
    line = "3 cells and 2 seeds of other cells that the suite no longer asks for are kept apart"
    assert line in repr(results)
    assert frame.attrs["kept_apart"].startswith(line)


def test_cells_kept_apart_have_labels_that_tell_them_from_all_others() -> None:
    labels = [one.label for one in Results(EDITED).kept_apart().cells]
    assert labels == ["er [old00001]", "er [old00002]", "ewc", "er [now00001]"]


def test_a_record_of_another_library_keeps_nothing_apart(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file.attrs["schema_version"] = 1
        one = file.create_group("cells/x")
        one.attrs.update({"scenario": "split", "strategy": "er"})
        one["seed"] = [0]
        one["accuracy"] = np.zeros((1, 2, 1))
    back = read_record(tmp_path / "r.h5")
    assert (len(back.cells), back.apart, apart_line(back)) == (1, [], None)


def test_a_cell_is_divided_by_seed_with_the_status_of_each_part() -> None:
    whole = cell("k", seeds=(0, 1, 2))
    whole.member_status = np.array(["done", "failed", "done"], dtype=object)
    inside, outside = divided(whole, {0, 2})
    assert inside is not None
    assert outside is not None
    assert (inside.seed.tolist(), inside.status, inside.apart) == ([0, 2], "done", "")
    assert (outside.seed.tolist(), outside.status, outside.apart) == ([1], "failed", SEEDS)
    assert divided(whole, {0, 1, 2})[1] is None
    assert divided(whole, ())[0] is None


def test_cells_are_dropped_by_label_or_key() -> None:
    dropped = drop(EDITED, ["er [old00002]", "old00003"])
    assert [one.key for one in dropped.record.apart] == ["old00001", "now00001"]
    assert dropped.lines == ("split, er [old00002]: 2 seeds", "split, ewc: 2 seeds")


def test_of_a_cell_that_is_asked_for_only_seeds_kept_apart_go() -> None:
    dropped = drop(EDITED, ["now00001"])
    assert [one.key for one in dropped.record.cells] == ["now00001"]
    assert [one.key for one in dropped.record.apart] == ["old00001", "old00002", "old00003"]


def test_a_cell_that_the_suite_asks_for_is_dropped_by_force_alone() -> None:
    with pytest.raises(UserError, match=r"the suite asks for 'er'.*--force"):
        drop(EDITED, ["er"])
    assert drop(EDITED, ["er"], force=True).record.cells == []


def test_a_name_that_is_none_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"no cell 'ecw'; did you mean 'ewc'"):
        drop(EDITED, ["ecw"])


def test_everything_kept_apart_is_dropped_at_once() -> None:
    dropped = drop_apart(EDITED)
    assert (len(dropped.record.cells), dropped.record.apart, len(dropped.lines)) == (1, [], 4)


def test_merging_keeps_apart_what_no_record_asks_for(tmp_path: Path) -> None:
    write_file(tmp_path / "a.h5", EDITED)
    write_file(tmp_path / "b.h5", record(cell("old00003", "ewc"), cell("now00001", seeds=(7,))))
    merged = merge_records([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "c.h5")
    assert {one.key: one.seed.tolist() for one in merged.cells} == {
        "now00001": [0, 1, 7],
        "old00003": [0, 1],
    }
    assert {one.key: one.seed.tolist() for one in merged.apart} == {
        "old00001": [0, 1],
        "old00002": [0, 1],
        "now00001": [8],
    }
    assert merged.apart[0].apart == CELL


# ---------------------------------------------------------------------- in a line


@pytest.mark.parametrize(
    ("apart", "line"),
    [
        ((cell("old", apart=CELL),), "1 cell that the suite no longer asks for is kept apart: "),
        (
            (cell("old", apart=CELL), cell("older", apart=CELL)),
            "2 cells that the suite no longer asks for are kept apart: ",
        ),
        (
            (cell("now00001", seeds=(7,), apart=SEEDS),),
            "1 seed that the suite no longer asks for is kept apart: ",
        ),
        (
            (cell("old", apart=CELL), cell("now00001", seeds=(7, 8), apart=SEEDS)),
            "1 cell and 2 seeds of other cells that the suite no longer asks for are kept apart: ",
        ),
    ],
)
def test_a_line_counts_what_is_kept_apart(apart: tuple[CellRecord, ...], line: str) -> None:
    told = apart_line(record(cell("now00001"), apart=apart))
    assert told is not None
    assert told.startswith(line)
    one = line.startswith("1 ") and " and " not in line
    it = "it" if one else "them"
    assert told.endswith(f"--all` shows {it}, `clbench drop` removes {it}")


def test_a_record_that_keeps_nothing_apart_has_no_line() -> None:
    assert apart_line(record(cell("now00001"))) is None


def test_a_cell_of_which_all_or_nothing_is_asked_is_not_divided() -> None:
    one = cell("k", seeds=(1, 2))
    asked, rest = divided(one, {1, 2, 3})
    assert (asked, rest) == (one, None)
    asked, rest = divided(one, set(), why=CELL)
    assert asked is None
    assert rest is not None
    assert (rest.apart, rest.seed.tolist()) == (CELL, [1, 2])


def test_a_cell_that_is_named_twice_is_dropped_once() -> None:
    found = drop(EDITED, ["old00003", "ewc"])
    assert len(found.lines) == 1
    assert len(found.record.apart) == len(EDITED.apart) - 1
    assert drop_apart(record(cell("now00001"))).lines == ()
