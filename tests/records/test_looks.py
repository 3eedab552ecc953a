"""Looks: each comparison of a record's seeds, kept in the record and never changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import CellRecord, RecordFile, read_record, write_file
from clbench.records.apart import drop
from clbench.records.combining import merge_records
from clbench.records.looks import Look, append_looks, seeds_of

FIRST = Look("2026-11-01T10:00:00+00:00", {"k": (0, 1, 2)}, "forgetting", 0.05, "t")
SECOND = Look("2026-11-02T10:00:00+00:00", {"k": (0, 1, 2, 7)}, "forgetting", 0.05, "t")
ADAPTIVE = replace(SECOND, test="declared looks", rule={"looks": [3, 4], "rope": None})


def cell(*seeds: int, key: str = "k") -> CellRecord:
    accuracy = np.random.default_rng(0).random((len(seeds), 2, 1))
    return CellRecord(key, "split", "er", key, np.array(seeds), accuracy, content={"of": key})


def saved(path: Path, *cells: CellRecord, looks: tuple[Look, ...] = ()) -> Path:
    cells = cells or (cell(0, 1, 2),)
    write_file(path, RecordFile(2, "demo", "name: demo", {"python": "3"}, list(cells), looks=looks))
    return path


def contents(path: Path) -> dict[str, object]:
    """Everything in a file but its looks: by name, attributes and values."""
    found: dict[str, object] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if name.split("/")[0] == "looks":
            return
        attributes = {key: value for key, value in item.attrs.items() if key != "REFERENCE_LIST"}
        values = repr(item[()].tolist()) if isinstance(item, h5py.Dataset) else ""
        found[name] = (sorted(map(str, attributes.items())), values)

    with h5py.File(path) as file:
        found["/"] = sorted(map(str, file.attrs.items()))
        file.visititems(visit)
    return found


def test_looks_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = saved(tmp_path / "r.h5", looks=(FIRST, ADAPTIVE))
    assert read_record(path).looks == (FIRST, ADAPTIVE)
    assert read_record(saved(tmp_path / "old.h5")).looks == ()


def test_a_look_is_added_behind_the_others_and_nothing_else_changes(tmp_path: Path) -> None:
    path = saved(tmp_path / "r.h5", looks=(FIRST,))
    with h5py.File(path, "r+") as file:
        file.create_group("of_a_stranger").attrs["note"] = "kept"
    before = contents(path)
    append_looks(path, read_record(path).looks, [SECOND])
    assert read_record(path).looks == (FIRST, SECOND)
    assert contents(path) == before
    assert "of_a_stranger" in before
    assert [one.name for one in tmp_path.iterdir()] == ["r.h5"]


def test_the_same_look_twice_is_noted_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "r.h5", looks=(FIRST,))
    bytes_before = path.read_bytes()
    again = replace(FIRST, when=SECOND.when)
    assert append_looks(path, read_record(path).looks, [again, again]) == (FIRST,)
    assert path.read_bytes() == bytes_before
    other_level = replace(FIRST, alpha=0.01)
    append_looks(path, read_record(path).looks, [other_level, again])
    assert read_record(path).looks == (FIRST, other_level)


def test_merging_and_dropping_keep_the_looks(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.h5", cell(0, 1, 2), cell(0, key="j"), looks=(FIRST, SECOND))
    other = saved(tmp_path / "b.h5", cell(3), looks=(replace(FIRST, when="2026"), ADAPTIVE))
    merged = merge_records([one, other], tmp_path / "out.h5")
    known = read_record(tmp_path / "out.h5").looks
    assert known == merged.looks == (replace(FIRST, when="2026"), SECOND, ADAPTIVE)
    assert drop(merged, ["j"], force=True).record.looks == known


def test_seeds_are_named_by_cell_each_once() -> None:
    agents = replace(cell(4, 4, 9, 9), agent=np.array([0, 1, 0, 1]))
    assert seeds_of([agents, cell(1, key="j")]) == {"k": (4, 9), "j": (1,)}


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("cells", '{"k": [[0, 10000000000000]]}', "more than"),
        ("cells", '{"k": 3}', "is no look"),
        ("cells", "[]", "not a JSON object"),
        ("alpha", "much", "is no look"),
    ],
)
def test_what_is_no_look_is_refused_in_a_sentence(
    tmp_path: Path, attribute: str, value: str, said: str
) -> None:
    path = saved(tmp_path / "r.h5", looks=(FIRST,))
    with h5py.File(path, "r+") as file:
        file["looks/000000"].attrs[attribute] = value
    with pytest.raises(RecordError, match=said):
        read_record(path)
