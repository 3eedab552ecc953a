"""Looks: each comparison of a record's seeds, kept in the record and never changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import CellRecord, RecordFile, read_record, write_file
from clbench.records.apart import drop
from clbench.records.combining import merge_records
from clbench.records.looks import Look, append_looks, looks_line, seeds_of, united_looks

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


# ---------------------------------------------------------------------- files of others


def test_looks_are_added_behind_whatever_numbers_another_program_gave(tmp_path: Path) -> None:
    """Counted from 1, the second one's number was given again, and `compare` broke off."""
    path = saved(tmp_path / "r.h5", looks=(FIRST, SECOND))
    with h5py.File(path, "r+") as file:
        file.move("looks/000000", "looks/000002")
    append_looks(path, read_record(path).looks, [ADAPTIVE])
    assert read_record(path).looks == (SECOND, FIRST, ADAPTIVE)


def test_many_ranges_of_seeds_are_no_more_than_one_large_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "r.h5", looks=(FIRST,))
    for ranges, fits in (([[0, 59_999], [0, 39_999]], True), ([[0, 59_999], [0, 40_000]], False)):
        with h5py.File(path, "r+") as file:
            file["looks/000000"].attrs["cells"] = json.dumps({"k": ranges})
        if fits:
            assert len(read_record(path).looks[0].cells["k"]) == 100_000
            continue
        with pytest.raises(RecordError, match=r"up to seed 40000 they are more than 100,000 seeds"):
            read_record(path)


# ---------------------------------------------------------------------- in a line


def test_a_line_says_how_often_these_seeds_were_compared() -> None:
    assert looks_line([]) is None
    more = replace(SECOND, cells={"k": (0, 1, 2, 7), "j": (0,)})
    other = replace(FIRST, metric="accuracy")
    line = looks_line([FIRST, more, FIRST, other])
    assert (
        line == "compared so far, since 2026-11-01: forgetting at 3, 4 seeds; accuracy at 3 seeds"
    )


def test_the_line_names_the_looks_that_were_declared_last() -> None:
    line = looks_line([FIRST, ADAPTIVE, SECOND])
    assert line is not None
    assert line.endswith("forgetting at 3, 4 seeds; seeds are added by declared looks at 3, 4")


def test_a_look_at_no_cell_is_one_at_no_seeds() -> None:
    assert replace(FIRST, cells={}).seeds == 0
    assert replace(FIRST, cells={"k": (1, 2), "j": (5,)}).seeds == 2


# ---------------------------------------------------------------------- which are the same


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(FIRST, when="2027"), True),
        (replace(FIRST, rule={"looks": [6]}), True),
        (replace(FIRST, cells={"k": (0, 1, 2), "j": ()}), True),
        (replace(FIRST, cells={"k": (0, 1)}), False),
        (replace(FIRST, metric="accuracy"), False),
        (replace(FIRST, alpha=0.01), False),
        (replace(FIRST, test="u"), False),
    ],
)
def test_looks_are_the_same_by_all_but_their_date(other: Look, same: bool) -> None:
    assert (other.content == FIRST.content) is same
    united = united_looks([[FIRST], [other]])
    assert len(united) == (1 if same else 2)


def test_united_looks_stand_in_the_order_of_their_dates() -> None:
    early, late = replace(FIRST, when="2025", alpha=0.1), replace(FIRST, when="2027", alpha=0.2)
    assert united_looks([[FIRST, late], [early, FIRST]]) == (early, FIRST, late)
    assert united_looks([]) == ()


@pytest.mark.parametrize("seeds", [(), (3,), (0, 1, 2), (0, 2, 3, 9), (5, 4, 3)])
def test_seeds_are_kept_as_unbroken_ranges(tmp_path: Path, seeds: tuple[int, ...]) -> None:
    look = replace(FIRST, cells={"k": seeds})
    path = saved(tmp_path / "r.h5", looks=(look,))
    assert read_record(path).looks[0].cells["k"] == tuple(sorted(seeds))


def test_equal_looks_are_equal_bytes_in_whatever_order_their_cells_stand(tmp_path: Path) -> None:
    cells = {"k": (0, 1), "j": (2,)}
    turned = dict(reversed(cells.items()))
    rules = {"looks": [3], "rope": None}, {"rope": None, "looks": [3]}
    one = saved(tmp_path / "a.h5", looks=(replace(FIRST, cells=cells, rule=rules[0]),))
    other = saved(tmp_path / "b.h5", looks=(replace(FIRST, cells=turned, rule=rules[1]),))
    assert one.read_bytes() == other.read_bytes()
